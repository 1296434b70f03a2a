"""The benchmark's arithmetic and plumbing; no peer is needed, and no time is asserted."""

from __future__ import annotations

import ast
import json
import math
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from decoders.adapters import alignment_beam, best_path
from decoders.checks import check, exact_log_probs
from decoders.emissions import SETS, Emissions, NoEmissionsError, find, load
from decoders.environments import DDDDOCR, FASTAI, PEERS, RAPIDOCR, environments, set_up, why_missing
from decoders.goals import GOALS, Goal, compare, judge
from decoders.machine import Machine
from decoders.measure import Measured, Plan, measure
from decoders.process import SideFailedError, SideProcess
from decoders.report import Report
from decoders.sides import SIDES, chosen

from model_zoo.charset import Charset

CHARS = ["", "a", "b"]
MACHINE = Machine("a processor", 2, "Linux x86_64", "3.11.7", 0.1)


def _emissions(tmp_path: Path, probabilities: list[list[list[float]]], labels: list[list[int]]) -> Path:
    path = tmp_path / "set_made.npz"
    log_probs = np.log(np.array(probabilities, dtype=np.float32))
    np.savez(
        path, log_probs=log_probs, labels=np.array(labels), chars=np.array(CHARS), kind=np.zeros(len(labels))
    )
    return path


# Item 0: greedy says "" (0.36), the sum over paths "a" (0.64). Item 1: "ab" for sure.
# Blank frames follow, so that five characters fit.
SILENCE = [[1.0, 1e-9, 1e-9]] * 8
FRAMES = [
    [[0.6, 0.4, 1e-9], [0.6, 0.4, 1e-9], *SILENCE],
    [[1e-9, 1.0, 1e-9], [1e-9, 1e-9, 1.0], *SILENCE],
]


@pytest.mark.parametrize(
    ("value", "floor", "verdict"),
    [
        pytest.param(3.0, 1.3, "met", id="exactly the goal"),
        pytest.param(2.999, 1.3, "floor only", id="just below the goal"),
        pytest.param(1.3, 1.3, "floor only", id="exactly the floor"),
        pytest.param(1.299, 1.3, "not met", id="just below the floor"),
        pytest.param(2.999, None, "not met", id="no floor to fall back on"),
    ],
)
def test_a_value_is_judged_by_floor_and_goal(value: float, floor: float | None, verdict: str) -> None:
    assert judge(value, floor, 3.0) == verdict


def test_the_worst_set_decides_and_a_ratio_is_ours_over_theirs() -> None:
    rates = {"one": {"exact": 600.0, "nemo": 10.0}, "two": {"exact": 150.0, "nemo": 10.0}}
    (ratio,) = compare(rates, [Goal("exact", "nemo", 12.0, 30.0)])
    assert ratio.by_set == {"one": 60.0, "two": 15.0}
    assert (ratio.worst, ratio.worst_set, ratio.verdict) == (15.0, "two", "floor only")


def test_a_side_without_a_rate_on_some_set_leaves_its_goal_not_measured() -> None:
    rates = {"one": {"exact": 600.0, "nemo": 10.0}, "two": {"exact": 150.0}}
    (ratio,) = compare(rates, [Goal("exact", "nemo", 12.0, 30.0)])
    assert (ratio.worst, ratio.verdict) == (None, "not measured")


def test_every_goal_names_sides_that_there_are() -> None:
    names = [side.name for side in SIDES]
    assert len(set(names)) == len(names)
    assert {name for goal in GOALS for name in (goal.ours, goal.peer)} <= set(names)


def test_an_unknown_side_is_refused_with_those_that_there_are() -> None:
    names = ", ".join(side.name for side in SIDES)
    with pytest.raises(ValueError, match="^" + re.escape(f"side 'x' is unknown; give some of {names}") + "$"):
        chosen(["greedy", "x"])


def test_every_peer_is_pinned_and_no_file_names_a_host() -> None:
    assert sorted(path.stem for path in PEERS.iterdir()) == sorted(
        [*environments(), FASTAI, DDDDOCR, RAPIDOCR]
    )
    for path in PEERS.iterdir():
        wanted = [line for line in path.read_text().splitlines() if not line.startswith("#")]
        assert all(re.fullmatch(r"[\w\[\]-]+==[\w.]+", line) for line in wanted), path.name


@pytest.mark.parametrize("adapter", sorted({side.adapter for side in SIDES}))
def test_an_adapter_makes_a_decoder_from_characters_and_a_variant(adapter: str) -> None:
    tree = ast.parse((PEERS.parent / "decoders" / "adapters" / f"{adapter}.py").read_text())
    (make,) = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "make"]
    assert [argument.arg for argument in make.args.args] == ["chars", "variant"]


@pytest.mark.parametrize("module", ["readings", "sides", "serve"])
def test_what_runs_in_the_peers_environments_needs_numpy_at_most(module: str) -> None:
    tree = ast.parse((PEERS.parent / "decoders" / f"{module}.py").read_text())
    names = {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    names |= {alias.name for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names}
    outside = {name.split(".")[0] for name in names} - sys.stdlib_module_names
    assert outside <= {"numpy", "decoders"}


def test_missing_sets_are_refused_with_the_place_that_was_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAPTCHAFLEET_DATA", str(tmp_path))
    with pytest.raises(NoEmissionsError) as refusal:
        find()
    assert str(refusal.value) == (
        f"{tmp_path}/emissions/set_{SETS[0]}.npz is missing; "
        f"set CAPTCHAFLEET_DATA to the folder that holds emissions/set_{SETS[0]}.npz"
    )


def test_a_string_counts_with_all_its_paths_and_a_missing_one_with_none() -> None:
    log_probs = torch.tensor(FRAMES, dtype=torch.float64).log().log_softmax(2)
    found = exact_log_probs(log_probs, Charset("ab"), [["a", ""], ["ab"]]).exp()
    assert found == pytest.approx(torch.tensor([[0.64, 0.36], [1.0, 0.0]]).double(), abs=1e-6)


def test_a_better_string_than_the_exact_decoders_is_counted(tmp_path: Path) -> None:
    made = load("made", _emissions(tmp_path, FRAMES, [[1, 0], [1, 2]]))
    assert isinstance(made, Emissions)
    found = check(made, {"exact": [[""], ["ab"]], "nemo": [["a"], ["ab"]], "greedy": [[""], ["b"]]})
    assert found.better == {"nemo": 1, "greedy": 0}
    assert found.worse == {"nemo": 0, "greedy": 1}
    assert found.exact_match["nemo"] == 1.0
    assert found.exact_match["exact"] == 0.5


def test_strings_that_a_peer_has_twice_count_once_in_its_mass(tmp_path: Path) -> None:
    made = load("made", _emissions(tmp_path, FRAMES[:1], [[1, 0]]))
    found = check(made, {"flashlight-text-ten": [["a", "a", ""]], "exact-ten": [["a"]]})
    assert found.mass == pytest.approx({"flashlight-text-ten": 1.0, "exact-ten": 0.64}, abs=1e-6)


def test_the_best_path_is_collapsed() -> None:
    frames = [[0.1, 0.8, 0.1], [0.1, 0.8, 0.1], [0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]]
    found = best_path.make(CHARS, "best")(np.log(np.array([frames, [[0.8, 0.1, 0.1]] * 5], dtype=np.float32)))
    assert found.texts == ["aab", ""]
    assert found.log_probs == pytest.approx([5 * math.log(0.8)] * 2)


@pytest.mark.parametrize("variant", ["post", "lists"])
def test_the_posts_search_sums_the_alignments_that_it_kept(variant: str) -> None:
    log_probs = np.log(np.array(FRAMES, dtype=np.float32))
    found = alignment_beam.make(CHARS, variant)(log_probs)
    assert found.texts == ["a", "ab"]
    assert found.log_probs == pytest.approx([math.log(0.64), 0.0], abs=1e-6)


def test_a_side_runs_in_a_process_of_its_own(tmp_path: Path) -> None:
    path = _emissions(tmp_path, FRAMES * 100, [[1, 0], [1, 2]] * 100)
    (side,) = chosen(["alignment-beam-lists"])
    for threads in (1, 2):
        process = SideProcess(side, threads)
        assert process.versions["numpy"] == np.__version__
        assert process.ask("load", path=str(path)) == {"items": 200}
        assert process.ask("time", first=0, seconds=0.0)["rate"] > 0
        assert process.ask("read", items=3) == {"texts": [["a"], ["ab"], ["a"]]}
        process.close()


def test_a_side_that_fails_says_why(tmp_path: Path) -> None:
    (side,) = chosen(["alignment-beam-lists"])
    process = SideProcess(side, 1)
    missing = tmp_path / "none.npz"
    with pytest.raises(SideFailedError) as failure:
        process.ask("load", path=str(missing))
    assert (
        str(failure.value) == f"failed: FileNotFoundError: [Errno 2] No such file or directory: '{missing}'"
    )


def test_a_peer_that_is_not_installed_is_reported_and_the_others_are_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("decoders.environments.FOLDER", tmp_path / "envs")
    path = _emissions(tmp_path, FRAMES, [[1, 0], [1, 2]])
    sides, plan = chosen(["alignment-beam-lists", "nemo"]), Plan((1,), 1, 0.0, 2)
    measured = measure(sides, {"made": path}, plan)
    assert measured.failures == {"nemo": "not installed: run benchmarks/ctc.py --setup"}
    assert measured.texts == {"made": {"alignment-beam-lists": [["a"], ["ab"]]}}
    report = Report(MACHINE, plan, sides, measured, {})
    assert "not installed: run benchmarks/ctc.py --setup" in report.text()
    assert json.loads(json.dumps(report.as_json()))["rates"]["1"]["made"].keys() == {"alignment-beam-lists"}


def test_a_peer_that_cannot_be_installed_keeps_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uv = tmp_path / "uv"
    uv.write_text("#!/bin/sh\necho no wheel for this Python >&2\nexit 1\n")
    uv.chmod(0o755)
    monkeypatch.setattr("decoders.environments.FOLDER", tmp_path / "envs")
    monkeypatch.setattr("decoders.environments._uv", lambda: str(uv))
    assert set_up("nemo") == "no wheel for this Python"
    assert why_missing("nemo") == "not installed: no wheel for this Python"


def test_the_report_shows_ratio_and_verdict() -> None:
    rates = {1: {"made": {"exact": 900_000.0, "greedy": 2_000_000.0}}}
    plan = Plan((1,), 1, 0.0, 0)
    report = Report(MACHINE, plan, chosen(["exact", "greedy"]), Measured(rates=rates), {})
    (line,) = [line for line in report.text().splitlines() if line.startswith("| exact / greedy")]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells == ["exact / greedy", "0.45", "0.45", "0.2 / 0.5", "floor only"]
    assert report.mass_verdict == "not measured"

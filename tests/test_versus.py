"""benchmarks/versus.py: sides, settings, accuracy and tables, with readers that are made up; no time is
asserted."""

from __future__ import annotations

import ast
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import versus
from decoders.environments import DDDDOCR, RAPIDOCR
from decoders.sides import OURS
from rivals import post_reader
from rivals.accuracy import Accuracy, as_it_comes, out_of_fold, told
from rivals.ours import end_to_end
from rivals.report import fastest, show
from rivals.sides import DECODING, NOT_RUN, RIVALS, Rival, Setting, rival, settings
from rivals.team import ReaderFailedError, Team
from speed.common import Runs
from speed.journal import JobEndedError

from model_zoo.split import LabelledFile

EXAMPLES = Path(__file__).parent.parent / "examples" / "captchas"
BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


def files(*names: str) -> list[LabelledFile]:
    return [LabelledFile(Path(f"{name}.png"), name, "0" * 64) for name in names]


def test_every_honest_setting_is_tried_once() -> None:
    assert list(map(str, settings(4))) == ["1 x 4", "1 x default", "4 x 1", "4 x default"]
    assert list(map(str, settings(1))) == ["1 x 1", "1 x default"]


def test_an_unknown_reader_is_refused_with_those_that_there_are() -> None:
    assert rival("ddddocr").environment == DDDDOCR
    with pytest.raises(ValueError, match="unknown") as refusal:
        rival("dddd")
    names = "ddddocr, ddddocr beta, RapidOCR, the post's pipeline"
    assert str(refusal.value) == f"reader 'dddd' is unknown; give one of {names}"


@pytest.mark.parametrize("module", sorted({it.module for it in (*RIVALS, DECODING)}))
def test_a_reader_is_made_from_variant_and_threads_and_needs_what_its_environment_has(module: str) -> None:
    tree = ast.parse((BENCHMARKS / "rivals" / f"{module}.py").read_text())
    (make,) = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "make"]
    assert [argument.arg for argument in make.args.args] == ["variant", "threads"]
    names = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    names |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    outside = {name.split(".")[0] for name in names} - sys.stdlib_module_names
    environments = {it.environment for it in (*RIVALS, DECODING) if it.module == module}
    allowed = {DDDDOCR: {"ddddocr", "onnxruntime"}, RAPIDOCR: {"rapidocr_onnxruntime"}}
    for environment in environments - {OURS}:
        assert outside <= allowed[environment]


# --- readers in processes of their own

MADE = Rival("made", OURS, "made_reader", "echo", "says the name of a file")


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A reader whose text is a file's name with its process's threads; a file called `die` ends it."""
    package = tmp_path / "rivals"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "serve.py").write_text((BENCHMARKS / "rivals" / "serve.py").read_text())
    (package / "made_reader.py").write_text(
        "import os, sys\n"
        "PACKAGES = ('numpy',)\n"
        "def make(variant, threads):\n"
        "    print('what a library prints is no answer')\n"
        "    own = os.environ.get('OMP_NUM_THREADS')\n"
        "    def read(files):\n"
        "        if 'die' in files: sys.exit('no more')\n"
        "        return [f'{variant}:{file}:{threads}:{own}' for file in files]\n"
        "    return read\n"
    )
    monkeypatch.setattr("rivals.team.BENCHMARKS", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        pytest.param(Setting(1, 2), "2:2", id="threads are told and set"),
        pytest.param(Setting(3, 1), "1:1", id="files are shared among processes"),
        pytest.param(Setting(2, None), "None:None", id="the library chooses"),
    ],
)
def test_a_team_reads_every_file_in_order(made: Path, setting: Setting, said: str) -> None:
    names = [f"f{number}" for number in range(7)]
    with Team(MADE, setting) as team:
        assert team.read(names) == [f"echo:{name}:{said}" for name in names]
        assert team.versions == {"numpy": np.__version__}


def test_a_reader_that_ends_says_why(made: Path) -> None:
    with Team(MADE, Setting(2, 1)) as team, pytest.raises(ReaderFailedError) as failure:
        team.read(["a", "die"])
    assert str(failure.value) == "made failed: no more"


def test_a_reader_that_is_not_installed_or_fails_is_named_and_left_out(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reasons = {"ddddocr": "not installed: run benchmarks/styles.py --setup", OURS: None}
    monkeypatch.setattr(versus, "why_missing", lambda environment: reasons[environment])
    missing = versus.ask(rival("ddddocr"), files("ab"), 2)
    failing = versus.ask(MADE, files("ab"), 2)
    (made / "rivals" / "made_reader.py").write_text("raise SystemExit('no network')")
    broken = versus.ask(MADE, files("ab"), 2)

    assert missing["failure"] == "not installed: run benchmarks/styles.py --setup"
    assert failing["failure"] is None
    assert [it["right"] for it in failing["accuracy"]] == [0, 1], (
        "`echo:ab.png:1:1` with the characters a and b alone"
    )
    assert broken["failure"] == "made failed: no network"
    sides = versus.others({rival("ddddocr"): missing, MADE: failing}, files("ab"), 2, 1.0)
    tried = ["1 x 2", "1 x default", "2 x 1", "2 x default"]
    assert list(sides) == [DECODING.name, *(f"made, {setting}" for setting in tried)]


def test_a_measurement_grows_to_the_seconds_that_were_asked_for(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[list[str]] = []
    # Each reading takes a hundredth of a second a file.
    clock = iter([number / 100 for pair in ((0, 8), (8, 16), (16, 36)) for number in pair])
    monkeypatch.setattr("rivals.team.time", SimpleNamespace(perf_counter=lambda: next(clock)))
    with Team(MADE, Setting(2, 1)) as team:
        monkeypatch.setattr(team, "read", read.append)
        assert team.rate(["a", "b", "c"], 0.2) == pytest.approx(100)
    few = ["a", "b", "c", "a", "b", "c", "a", "b"]
    assert read == [few, few, [*few, "c", "a", "b", "c", "a", "b", "c", "a", "b", "c", "a", "b"]]


def test_a_slow_reader_gets_a_few_files_all_the_same(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[list[str]] = []
    clock = iter([0, 800, 800, 1600, 1600, 2400])
    monkeypatch.setattr("rivals.team.time", SimpleNamespace(perf_counter=lambda: next(clock)))
    with Team(MADE, Setting(2, 1)) as team:
        monkeypatch.setattr(team, "read", read.append)
        assert team.rate(["a"], 0.2) == 0.01
    assert [len(files) for files in read] == [8, 8, 8]


# --- the post's pipeline


def test_the_posts_search_gets_the_least_work_that_it_can_have() -> None:
    chars = ["", "a", "b"]
    frames = post_reader.sure("aab", (1, 8, 3), chars)
    assert frames.shape == (1, 8, 3)
    assert np.exp(frames).sum(2) == pytest.approx(np.ones((1, 8)))
    assert frames[0].argmax(1).tolist() == [1, 0, 1, 0, 2, 0, 0, 0]
    assert np.exp(frames).max(2) == pytest.approx(np.full((1, 8), post_reader.SURE))


def test_the_posts_pipeline_reads_files() -> None:
    names = sorted(EXAMPLES.glob("*.png"))[:2]
    read = post_reader.make("post", 1)
    assert read([str(name) for name in names]) == [name.stem for name in names]


# --- accuracy


def test_a_reader_that_is_told_the_characters_may_say_others() -> None:
    given = files("ab1", "b2a", "aa")
    texts = ["aB1", "(b2a", "a"]
    assert as_it_comes(texts, given).right == 0
    assert told(texts, given).right == 2


def test_a_shipped_model_has_the_worst_of_its_seeds_on_these_very_files(tmp_path: Path) -> None:
    head = "file,label,part,text,probability,length_text,length_probability\n"
    for seed, texts in enumerate((("ab", "bb", "x"), ("ab", "b", "cc"), ("ab", "bb"))):
        rows = zip(("ab", "bb", "cc"), texts, strict=False)
        lines = [f"{label}.png,{label},0,{text},0.9,{text},0.9\n" for label, text in rows]
        (tmp_path / f"m-seed-{seed}.csv").write_text(head + "".join(lines))
    found = out_of_fold("m", files("ab", "bb", "cc"), tmp_path)
    assert found == Accuracy(2, 3, "out of fold, the worst of its seeds"), "seed 2 did not answer all of them"
    assert out_of_fold("m", files("zz"), tmp_path) is None
    assert out_of_fold("other", files("ab"), tmp_path) is None


def test_the_posts_figures_are_those_of_the_committed_logs() -> None:
    theirs, here = versus.published()
    assert (theirs.right, theirs.n, here.right, here.n) == (101, 104, 76, 88)


# --- tables


def accuracy(right: int) -> dict[str, Any]:
    return Accuracy(right, 100, "as it comes").to_object()


def made_figures(ours: float, right: int) -> dict[str, Any]:
    """Two models of ours, one reader in two settings, one that failed."""
    slow, fast = Runs((50.0, 60.0)), Runs((80.0, 100.0))
    rates = {name: Runs((ours, ours)) for name in ("kaptcha", "nano")}
    rates |= {"ddddocr, 1 x 2": slow, "ddddocr, 2 x 1": fast}
    tried = [{"setting": it, "rate": rates[f"ddddocr, {it}"].to_object()} for it in ("1 x 2", "2 x 1")]
    figures: dict[str, Any] = {
        "cores": 2,
        "ours": [
            {"model": f"{name}@1", "rate": rates[name].to_object(), "accuracy": accuracy(right)}
            for name in ("kaptcha", "nano")
        ],
        "decoding": Runs((9_000.0,)).to_object(),
        "rivals": [
            {"name": "ddddocr", "settings": tried, "accuracy": [accuracy(90), accuracy(95)], "failure": None},
            {"name": "RapidOCR", "settings": [], "accuracy": [], "failure": "not installed: no wheel"},
        ],
        "not_run": NOT_RUN,
    }
    figures["ratios"] = versus._ratios(figures, rates)
    return json.loads(json.dumps(figures))


def test_ours_is_held_against_the_fastest_setting_round_by_round() -> None:
    figures = made_figures(1_200.0, 96)
    assert fastest(figures["rivals"][0])["setting"] == "2 x 1"
    assert figures["ratios"]["kaptcha@1"]["ddddocr"]["values"] == [15.0, 12.0]
    lines = show(figures).splitlines()
    assert "| ddddocr | 2 x 1 | 90.0 | 80.0 | 100.0 | 13.5 | 13.5 |" in lines
    assert "| `nano`, `producer submit` | - | 1,200 | 1,200 | 1,200 | - | - |" in lines
    goal = "ddddocr in the fastest setting of its faster network"
    assert f"| `kaptcha` >= 12 x {goal} | 13.5 | 12.0 | 15.0 | met |" in lines
    assert f"| `nano` >= 35 x {goal} | 13.5 | 12.0 | 15.0 | not met |" in lines
    assert "| no goal: the ceiling that our image decoding alone sets | 100.0 | - | - | - |" in lines
    assert "- RapidOCR: not installed: no wheel" in lines
    assert "- docTR 1.1.0: " + NOT_RUN["docTR 1.1.0"] in lines


@pytest.mark.parametrize(("right", "verdict"), [(96, "met"), (95, "not met")])
def test_a_faster_model_must_read_more_as_well(right: int, verdict: str) -> None:
    title = "`kaptcha` reads more of the images than any ddddocr, told the characters or not"
    (line,) = [it for it in show(made_figures(1_200.0, right)).splitlines() if it.startswith(f"| {title}")]
    assert line == f"| {title} | {right}.00% : 95.00% | - | - | {verdict} |"


def test_without_the_peer_no_goal_is_judged() -> None:
    figures = made_figures(1_200.0, 96)
    figures["rivals"][0]["failure"] = "not installed"
    figures["ratios"] = {"kaptcha@1": {}, "nano@1": {}}
    lines = [it for it in show(figures).splitlines() if ">= 12 x" in it or ">= 35 x" in it]
    assert [it.split("|")[-2].strip() for it in lines] == ["not measured", "not measured"]


# --- the command


def test_too_few_images_and_a_missing_folder_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "none"
    assert versus.main(["--images", "10"]) == 2
    assert versus.main(["--originals", str(missing)]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "versus.py: 10 images are too few, 1,000 are the least",
        f"versus.py: data folder '{missing}' is not there; give a folder of images named LABEL.png",
    ]


def test_a_submission_that_ends_early_is_no_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    images = tmp_path / "images"
    with pytest.raises(JobEndedError) as failure:
        end_to_end(images, 1000, "nano", tmp_path)
    log = tmp_path / "producer-nano.log"
    said = f"Error: {images} is not a directory; name a folder of images"
    assert str(failure.value).startswith("the job ended with 0 answers, 100 were expected; ")
    assert str(log) in str(failure.value)
    assert said.split(";")[0] in log.read_text()
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.redis
def test_a_submission_is_timed_from_files_to_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert end_to_end(EXAMPLES, 200, "nano", tmp_path) > 0
    assert os.listdir(tmp_path) == ["producer-nano.log"]

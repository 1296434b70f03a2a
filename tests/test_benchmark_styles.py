"""benchmarks/styles.py: what is known of a style, the sides and the command; no peer and no data needed."""

from __future__ import annotations

import ast
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import styles
import styles_sides
from styles_results import Figure, Peer, Results, StyleResults, Trained, load
from styles_sets import Style, StylesError, find_styles

from model_zoo.cards import BUILT_IN, read_card
from model_zoo.seen import TrainingImages
from model_zoo.split import LabelledFile

EXAMPLES = Path(__file__).parent.parent / "examples" / "captchas"
BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
NANO = read_card(BUILT_IN / "nano.json")
NANO_ID = f"nano@{NANO.fingerprint}"


@pytest.fixture
def examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with one style, `made`: some of the example captchas, which `nano` reads."""
    monkeypatch.setenv("CAPTCHAFLEET_DATA", str(tmp_path))
    folder = tmp_path / "styles" / "made"
    folder.mkdir(parents=True)
    for path in sorted(EXAMPLES.glob("*.png"))[:60]:
        shutil.copy(path, folder)
    return folder


def made(charset: str = "ab", low: int = 1, high: int = 2, case_blind: bool = False) -> Style:
    return Style("made", Path("made"), (), charset, low, high, case_blind)


def test_styles_are_found_by_name(examples: Path) -> None:
    (examples.parent / "notes.txt").write_text("no style")
    assert [style.name for style in find_styles()] == ["made"]
    with pytest.raises(StylesError) as refusal:
        find_styles(["made", "mad"])
    assert str(refusal.value) == f"style 'mad' is not in {examples.parent}; there are made"


def test_missing_styles_are_refused_with_the_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPTCHAFLEET_DATA", str(tmp_path))
    with pytest.raises(StylesError) as refusal:
        find_styles()
    assert str(refusal.value) == (
        f"{tmp_path}/styles holds no folders of images; "
        "set CAPTCHAFLEET_DATA to the folder that holds styles/"
    )


# --- the peer


def logs(*frames: list[float]) -> np.ndarray[Any, Any]:
    with np.errstate(divide="ignore"):
        return np.log(np.array(frames))


def test_a_peers_frames_are_folded_and_held_to_the_lengths() -> None:
    style = made("ab", 2, 2, case_blind=True)  # classes: blank, a, b, A, B
    either = [0.0, 0.3, 0.4, 0.3, 0.0]  # `a` in one of its cases, though `b` is the best class
    second = [0.1, 0.1, 0.8, 0.0, 0.0]
    blank = [0.9, 0.1, 0.0, 0.0, 0.0]

    texts = styles_sides.read_within([logs(either, second), logs(either, blank, second), logs(blank)], style)

    assert texts == ["ab", "ab", None]


def test_the_peers_answers_become_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [LabelledFile(Path(f"{label}_t.png"), label, "0" * 64) for label in ("ab", "ba")]
    style = replace(made("ab", 2, 2, case_blind=True), test=tuple(files))
    (tmp_path / "styles_peer.py").write_text(
        "import json, sys, numpy as np\n"
        "request = json.load(sys.stdin)\n"
        "assert request['characters'] == 'abAB'\n"
        "texts = ['AB' if 'ab_t' in path else 'b' for path in request['files']]\n"
        "a, b = [.1, .9, 0, 0, 0], [.1, .1, .8, 0, 0]\n"
        "arrays = {'default_frames': [2, 2], 'default_log_probs': np.log(np.array([a, b, b, a]) + 1e-9)}\n"
        "np.savez(request['out'], **arrays)\n"
        "found = {'default': {'texts': texts, 'seconds': 0.5}}\n"
        "print(json.dumps({'networks': found, 'versions': {'ddddocr': '1'}}))\n"
    )
    monkeypatch.setattr(styles_sides, "BENCHMARKS", tmp_path)
    monkeypatch.setattr(styles_sides, "python_of", lambda _: Path(sys.executable))

    (peer,) = styles_sides.measure_peer(style)

    assert peer == Peer("default", Figure(1, 2, 0.5), Figure(2, 2), {"ddddocr": "1"})


def test_a_peer_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "styles_peer.py").write_text("raise SystemExit('no network')")
    monkeypatch.setattr(styles_sides, "BENCHMARKS", tmp_path)
    monkeypatch.setattr(styles_sides, "python_of", lambda _: Path(sys.executable))
    with pytest.raises(StylesError, match=r"^ddddocr failed on made: no network$"):
        styles_sides.measure_peer(made())


def test_what_runs_in_the_peers_environment_imports_nothing_of_this_project() -> None:
    tree = ast.parse((BENCHMARKS / "styles_peer.py").read_text())
    names = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    names |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    outside = {name.split(".")[0] for name in names} - sys.stdlib_module_names
    assert outside == {"ddddocr", "numpy", "onnxruntime", "PIL"}


# --- our sides

FAKE_TRAIN = """
import json, pathlib, shutil, sys
given = dict(zip(sys.argv[2::2], sys.argv[3::2]))
out, name, weights = pathlib.Path(given["--out"]), given["--name"], pathlib.Path({weights!r})
with (out / "calls.txt").open("a") as calls:
    calls.write(" ".join(sys.argv[1:2] + sys.argv[8:]) + "\\n")
card = json.loads((weights / "crnn-small.json").read_text())
card["name"] = name
card["recipe"]["start"] = "generic@0123456789abcdef"
(out / f"{{name}}.json").write_text(json.dumps(card))
for suffix in ("safetensors", "seen"):
    shutil.copy(weights / f"crnn-small.{{suffix}}", out)
"""


@pytest.fixture
def fake_train(tmp_path: Path) -> list[str]:
    """A command that makes a model of any folder at once, and notes how it was called."""
    script = tmp_path / "train.py"
    script.write_text(FAKE_TRAIN.format(weights=str(BUILT_IN)))
    return [sys.executable, str(script)]


def test_a_trained_model_is_read_as_it_comes(examples: Path, tmp_path: Path, fake_train: list[str]) -> None:
    (style,) = find_styles()
    zoo = tmp_path / "zoo"

    found = styles_sides.measure_trained(style, zoo, 2.5, again=False, command=fake_train)

    assert found.model.startswith("made@")
    assert (found.start, found.minutes) == ("generic@0123456789abcdef", 2.5)
    assert found.figure.n == len(style.test)
    assert found.figure.value > 0.9
    assert (zoo / "calls.txt").read_text() == "train --minutes 2.5\n"


def test_a_training_goes_on_and_is_not_repeated_unless_asked(
    examples: Path, tmp_path: Path, fake_train: list[str]
) -> None:
    (style,) = find_styles()
    zoo = tmp_path / "zoo"
    zoo.mkdir()
    (zoo / "made.checkpoint").write_text("half a training")

    first = styles_sides.measure_trained(style, zoo, None, again=False, command=fake_train)
    second = styles_sides.measure_trained(style, zoo, None, again=False, command=fake_train)
    third = styles_sides.measure_trained(style, zoo, None, again=True, command=fake_train)

    # The third deletes what belongs to the style; the list of calls does not.
    assert (zoo / "calls.txt").read_text() == "train --resume\ntrain\n"
    assert second.seconds is None
    assert first.figure.right == second.figure.right == third.figure.right


def test_a_training_that_fails_says_why_and_where(examples: Path, tmp_path: Path) -> None:
    (style,) = find_styles()
    command = [sys.executable, "-c", "import sys; print('going'); sys.exit('too few images')"]
    with pytest.raises(StylesError) as failure:
        styles_sides.measure_trained(style, tmp_path / "zoo", None, again=False, command=command)
    assert str(failure.value) == (
        f"model-zoo train failed on made: too few images (all of it: {tmp_path}/zoo/made.log)"
    )


def test_a_model_that_saw_test_images_has_no_figure(examples: Path) -> None:
    (style,) = find_styles()
    seen = TrainingImages.of([style.test[0].sha256])
    solver: Any = SimpleNamespace(training_images=seen, card=SimpleNamespace(name="cheat"))
    with pytest.raises(StylesError) as refusal:
        styles_sides.check_unseen(style, solver)
    assert str(refusal.value) == (
        f"model cheat was trained on 1 of the {len(style.test)} test images of made, so it has no figure on "
        "them; choose another model, or train it anew"
    )


# --- the command


def test_zero_shot_is_measured_once_for_a_fingerprint(
    examples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "kept.json"
    command = ["--stage", "zero", "--model", "nano", "--json", str(kept)]

    assert styles.main(command) == 0
    once = load(kept)
    assert once is not None
    (zero,) = once.styles[0].zero
    assert once.model == zero.model == NANO_ID
    assert zero.constrained.right >= zero.plain.right > 0.9 * zero.plain.n

    capsys.readouterr()
    assert styles.main(command) == 0
    said = capsys.readouterr().out.splitlines()[0]
    assert said == (
        f"made: zero is kept ({NANO_ID} {zero.plain.value:.1%}, constrained {zero.constrained.value:.1%}); "
        "--again measures it anew"
    )
    assert load(kept) == replace(once, machine=load(kept).machine)  # type: ignore[union-attr]

    assert styles.main([*command, "--again"]) == 0
    again = load(kept)
    assert again is not None
    assert [it.model for it in again.styles[0].zero] == [NANO_ID, NANO_ID]


def test_a_style_that_fails_does_not_stop_the_next(
    examples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(examples, examples.parent / "other")

    def measure(style: Style, *_: Any) -> Trained:
        if style.name == "made":
            raise StylesError("it failed")
        return Trained("other@0", Figure(1, len(style.test)))

    monkeypatch.setattr(styles, "measure_trained", measure)
    kept = tmp_path / "kept.json"

    assert styles.main(["--stage", "train", "--json", str(kept)]) == 1
    found = load(kept)
    assert found is not None
    assert [row.name for row in found.styles] == ["other"]
    assert capsys.readouterr().err == "styles.py: it failed\n"


def test_a_peer_that_is_not_installed_ends_the_run_at_once(
    examples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("decoders.environments.FOLDER", tmp_path / "envs")
    assert styles.main(["--model", "nano", "--json", str(tmp_path / "kept.json")]) == 2
    assert capsys.readouterr().err == (
        "styles.py: ddddocr is not installed: run benchmarks/styles.py --setup\n"
    )


def test_figures_of_other_images_are_not_continued(examples: Path) -> None:
    (style,) = find_styles()
    with pytest.raises(StylesError) as refusal:
        Results("", {}, (StyleResults("made", "0" * 64, "ab", 4, 6, "kept"),)).of(style)
    assert str(refusal.value) == (
        f"the figures that are kept of made are of other images than those of {examples}; "
        "keep the new ones in another file with --json"
    )

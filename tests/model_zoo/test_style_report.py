"""The report of a training: every number of its JSON, and a page that loads nothing and hides nothing."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from auditing import some_samples
from test_style_figures import Read

from model_zoo.charset import Charset
from model_zoo.split import RULE, LabelledFile
from model_zoo.style.report.limits import limits
from model_zoo.style.report.training import (
    MAX_SUSPECTS,
    MAX_WRONG,
    TrainingReport,
    write_training_report,
)
from model_zoo.style.samples import Samples, read_samples
from model_zoo.style.temperature import Tempering
from model_zoo.style.tuned import StyleEpoch, Suspect

TEMPERED = Tempering(None, "not calibrated: 13 validation images are too few, expected at least 100")
EPOCHS = (StyleEpoch(1, 10.0, 3.0, 0.25), StyleEpoch(2, 20.0, 1.0, 0.75), StyleEpoch(3, 30.0, 0.5, 1.0))


class Page(HTMLParser):
    """What a browser would see of a page: tags with attributes, and its text."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def tuned(samples: Samples, suspects: tuple[Suspect, ...] = ()) -> Any:
    """What a report shows of `Tuned`; it asks for no network."""
    return SimpleNamespace(
        charset=Charset(samples.charset),
        height=48,
        width=192,
        time_steps=24,
        epochs=EPOCHS,
        stopped="all validation images were read for 5 epochs",
        suspects=suspects,
        seconds=421.0,
        images=60,
        looked_at=79,
        start=SimpleNamespace(images=frozenset(), name="generic@0123456789abcdef"),
    )


def report(samples: Samples, zoo: Path, wrong: int = 2, suspects: tuple[Suspect, ...] = ()) -> TrainingReport:
    parts = {
        name: [it for it in samples.files if it.part == name] for name in ("train", "validation", "test")
    }
    zoo.mkdir(exist_ok=True)
    readings = [
        Read(file, file.label[::-1] + "x" if number < wrong else file.label, 0.4 if number < wrong else 0.99)
        for number, file in enumerate(parts["test"])
    ]
    return write_training_report(
        zoo,
        "mine",
        samples=samples,
        training=parts["train"],
        validation=parts["validation"],
        test=parts["test"],
        tuned=tuned(samples, suspects),
        tempered=TEMPERED,
        readings=readings,
    )


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    return some_samples(tmp_path_factory.mktemp("report") / "images")


def test_the_json_has_every_number(samples: Samples, tmp_path: Path) -> None:
    suspect = Suspect(samples.files[0], "bbbb", 0.999)
    made = report(samples, tmp_path, suspects=(suspect,))

    told = json.loads((tmp_path / "mine.report").read_text())

    n = len(made.test)
    assert (told["kind"], told["version"], told["name"]) == ("training", 1, "mine")
    assert told["data"]["used"] == 120
    assert told["split"] == {
        "rule": RULE,
        "train": len(made.training),
        "validation": len(made.validation),
        "test": n,
    }
    assert told["training"]["seconds"] == 421.0
    assert told["training"]["stopped"] == "all validation images were read for 5 epochs"
    assert [it["validation_exact_match"] for it in told["training"]["epochs"]] == [0.25, 0.75, 1.0]
    assert told["model"] == {
        "charset": samples.charset,
        "height": 48,
        "width": 192,
        "time_steps": 24,
        "temperature": None,
        "calibration": TEMPERED.told,
    }
    assert (told["test"]["exact_match"]["right"], told["test"]["exact_match"]["n"]) == (n - 2, n)
    exact = told["test"]["exact_match"]
    assert (exact["low"], exact["high"]) == made.figures.exact_match.interval
    assert [it["label"] for it in told["test"]["wrong_answers"]] == [
        it.file.label for it in made.figures.wrong
    ]
    assert {it["character"] for it in told["test"]["by_character"]} == set(samples.charset)
    assert [it["position"] for it in told["test"]["by_position"]] == [1, 2, 3, 4]
    (listed,) = told["suspects"]
    assert (listed["file"], listed["text"], listed["probability"]) == ("aaad.bmp", "bbbb", 0.999)
    assert told["command"] == f"producer submit DIR --model {tmp_path / 'mine.json'}"


def test_the_terminal_gets_the_figure_the_reason_and_the_command(samples: Samples, tmp_path: Path) -> None:
    made = report(samples, tmp_path, suspects=(Suspect(samples.files[0], "bbbb", 0.999),))

    assert made.lines() == [
        "mine: 95.1 % of 41 test images read exactly right (83.9 to 98.7 %, 95 % Wilson)",
        "training ended after 7 min 1 s: all validation images were read for 5 epochs",
        "1 label may be wrong; the report shows them",
        f"report: {tmp_path / 'mine.html'}",
        f"use it: producer submit DIR --model {tmp_path / 'mine.json'}",
    ]


def test_the_page_loads_nothing_and_runs_nothing(samples: Samples, tmp_path: Path) -> None:
    report(samples, tmp_path)

    content = (tmp_path / "mine.html").read_text()
    page = Page(content)
    style = re.search(r"<style>(.*?)</style>", content, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = next(it["content"] for tag, it in page.tags if it.get("http-equiv") == "Content-Security-Policy")
    assert f"style-src 'sha256-{digest}'" in (policy or "")
    assert not [tag for tag, _ in page.tags if tag in {"script", "link", "iframe", "object", "a"}]
    assert not [it for _, it in page.tags if "style" in it or any(name.startswith("on") for name in it)]
    assert {str(it["src"]).partition(",")[0] for tag, it in page.tags if tag == "img"} == {
        "data:image/bmp;base64"
    }


def test_the_page_says_what_the_json_says(samples: Samples, tmp_path: Path) -> None:
    made = report(samples, tmp_path)

    text = Page((tmp_path / "mine.html").read_text()).text
    for piece in (
        "95.1 %",
        "83.9 to 98.7 %",
        "39 of 41 test images read exactly right",
        "all validation images were read for 5 epochs",
        made.command,
        RULE,
        "It rests on 41 test images.",
        f"The probability of an answer is the model's own ({TEMPERED.told}), and no measurement of a single "
        "image.",
        "Labels to look at0that may be wrong",
        f"Probabilities{TEMPERED.told}\n",
        "seconds of training",
        *(it.file.path.name for it in made.figures.wrong),
    ):
        assert piece in text


def test_long_lists_are_cut_in_the_page_and_whole_in_the_json(samples: Samples, tmp_path: Path) -> None:
    suspects = tuple(Suspect(file, "x", 0.99) for file in samples.files[: MAX_SUSPECTS + 5])
    made = report(samples, tmp_path, wrong=MAX_WRONG + 3, suspects=suspects)

    page = Page((tmp_path / "mine.html").read_text())
    told = json.loads((tmp_path / "mine.report").read_text())
    assert len([tag for tag, _ in page.tags if tag == "img"]) == MAX_WRONG + MAX_SUSPECTS
    assert len(told["test"]["wrong_answers"]) == len(made.figures.wrong) == MAX_WRONG + 3
    assert len(told["suspects"]) == MAX_SUSPECTS + 5
    assert f"the first {MAX_WRONG} of them" in page.text
    assert f"the first {MAX_SUSPECTS} of them" in page.text


def test_what_was_left_out_is_listed_with_its_reason(tmp_path: Path) -> None:
    folder = some_samples(tmp_path / "images").folder
    (folder / "aaaa.png").write_bytes(b"")
    (folder / "copies").mkdir()
    (folder / "copies" / "aaad.bmp").write_bytes((folder / "aaad.bmp").read_bytes())
    (folder / "copies" / "ffff.bmp").write_bytes((folder / "abad.bmp").read_bytes())

    report(read_samples(folder), tmp_path / "zoo")

    text = Page((tmp_path / "zoo" / "mine.html").read_text()).text
    for piece in (
        "aaaa.png",
        "the same image as aaad.bmp, used once",
        "labelled 'ffff', another copy otherwise",
        "Images used119 of 123",
        "\n4 images.\n",
    ):
        assert piece in text


def test_names_from_outside_do_nothing(samples: Samples, tmp_path: Path) -> None:
    moved = tmp_path / "<script>alert(1)<.png"
    moved.write_bytes(samples.files[0].path.read_bytes())
    file = LabelledFile(moved, "<b>\u202eabc</b>", samples.files[0].sha256)

    report(samples, tmp_path, suspects=(Suspect(file, "\x1b[2J&amp;", 0.99),))

    page = Page((tmp_path / "mine.html").read_text())
    assert "script" not in {tag for tag, _ in page.tags}
    assert "<b>\\u202eabc</b>" in page.text.replace("\n", "")
    assert "\x1b" not in page.text


def test_a_folder_without_test_images_has_no_figure(samples: Samples, tmp_path: Path) -> None:
    made = write_training_report(
        tmp_path,
        "mine",
        samples=samples,
        training=samples.files,
        validation=(),
        test=(),
        tuned=tuned(samples),
        tempered=TEMPERED,
        readings=(),
    )

    assert made.lines()[0] == "mine: no image falls into the test part, so nothing is known of it yet"
    told = json.loads((tmp_path / "mine.report").read_text())
    assert (told["test"]["exact_match"], told["test"]["character_accuracy"]) == (None, None)
    assert "nothing is known of it yet" in Page((tmp_path / "mine.html").read_text()).text


def test_characters_of_the_test_images_alone_are_told(samples: Samples, tmp_path: Path) -> None:
    made = report(samples, tmp_path)
    odd = [replace(made.test[0], label="aéa"), replace(made.test[1], label="ééz")]
    limit = " a character that no training image shows (z, é), and cannot be read right; add images with it."

    several = limits(replace(made, test=[*odd, *made.test[2:]]))
    single = limits(replace(made, test=[*odd[1:], *made.test[1:]]))

    assert f"2 test images of 41 have{limit}" in several
    assert f"1 test image of 41 has{limit}" in single
    assert not [it for it in limits(made) if "no training image shows (" in it]


def test_a_start_whose_images_nobody_knows_is_told(samples: Samples, tmp_path: Path) -> None:
    unknown = tuned(samples)
    unknown.start.images = None
    limit = (
        "Which images generic@0123456789abcdef, that it began with, had learnt from is not known. Were test "
        "images among them, this figure is too good."
    )

    made = report(samples, tmp_path)
    (tmp_path / "other").mkdir()
    write_training_report(
        tmp_path / "other",
        "mine",
        samples=samples,
        training=made.training,
        validation=made.validation,
        test=made.test,
        tuned=unknown,
        tempered=TEMPERED,
        readings=made.readings,
    )

    pages = [Page((zoo / "mine.html").read_text()).text for zoo in (tmp_path, tmp_path / "other")]
    assert [limit in page for page in pages] == [False, True]
    assert ["Neither the training nor its end ever saw one" in page for page in pages] == [True, False]

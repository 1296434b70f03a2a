"""The report as one HTML file: self-contained, without scripts, and deaf to what stands in file names."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from producer.accuracy import measure
from producer.decoding import DecodingFacts, HeldConstraint
from producer.labels import LabelSource, NoLabels, StemLabels
from producer.report import (
    ModelFacts,
    RunSummary,
    Skipped,
    SkippedFile,
    WorkerFacts,
    html_text,
    page,
    write_html,
)
from producer.results import ResultLine
from worker.contract import AnswerError, Candidate, JobOptions

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>\n\x1b[2J\u202e\udce9{{ 7*7 }}.png"
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
)
VOID = {"meta", "img", "br", "rect"}


class Page(HTMLParser):
    """The tags, attributes and texts of a page; fails on tags that do not nest."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        if tag not in {"b", "span", "strong"}:
            self.texts.append(" ")  # cells and paragraphs stand apart

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.texts).split())

    def values(self, tag: str, attribute: str) -> list[str]:
        return [value for found, name, value in self.attributes if (found, name) == (tag, attribute)]


def summary_of(lines: list[ResultLine], labels: LabelSource | None = None, **facts: Any) -> RunSummary:
    accuracy = measure(lines, labels or StemLabels(), charset="abcd")
    given = {"images": len(lines), "seconds": 0.5, "directory": "imgs", "job_id": "job-1", **facts}
    return RunSummary(
        accuracy=accuracy, model=ModelFacts("crnn-small", "9f86"), options=JobOptions(), **given
    )


def page_of(lines: list[ResultLine], labels: LabelSource | None = None, **facts: Any) -> Page:
    return Page(html_text(summary_of(lines, labels, **facts), lines))


def hostile_lines() -> list[ResultLine]:
    n_best = (Candidate(HOSTILE, 0.5), Candidate("</td>" + HOSTILE, 0.25))
    return [
        ResultLine(0, HOSTILE, HOSTILE, 0.5, n_best),
        ResultLine(1, f"abcd{HOSTILE}", None, error=AnswerError(HOSTILE, HOSTILE)),
    ]


def test_nothing_from_outside_becomes_markup(tmp_path: Path) -> None:
    lines = hostile_lines()
    summary = summary_of(
        lines,
        directory=HOSTILE,
        job_id=HOSTILE,
        note=(HOSTILE,),
        workers=(WorkerFacts(HOSTILE, HOSTILE, 1),),
        skipped=Skipped({HOSTILE: 1}, (SkippedFile(HOSTILE, HOSTILE),)),
        versions={HOSTILE: HOSTILE},
        finished_at=HOSTILE,
    )
    path = tmp_path / "report.html"

    write_html(summary, lines, path, tmp_path)

    html = path.read_text(encoding="utf-8")
    harmless = Page(html_text(summary_of([ResultLine(0, "a.png", "b", 0.5)]), []))
    found = Page(html)
    assert set(found.tags) <= set(harmless.tags)
    assert not [name for _, name, _ in found.attributes if name.startswith("on")]
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", html)
    shown = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>\\n\\x1b[2J\\u202e\\xe9{{ 7*7 }}.png"
    assert found.text.count(shown) > 10
    assert "49" not in found.text


def test_the_page_loads_nothing_and_forbids_itself_to() -> None:
    html = html_text(summary_of(hostile_lines()), hostile_lines())
    found = Page(html)

    assert {"script", "link", "iframe", "object", "form", "a"}.isdisjoint(found.tags)
    assert {"href", "srcset", "style", "background"}.isdisjoint(name for _, name, _ in found.attributes)
    style = re.search(r"<style>(.*)</style>", html, flags=re.DOTALL)
    assert style is not None
    assert "url(" not in style[1]
    assert "@import" not in style[1]
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert found.values("meta", "content")[0] == (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )


def test_the_headline_never_stands_without_its_interval_and_n() -> None:
    found = page_of([ResultLine(n, f"abcd_{n}.png", "abcd", 0.9) for n in range(3)])

    assert "Exact match 100.0 % 3 of 3 labelled images read exactly right." in found.text
    assert "95 % interval: 43.9 to 100.0 % (Wilson, n = 3)" in found.text
    assert "Note exact match rests on 3 labels: trust its interval, not the figure alone" in found.text
    assert "100.0 %, 95 % interval 43.9 to 100.0 %" in found.values("svg", "aria-label")


def test_notes_and_a_partial_job_come_before_the_figures() -> None:
    found = page_of([ResultLine(0, "abcd.png", "abcd", 0.9)], images=4, note=("synthetic images",))

    partial, note, figure = (found.text.index(s) for s in ("3 of 4 images", "synthetic images", "100.0 %"))
    assert partial < note < figure


def test_a_wrong_answer_stands_with_label_answer_probability_and_next_best() -> None:
    n_best = (Candidate("abed", 0.6), Candidate("abcd", 0.3))
    lines = [ResultLine(0, "abcd.png", "abed", 0.6, n_best)]
    html = html_text(summary_of(lines), lines)

    assert '<td class="text">ab<b class="changed">c</b>d</td>' in html
    assert '<td class="text">ab<b class="changed">e</b>d</td>' in html
    assert "abcd.png abcd abed 0.600 abcd 0.300" in Page(html).text
    assert "c read as e 1 of 1" in Page(html).text


def test_one_reading_an_image_leaves_no_empty_column_of_others() -> None:
    alone = [ResultLine(0, "abcd.png", "abed", 0.6, (Candidate("abed", 0.6),))]
    unlike = [*alone, ResultLine(1, "bcda.png", "bb", 0.5, (Candidate("bb", 0.5), Candidate("bcda", 0.2)))]

    assert "Image File Label Answer Probability abcd.png abcd abed 0.600" in page_of(alone).text
    assert "Image File Answer Probability abcd.png abed 0.600" in page_of(alone, NoLabels()).text
    assert "Probability Next best abcd.png abcd abed 0.600 bcda.png" in page_of(unlike).text


def test_characters_stand_with_how_often_they_were_missed() -> None:
    lines = [ResultLine(n, f"ab_{n}.png", text, 0.5) for n, text in enumerate(["ab", "cb", "dd", "ca"])]

    found = page_of(lines)

    assert "Character In place Missed Of a 25.0 % 3 4 b 50.0 % 2 4" in found.text


def test_images_without_an_answer_stand_with_their_reason_in_the_order_of_the_manifest() -> None:
    error = AnswerError("truncated", "the image ends after 7 bytes")
    lines = [ResultLine(n, f"a_{n}.png", error=error, worker="w", attempt=1) for n in (2, 0, 1)]

    found = page_of(lines)

    assert "truncated 3 the image ends before its data does" in found.text
    rows = [f"a_{n}.png truncated the image ends after 7 bytes" for n in range(3)]
    assert " ".join(rows) in found.text


def test_long_tables_are_cut_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "MAX_ROWS", 2)
    monkeypatch.setattr(page, "MAX_CHARACTERS", 3)
    monkeypatch.setattr(page, "MAX_CONFUSIONS", 1)
    error = AnswerError("truncated", "short")
    lines = [ResultLine(n, f"x_{n}.png", error=error) for n in range(3)]
    lines += [ResultLine(3, "abcd.png", "bdca", 0.5)]

    found = page_of(lines)

    assert "The first 2 of 3." in found.text
    assert "2 more characters in report.json." in found.text
    assert "More in report.json." in found.text


def test_without_labels_the_least_certain_answers_are_shown() -> None:
    lines = [ResultLine(n, f"i{n}.png", f"t{n}", p) for n, p in enumerate((0.9, 0.2, 0.5))]

    found = page_of(lines, NoLabels())

    assert "not measured: there are no labels (--labels none)" in found.text
    assert "i1.png t1 0.200 i2.png t2 0.500 i0.png t0 0.900" in found.text
    assert "Confusions" not in found.text


LITTLE = {
    "an empty directory": summary_of([], seconds=None),
    "errors only": summary_of([ResultLine(0, "a.png", error=AnswerError("vanished", "it is gone"))]),
    "an empty answer": summary_of([ResultLine(0, "a.png", "", 0.5)]),
    "nothing answered yet": summary_of([], images=3),
}


@pytest.mark.parametrize("summary", LITTLE.values(), ids=LITTLE.keys())
def test_a_report_of_little_is_a_page(summary: RunSummary) -> None:
    assert "Captcha accuracy report" in Page(html_text(summary, [])).text


def test_what_the_decoder_proved_is_told_and_explained() -> None:
    lines = [ResultLine(0, "a.png", "a", 0.5)]
    held = (HeldConstraint("regex", "<a>|b"),)
    proven = DecodingFacts(held, proven=9, unproven=1, massed=10, scant=1, mean_allowed_mass=0.5)

    told, silent = (
        Page(html_text(it, lines)).text
        for it in (summary_of(lines, decoding=proven), summary_of(lines, decoding=DecodingFacts()))
    )

    assert "Note for 1 of 10 images the model gives the allowed texts together less than 0.1 %" in told
    assert "Decoding exact, 1 best; regex <a>|b" in told
    assert "Proven 9 of 10 answers are certainly the most probable allowed text to the model" in told
    assert "Note 1 of 10 answers is not proven: another allowed text may be more probable" in told
    assert "Allowed mass the model gives the allowed texts 50.0 % on average" in told
    assert told.count("Proven") == 2
    assert "Proven" not in silent
    assert "Allowed mass" not in silent


def test_pictures_of_wrong_answers_are_embedded_up_to_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "MAX_THUMBNAILS", 2)
    lines = []
    for n in range(4):
        (tmp_path / f"a_{n}.png").write_bytes(PNG)
        lines.append(ResultLine(n, f"a_{n}.png", "b", 0.9 - n / 10))

    sources = Page(html_text(summary_of(lines), lines, tmp_path)).values("img", "src")

    assert sources == ["data:image/png;base64," + base64.b64encode(PNG).decode()] * 2
    assert Page(html_text(summary_of(lines), lines, None)).values("img", "src") == []


def test_a_report_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.html"
    path.write_text("old", encoding="utf-8")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        write_html(summary_of([]), [], path)

    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]

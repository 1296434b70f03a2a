"""The report as text: a snapshot at 80 columns, and nothing from outside that acts on a terminal."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from rich.console import Console

from producer.accuracy import measure
from producer.labels import LabelSource, NoLabels, StemLabels
from producer.report import ModelFacts, RunSummary, Skipped, WorkerFacts, render_terminal
from producer.results import ResultLine
from worker.contract import AnswerError, JobOptions

HOSTILE = "[red]\x1b[2J\n\u202e[/nonsense].png"
MODEL = ModelFacts("crnn-small", "9f86d081884c7d65", "2345678bcdefgmnpwxy", 50, 50, 200, 412_345)


def summary_of(lines: list[ResultLine], labels: LabelSource | None = None, **facts: Any) -> RunSummary:
    accuracy = measure(lines, labels or StemLabels(), charset=MODEL.charset)
    given = {"images": len(lines), "seconds": 0.5, "startup_seconds": 9.25, **facts}
    return RunSummary(
        accuracy=accuracy,
        job_id="job-1",
        directory="examples/captchas",
        model=MODEL,
        options=JobOptions(),
        **given,
    )


def text_of(summary: RunSummary, width: int = 80, **options: Any) -> str:
    """What lands in a pipe, without the blanks at the ends of lines."""
    stream = io.StringIO()
    render_terminal(summary, Console(file=stream, width=width, **options))
    return re.sub(r" +$", "", stream.getvalue(), flags=re.MULTILINE)


def example() -> RunSummary:
    """104 images: 100 right, two wrong, two without an answer."""
    right = [ResultLine(n, f"2b827_{n}.png", "2b827", 0.98) for n in range(100)]
    rest = [
        ResultLine(100, "gnm4x.png", "gmm4x", 0.71),
        ResultLine(101, "more/wxp22p.png", "wxp2p", 0.64),
        ResultLine(102, "nbfx5.png", error=AnswerError("truncated", "the image ends before its data does")),
        ResultLine(103, "c2yn4.png", error=AnswerError("empty_file", "the file has no bytes")),
    ]
    return summary_of(
        [*right, *rest],
        workers=(WorkerFacts("gpu-a", "cuda:0", 60), WorkerFacts("gpu-b", "cpu", 42)),
        skipped=Skipped({"hidden": 1}),
        note=("synthetic images",),
    )


SNAPSHOT = """\
  Accuracy report: examples/captchas

  96.2 %  Exact match                  100 of 104 labelled images
                                       95 % interval: 90.5 to 98.5 %
  98.0 %  Exact match of the answered  100 of 102
  97.5 %  Character accuracy           508 of 521 label positions
   2.3 %  Character error rate         12 edits for 521 label characters

  Note  synthetic images

  Images without an answer
   error        images   meaning
  ───────────────────────────────────────────────────────────
   empty_file        1   the file has no bytes
   truncated         1   the image ends before its data does

  Confusions                 Most missed
   edit             times     char   missed    of   in place
  ────────────────────────   ────────────────────────────────
   2 left out    1 of 203     n           3     3      0.0 %
   n read as m     1 of 3     2           2   203     99.0 %
                              5           1     1      0.0 %
                              c           1     1      0.0 %
                              f           1     1      0.0 %
                              y           1     1      0.0 %
                              4           1     2     50.0 %
                              p           1     2     50.0 %
                             and 2 more

  By length
   length    exact    of
  ───────────────────────
        5   97.1 %   103
        6    0.0 %     1

  2 wrong answers
   file              label    answer   probability
  ─────────────────────────────────────────────────
   gnm4x.png         gnm4x    gmm4x          0.710
   more/wxp22p.png   wxp22p   wxp2p          0.640

  Directory    examples/captchas
  Images       104 (102 answered, 2 could not be answered); 1 other file
               skipped
  Speed        204 images/s (102 answered in 0.50 s; start-up took 9.25 s
               more)
  Model        crnn-small@9f86d081884c7d65, 200 x 50 px, 50 time steps,
               412,345 parameters
  Model reads  19 characters: 2345678bcdefgmnpwxy
  Workers      gpu-a (cuda:0): 60 answered, gpu-b (cpu): 42 answered
  Decoding     exact, 1 best; any text of the model's characters
  Labels       from the file names, matched exactly
  Job          job-1

"""


def test_the_report_at_80_columns() -> None:
    assert text_of(example()) == SNAPSHOT


def test_a_pipe_gets_no_colour_and_a_terminal_does() -> None:
    assert "\x1b" not in text_of(example())
    assert "\x1b[1m" in text_of(example(), force_terminal=True, color_system="standard")


@pytest.mark.parametrize("width", [30, 40, 79, 200])
def test_no_line_is_longer_than_the_terminal_is_wide(width: int) -> None:
    lines = text_of(example(), width).splitlines()

    assert max(map(len, lines)) <= width
    words = " ".join(" ".join(lines).split())
    assert "96.2 %" in words
    assert "Exact match" in words


def test_tables_stand_side_by_side_as_far_as_the_width_holds() -> None:
    def headings(width: int) -> list[list[str]]:
        names = ("Confusions", "Most missed", "By length")
        lines = text_of(example(), width).splitlines()
        return [found for line in lines if (found := [name for name in names if name in line])]

    assert headings(50) == [["Confusions"], ["Most missed"], ["By length"]]
    assert headings(80) == [["Confusions", "Most missed"], ["By length"]]
    assert headings(120) == [["Confusions", "Most missed", "By length"]]


def test_a_hostile_file_name_does_not_act() -> None:
    error = AnswerError("corrupt", f"{HOSTILE} cannot be decoded")
    summary = summary_of(
        [ResultLine(0, HOSTILE, HOSTILE + "x", 0.5), ResultLine(1, "a\udce9.png", None, error=error)],
        workers=(WorkerFacts(HOSTILE, HOSTILE, 1),),
        note=(HOSTILE,),
    )

    text = text_of(summary, width=300)

    assert "[red]\\x1b[2J\\n\\u202e[/nonsense].png" in text
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\udc80-\udcff]", text)
    coloured = text_of(summary, width=300, force_terminal=True, color_system="standard")
    assert "\x1b[2J" not in coloured
    assert "\x1b[31m[2J" not in coloured


def test_an_output_that_is_not_unicode_gets_escapes() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", newline="\n")

    render_terminal(summary_of([ResultLine(0, "straße.png", "漢", 0.5)]), Console(file=stream, width=80))
    stream.flush()

    assert b"stra\\xdfe" in raw.getvalue()
    assert b"\\u6f22" in raw.getvalue()


def test_a_partial_report_says_so_first() -> None:
    lines = text_of(summary_of([ResultLine(0, "2b827.png", "2b827", 0.9)], images=3)).splitlines()

    assert lines[1:3] == [
        "  Partial report: 2 of 3 images have no answer yet. All figures are about the",
        "  other 1; 'producer resume' sends the rest.",
    ]


LITTLE = [
    (summary_of([]), "Exact match not measured: there are no images"),
    (
        summary_of([ResultLine(0, "a.png", "a", 0.5)], NoLabels()),
        "Exact match not measured: there are no labels",
    ),
    (summary_of([ResultLine(0, "2.png", error=AnswerError("vanished", "gone"))]), "0.0 %  Exact match"),
]


@pytest.mark.parametrize(("summary", "headline"), LITTLE, ids=[headline for _, headline in LITTLE])
def test_a_report_of_little_is_short_and_says_what_is_missing(summary: RunSummary, headline: str) -> None:
    text = text_of(summary)

    assert headline in text
    assert "Confusions" not in text
    assert "wrong answer" not in text


def test_what_is_left_out_is_counted() -> None:
    wrong = [ResultLine(n, f"{c}b_{n}.png", "b2", 0.5) for n, c in enumerate("2345678cdefgmnpwxy")]
    lengths = [ResultLine(100 + n, "2" * n + f"_{n}.png", "2" * n, 0.5) for n in range(1, 12)]

    text = text_of(summary_of([*wrong, *lengths]))

    assert "18 wrong answers, the 5 most confident" in text
    assert "and 3 more" in text  # lengths: 8 of 11

"""The verdict of an audit: broken, holding or open, and what 95 % take."""

from __future__ import annotations

import pytest

from model_zoo.figures import Share
from model_zoo.style.audit_verdict import Kind, Verdict, targets_in_words
from model_zoo.style.curve import Curve, Level, Point, Reached

MADE = "1 of 15 trainings made"


def verdict(
    right: int, broken: tuple[int | None, int | None], answer: int | None, top: float, made: str | None = None
) -> Verdict:
    """Of 1,000 test images; `broken` is where 1 % are read, and the lower end of that."""
    reached = (Reached(0.01, *broken, broken[0]), Reached(0.95, answer, answer, answer))
    levels = (Level(10, top / 2, 0, top), Level(204, top, top / 2, top * 1.1))
    points = (Point(10, (500,), 1000), Point(204, (500,), 1000))
    return Verdict(Curve(points, levels, reached), Share(right, 1000), made)


@pytest.mark.parametrize(
    ("of", "kind", "headline"),
    [
        (verdict(844, (10, 10), None, 0.89), "broken",
         "broken without samples: 84.4 % are read; 95 % not reached with 204 samples"),
        (verdict(844, (10, 10), 120, 0.97), "broken",
         "broken without samples: 84.4 % are read; 95 % from 120 samples"),
        (verdict(844, (10, 10), 10, 0.99), "broken",
         "broken without samples: 84.4 % are read; 95 % with at most 10 samples"),
        (verdict(976, (10, 10), 10, 0.99), "broken",
         "broken without samples: 97.6 % are read"),
        (verdict(0, (10, 10), 120, 0.97), "broken",
         "broken with at most 10 samples: 48.5 % are read; 95 % from 120 samples"),
        (verdict(0, (55, 40), None, 0.3), "broken",
         "broken from 55 samples: 1 % are read; 95 % not reached with 204 samples"),
        (verdict(0, (None, None), None, 0.002), "holds",
         "holds at 204 samples: 0.2 % are read"),
        (verdict(0, (None, 40), None, 0.009), "open",
         "may hold at 204 samples: 0.9 % are read, but the test images leave up to 1.0 % open"),
        (verdict(844, (10, 10), None, 0.89, MADE), "broken",
         "broken without samples: 84.4 % are read; 95 %: no answer yet, 1 of 15 trainings made"),
        (verdict(0, (10, 10), 120, 0.97, MADE), "broken",
         "broken with at most 10 samples: 48.5 % are read; 95 % from 120 samples (1 of 15 trainings made)"),
        (verdict(0, (None, None), None, 0.002, MADE), "open",
         "no answer yet: 1 of 15 trainings made"),
    ],
)  # fmt: skip
def test_the_verdict_is_what_a_bot_needs(of: Verdict, kind: Kind, headline: str) -> None:
    assert (of.kind, of.headline) == (kind, headline)


def test_targets_are_told_one_by_one() -> None:
    assert targets_in_words(verdict(20, (10, 10), None, 0.9), (0.01, 0.95)) == "1 %: 0, 95 %: more than 204"
    assert targets_in_words(verdict(0, (10, 10), 120, 0.97), (0.01, 0.95)) == "1 %: at most 10, 95 %: 120"
    assert targets_in_words(verdict(0, (10, 10), None, 0.9, MADE), (0.01, 0.95)) == (
        "1 %: at most 10, 95 %: not known yet"
    )

"""Texts from outside are shown, never obeyed."""

from __future__ import annotations

import pytest

from model_zoo.visible import visible, visible_character

VISIBLE = [
    ("abc ß 漢 😀", "abc ß 漢 😀", "plain characters stay"),
    ("a\nb\tc\rd", "a\\nb\\tc\\rd", "line ends"),
    ("\x1b[2J\x00\x7f\x9b", "\\x1b[2J\\x00\\x7f\\x9b", "control characters of both kinds"),
    ("a\u202egnp.exe", "a\\u202egnp.exe", "a right-to-left override"),
    ("a\u200bb\u00a0c\ufeff", "a\\u200bb\\xa0c\\ufeff", "spaces nobody sees"),
    ("\u2028", "\\u2028", "a line separator"),
    ("caf\udce9", "caf\\xe9", "a byte that is no UTF-8"),
    ("\ud800", "\\ud800", "half a character"),
    ("\U000e0041", "\\U000e0041", "a tag character"),
]


@pytest.mark.parametrize(("text", "shown", "reason"), VISIBLE, ids=[reason for *_, reason in VISIBLE])
def test_what_is_no_plain_character_is_shown_as_an_escape(text: str, shown: str, reason: str) -> None:
    assert visible(text) == shown
    shown.encode("utf-8")


def test_what_the_output_cannot_hold_is_an_escape_too() -> None:
    assert visible("ß漢\n", "ascii") == "\\xdf\\u6f22\\n"
    assert visible("ß漢", "latin-1") == "ß\\u6f22"
    assert [visible_character(char) for char in (" ", "\n", "a", "")] == ["space", "\\n", "a", ""]

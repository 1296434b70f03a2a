"""The list of fonts that `generic` is trained with, and the script that chooses them."""

from __future__ import annotations

import re

import generic_faces
import pytest
from PIL import ImageFont

from model_zoo.generators.styles.faces import LISTED, SHIPPED
from model_zoo.generators.styles.style import ALL

DEJAVU = SHIPPED / "DejaVuSansCondensed-Bold.ttf"


def faces_of(text: str) -> list[tuple[str, str]]:
    """Path and kinds of every line that is no comment."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return [(path, kinds) for path, _, kinds in (line.partition("\t") for line in lines)]


def packages_of(text: str) -> list[str]:
    """The names that the comments hold."""
    return re.findall(r"(?<= )fonts-\S+", "\n".join(text.splitlines()[2:]))


def test_the_committed_list_is_as_the_script_writes_it() -> None:
    """No name of a package is broken in two, so that each can be given to apt-get."""
    text = LISTED.read_text()
    faces, packages = faces_of(text), packages_of(text)

    assert len(faces) == 712
    assert len(packages) == 97
    assert generic_faces.text_of(faces, packages) == text
    assert {kinds for _, kinds in faces} == {"", "capitals", "display", "capitals display"}


def test_a_plain_face_is_legible_and_told_apart_from_capitals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generic_faces, "REFERENCES", ("Go-Medium.ttf",))
    monkeypatch.setattr(generic_faces, "FACES", SHIPPED)
    glyphs = generic_faces.glyphs_of(DEJAVU)
    assert glyphs is not None

    found = generic_faces.References().judge(glyphs)

    assert found is not None
    assert found.legible
    assert not found.capitals_only
    assert found.kinds("dejavu") == ""
    assert found.kinds("aenigma") == "display"


def test_small_letters_drawn_as_capitals_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generic_faces, "REFERENCES", ("Go-Medium.ttf",))
    monkeypatch.setattr(generic_faces, "FACES", SHIPPED)
    glyphs = generic_faces.glyphs_of(DEJAVU)
    assert glyphs is not None
    small_caps = {char: glyphs[char.upper()] for char in ALL}

    found = generic_faces.References().judge(small_caps)

    assert found is not None
    assert found.capitals_only
    assert found.kinds("dejavu") == "capitals"


def test_a_face_that_lacks_a_character_and_one_drawn_twice_are_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(generic_faces, "SYSTEM", SHIPPED)
    monkeypatch.setattr(generic_faces, "REFERENCES", ("Go-Medium.ttf",))
    monkeypatch.setattr(generic_faces, "FACES", SHIPPED)
    licence = SHIPPED / "LICENSE-Go"  # no font at all

    assert generic_faces.choose([licence, DEJAVU, DEJAVU]) == [(DEJAVU.name, "")]


def test_one_l_i_and_zero_o_count_as_the_same() -> None:
    assert [generic_faces.fold(char) for char in "1lIi0oOAa5"] == list("llllooo" + "aa5")


def test_a_glyph_of_hardly_any_ink_has_no_shape() -> None:
    font = ImageFont.truetype(str(DEJAVU), generic_faces.SIZE)

    assert generic_faces.shape(generic_faces.mask(font, " ")) is None
    assert generic_faces.shape(generic_faces.mask(font, "A")).shape == (1024,)

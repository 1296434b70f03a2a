"""Characters to class ids and back, and the CTC rule."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_zoo.charset import BLANK_ID, Charset
from model_zoo.errors import CardError, DataError

ABC = Charset("abc")


def test_characters_are_classes_from_one_on() -> None:
    assert ABC.encode("cab") == [3, 1, 2]
    assert ABC.decode([3, 1, 2]) == "cab"
    assert BLANK_ID == 0
    assert ABC.n_classes == 4


COLLAPSES = [
    ([], [], "no frames"),
    ([0, 0, 0], [], "all blank"),
    ([1], [1], "one frame"),
    ([1, 1, 1], [1], "a character that lasts is one character"),
    ([1, 0, 1], [1, 1], "a blank between makes it two"),
    ([1, 1, 0, 0, 1, 2, 2], [1, 1, 2], "runs of blanks are one blank"),
    ([0, 2, 0], [2], "blanks at the ends"),
    ([1, 2, 1], [1, 2, 1], "another character between needs no blank"),
]


@pytest.mark.parametrize(("frames", "expected", "reason"), COLLAPSES)
def test_frames_collapse_to_characters(frames: list[int], expected: list[int], reason: str) -> None:
    assert ABC.collapse(frames) == expected, reason


@given(st.text(alphabet="abc", max_size=12))
def test_what_is_encoded_is_decoded(text: str) -> None:
    assert ABC.decode(ABC.encode(text)) == text


@given(st.text(alphabet="abc", max_size=12))
def test_a_label_with_blanks_between_collapses_to_itself(text: str) -> None:
    frames = [frame for class_id in ABC.encode(text) for frame in (class_id, class_id, BLANK_ID)]
    assert ABC.decode(ABC.collapse(frames)) == text


def test_a_label_with_an_unknown_character_is_refused() -> None:
    with pytest.raises(DataError) as caught:
        ABC.encode("abX")
    assert str(caught.value) == "label 'abX' has 'X', which is not in the charset 'abc'"


@pytest.mark.parametrize("class_id", [-1, 0, 4])
def test_an_id_that_is_no_character_is_refused(class_id: int) -> None:
    with pytest.raises(ValueError, match="class id") as caught:
        ABC.decode([1, class_id])
    assert str(caught.value) == f"class id {class_id} is no character; expected 1 to 3"


def test_an_empty_charset_is_refused() -> None:
    with pytest.raises(CardError) as caught:
        Charset("")
    assert str(caught.value) == "the charset has no characters; a model must tell at least one apart"


def test_a_charset_with_a_character_twice_is_refused() -> None:
    with pytest.raises(CardError) as caught:
        Charset("abca")
    assert str(caught.value) == "the charset 'abca' has 'a' twice; each character stands for one class"


def test_charsets_are_equal_by_their_characters() -> None:
    assert Charset("abc") == ABC
    assert hash(Charset("abc")) == hash(ABC)
    assert Charset("acb") != ABC

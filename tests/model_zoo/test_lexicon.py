"""Word lists: from a file to a value with a digest, and which words a model can answer."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_zoo import lexicon
from model_zoo.errors import ConstraintError
from model_zoo.lexicon import Lexicon, read_lexicon
from model_zoo.words import DroppedWords, fewest_frames, filter_words, frames_of


def test_a_lexicon_has_each_word_once_in_order() -> None:
    words = Lexicon.from_words(["pear", " apple ", "", "pear", "Apple", "é"])
    assert words.words == ("Apple", "apple", "pear", "é")
    assert words.text() == "Apple\napple\npear\né"
    assert words.digest == hashlib.sha256(words.text().encode()).hexdigest()


@settings(deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n"), min_size=1), min_size=1))
def test_the_canonical_text_is_the_same_lexicon_again(words: list[str]) -> None:
    if any(word.strip() for word in words):
        found = Lexicon.from_words(words)
        again = Lexicon.from_text(found.text())
        assert (again, again.words) == (found, found.words)


def test_lexicons_are_equal_where_their_digests_are() -> None:
    assert Lexicon((), "same") == Lexicon(("a",), "same")
    assert Lexicon.from_words("ab") != Lexicon.from_words("ac")


FILES = [
    pytest.param(b"b\na\n", ("a", "b"), id="lines"),
    pytest.param(b"b\r\na\r\n", ("a", "b"), id="lines of Windows"),
    pytest.param(b"\xef\xbb\xbfb\na", ("a", "b"), id="a byte order mark, no last line break"),
    pytest.param(b" b \n\n\t\na\nb", ("a", "b"), id="blanks, empty lines, repetitions"),
    pytest.param("漢字\né".encode(), ("é", "漢字"), id="beyond ASCII"),
    pytest.param("a\u2028b".encode(), ("a\u2028b",), id="only a line feed ends a line"),
]


@pytest.mark.parametrize(("content", "words"), FILES)
def test_a_file_has_one_word_a_line(content: bytes, words: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_bytes(content)
    assert read_lexicon(tmp_path / "words.txt").words == words


UNREADABLE = [
    pytest.param(
        b"a\n\xff\n", "is not UTF-8 (byte 2); save it as UTF-8, one word a line", id="another encoding"
    ),
    pytest.param(b"", ": the lexicon has no words; give one word a line", id="empty"),
    pytest.param(b" \n\n", ": the lexicon has no words; give one word a line", id="blanks only"),
    pytest.param(b"a\nb\nc\nd", ": the lexicon has 4 words; give at most 3", id="too many words"),
    pytest.param(b"a" * 21, "has more than 20 bytes; give at most 3 words", id="too large a file"),
]


@pytest.mark.parametrize(("content", "message"), UNREADABLE)
def test_a_file_without_a_lexicon_is_refused(
    content: bytes, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lexicon, "MAX_WORDS", 3)
    monkeypatch.setattr(lexicon, "MAX_BYTES", 20)
    path = tmp_path / "words.txt"
    path.write_bytes(content)
    with pytest.raises(ConstraintError) as caught:
        read_lexicon(path)
    assert str(caught.value) in (f"lexicon {str(path)!r} {message}", f"lexicon {str(path)!r}{message}")


@pytest.mark.parametrize(
    ("name", "reason"), [("missing.txt", "No such file or directory"), (".", "Is a directory")]
)
def test_a_file_that_is_not_there_is_refused(name: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / name
    with pytest.raises(ConstraintError) as caught:
        read_lexicon(path)
    assert str(caught.value) == f"lexicon {str(path)!r} cannot be read: {reason}"


BROKEN = [
    ("a\nb", r"the lexicon's word 'a\nb' has a line break; give one word a line"),
    ("a\ud800", r"the lexicon has '\ud800', which is no character; give words of valid Unicode"),
]


@pytest.mark.parametrize(("word", "message"), BROKEN)
def test_a_word_that_cannot_stand_in_a_line_is_refused(word: str, message: str) -> None:
    with pytest.raises(ConstraintError) as caught:
        Lexicon.from_words(["ok", word])
    assert str(caught.value) == message


@pytest.mark.parametrize(("word", "frames"), [("a", 1), ("ab", 2), ("aa", 3), ("aaa", 5), ("abba", 5)])
def test_a_repeat_needs_a_frame_more(word: str, frames: int) -> None:
    assert frames_of(word) == frames


@pytest.mark.parametrize(
    ("words", "frames"),
    [(("aaa", "abcd"), 4), (("aaaa", "aab"), 4), (("aa", "aba"), 3), (("abcdef", "ab"), 2)],
)
def test_a_longer_word_may_need_fewer_frames(words: tuple[str, ...], frames: int) -> None:
    assert fewest_frames(words) == frames


def test_words_are_counted_by_the_reason_why_they_are_left_out() -> None:
    words = ("ab", "abab", "a-b", "bb", "bab", "a" * 9)
    kept, dropped = filter_words(words, "abc-", 4, lambda word: "-" not in word)
    assert kept == ("ab", "abab", "bb", "bab")
    assert dropped == DroppedWords(unreadable=0, too_long=1, excluded=1)


def test_a_words_first_reason_counts() -> None:
    kept, dropped = filter_words(("ok", "xxxxx", "kkkkk", "oo"), "ok", 4, lambda word: word == "ok")
    assert (kept, dropped) == (("ok",), DroppedWords(unreadable=1, too_long=1, excluded=1))


def test_characters_with_a_meaning_in_a_regex_are_characters() -> None:
    kept, dropped = filter_words(("a-z", "^]", "b"), "a-z^]\\", 4, None)
    assert (kept, dropped) == (("a-z", "^]"), DroppedWords(unreadable=1))


def test_a_lexicon_of_which_no_word_is_left_says_why() -> None:
    with pytest.raises(ConstraintError) as caught:
        filter_words(("x", "y", "aaa", "b"), "ab", 4, lambda word: word == "a")
    assert str(caught.value) == (
        "none of the lexicon's 4 words is left; left out are 2 for characters that the model lacks, "
        "1 for its 4 time steps, 1 for the charset, length, pattern or regex given"
    )

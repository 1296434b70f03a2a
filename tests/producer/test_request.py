"""What is refused before anything is started, each in one sentence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from producer.errors import UsageError
from producer.request import SubmitRequest, Transport, check, is_path
from worker.contract import JobOptions

HERE = Transport()
FLEET = Transport(broker="redis://host")


@pytest.fixture
def request_(tmp_path: Path) -> SubmitRequest:
    """A request that nothing is wrong with."""
    return SubmitRequest(tmp_path)


ACCEPTED = [
    (JobOptions(), "nothing asked for"),
    (JobOptions("greedy", charset=":digits:"), "greedy reading of some characters"),
    (JobOptions("alignment-beam", charset=":digits:"), "the alignments' beam over some characters"),
    (JobOptions("beam", 10, 10, ":digits:ab", "4-6"), "everything that a beam can do"),
    (JobOptions("beam", 1, 1), "the smallest beam"),
    (JobOptions("exact", 1, 9, "ab", "4-6", "LLDDD", "[a-f]+", "ab" * 32), "all that exact decoding can do"),
]


@pytest.mark.parametrize(("options", "reason"), ACCEPTED, ids=[reason for _, reason in ACCEPTED])
def test_options_that_fit_are_accepted(options: JobOptions, reason: str, request_: SubmitRequest) -> None:
    check(replace(request_, options=options), HERE)


KEEPS = "--decoder exact keeps every constraint"
REFUSED = [
    (
        JobOptions("greedy", length="5"),
        f"--decoder greedy cannot keep --length; {KEEPS}",
        "greedy reading of a length",
    ),
    (
        JobOptions("alignment-beam", charset="ab", length="5", regex="a+"),
        f"--decoder alignment-beam cannot keep --length and --regex; {KEEPS}",
        "the alignments' beam keeps characters alone",
    ),
    (
        JobOptions("beam", length="5", pattern="LLDDD"),
        f"--decoder beam cannot keep --pattern; {KEEPS}",
        "a beam keeps characters and lengths",
    ),
    (
        JobOptions("greedy", n_best=2),
        "--n-best 2 needs --decoder exact or beam; greedy gives one reading",
        "several greedy readings",
    ),
    (
        JobOptions("alignment-beam", n_best=3),
        "--n-best 3 needs --decoder exact or beam; alignment-beam gives one reading",
        "several readings of alignments",
    ),
    (
        JobOptions(pattern=""),
        "the pattern is empty; give one character for each place, e.g. --pattern LLDDD",
        "no pattern",
    ),
    (
        JobOptions(regex="a("),
        "regex 'a(' cannot be read: missing ), unterminated subpattern at position 1",
        "no expression",
    ),
    (
        JobOptions("beam", beam_width=3, n_best=4),
        "--n-best 4 is more than --beam-width 3; a beam holds no more readings",
        "more readings than the beam",
    ),
    (
        JobOptions(length="6-4"),
        "length '6-4' allows nothing; give a range like 4-6, with 1 as the least",
        "no length",
    ),
    (
        JobOptions(length="five"),
        "length 'five' is not a number or a range; give 5 or 4-6",
        "a length in words",
    ),
    (
        JobOptions(charset=""),
        "the charset is empty; name at least one character, e.g. --charset :digits:",
        "no character",
    ),
    (
        JobOptions(charset=":kanji:"),
        "charset class ':kanji:' is unknown; known are :digits:, :lower:, :upper: "
        "(any other character stands for itself)",
        "an unknown class",
    ),
]


@pytest.mark.parametrize(("options", "message", "reason"), REFUSED, ids=[reason for *_, reason in REFUSED])
def test_options_that_contradict_each_other_are_refused(
    options: JobOptions, message: str, reason: str, request_: SubmitRequest
) -> None:
    with pytest.raises(UsageError) as caught:
        check(replace(request_, options=options), HERE)
    assert str(caught.value) == message


def test_a_directory_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        check(SubmitRequest(tmp_path / "imgs"), HERE)
    assert str(caught.value) == f"{tmp_path / 'imgs'} is not a directory; name a folder of images"


def test_labels_that_cannot_be_read_are_refused(request_: SubmitRequest) -> None:
    with pytest.raises(UsageError) as caught:
        check(replace(request_, labels="stems"), HERE)
    assert str(caught.value) == (
        "labels 'stems' cannot be read (No such file or directory); give stem, none or the path of a CSV file"
    )


def test_a_priority_that_is_none_is_refused(request_: SubmitRequest) -> None:
    check(replace(request_, priority="low"), FLEET)

    with pytest.raises(UsageError) as caught:
        check(replace(request_, priority="urgent"), FLEET)
    assert str(caught.value) == "priority 'urgent' is none of high, normal, low"


@pytest.mark.parametrize("model", ["zoo/mine.json", "./mine", "/zoo/mine", "mine.json"])
def test_a_path_is_for_the_embedded_default_alone(model: str, request_: SubmitRequest) -> None:
    check(replace(request_, model=model), HERE)

    with pytest.raises(UsageError) as caught:
        check(replace(request_, model=model), FLEET)
    assert str(caught.value) == (
        f"model {model!r} is a path, which only the embedded default can load; "
        "give the NAME that the workers of this broker serve"
    )


@pytest.mark.parametrize("model", ["zoo/mine", "mine"])
def test_weights_are_no_model_but_their_card_is(model: str, request_: SubmitRequest) -> None:
    with pytest.raises(UsageError) as caught:
        check(replace(request_, model=f"{model}.safetensors"), HERE)
    assert str(caught.value) == f"model '{model}.safetensors' is weights alone; give its card, {model}.json"


def test_a_folder_of_cards_is_a_path_also_without_a_slash(
    request_: SubmitRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("[zoo]", "kaptcha"):
        (tmp_path / folder).mkdir()
    (tmp_path / "[zoo]" / "mine.json").touch()
    (tmp_path / "kaptcha" / "a.png").touch()

    def model(text: str, transport: Transport) -> str | None:
        return check(replace(request_, model=text), transport).request.model

    assert model("[zoo]", HERE) == "./[zoo]"
    assert model("[zoo]", FLEET) == "[zoo]", "a name that the workers may serve"
    assert model("kaptcha", HERE) == "kaptcha", "a folder of images"


@pytest.mark.parametrize("transport", [HERE, FLEET], ids=["embedded", "fleet"])
def test_a_model_by_name_is_checked_for_its_form_alone(transport: Transport, request_: SubmitRequest) -> None:
    check(replace(request_, model="crnn-small"), transport)
    check(replace(request_, model="crnn-small@0123456789abcdef"), transport)

    with pytest.raises(UsageError) as caught:
        check(replace(request_, model="crnn-small@latest"), transport)
    assert str(caught.value) == (
        "model 'crnn-small@latest' is not NAME or NAME@FINGERPRINT, 16 hex digits after the @"
    )


PATHS = [
    (None, False, "nothing is named"),
    ("crnn-small", False, "a name"),
    ("crnn.v2@0123456789abcdef", False, "a name with a dot and a fingerprint"),
    ("./crnn-small", True, "a path here"),
    ("zoo/crnn-small", True, "a path below"),
    ("crnn-small.json", True, "a card file"),
    ("crnn-small.safetensors", True, "weights"),
]


@pytest.mark.parametrize(("model", "path", "reason"), PATHS, ids=[reason for *_, reason in PATHS])
def test_a_path_is_told_from_a_name(model: str | None, path: bool, reason: str) -> None:
    assert is_path(model) is path

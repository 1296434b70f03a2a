"""What an audit says of a captcha: from hand-made answers, texts and pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_style_figures import Read, read

from model_zoo.figures import Share
from model_zoo.split import LabelledFile
from model_zoo.style.appearance import Appearance, measure_appearance
from model_zoo.style.audit_verdict import Verdict
from model_zoo.style.bot import bot
from model_zoo.style.curve import Curve, Level, Point, Reached
from model_zoo.style.curve_text import in_words, interval_in_words
from model_zoo.style.figures import measure
from model_zoo.style.protection import Finding, findings
from model_zoo.style.texts import look_at_texts

APPEARANCE = Appearance(images=200, ground_low=120, ground_high=250, common=0.25)


def curve(*reached: Reached, top: float = 0.99, high: float = 0.997) -> Curve:
    levels = (Level(10, 0.1, 0.05, 0.2), Level(400, top, max(top - 0.03, 0), high))
    points = (Point(10, (1, 2, 3), 20), Point(400, (19, 20, 20), 20))
    return Curve(points, levels, reached)


def from_on(*samples: int | None) -> list[Reached]:
    """Where 1, 10, 50 and 95 % are reached, without a doubt."""
    return [Reached(target, it, it, it) for target, it in zip((0.01, 0.1, 0.5, 0.95), samples, strict=True)]


NOWHERE = from_on(None, None, None, None)
NOTHING = Share(0, 1000)


def found(
    answers: Sequence[Read], reached: Sequence[Reached], zero_shot: Share = NOTHING, **of: float
) -> dict[str, Finding]:
    texts = look_at_texts([answer.file.label for answer in answers])
    verdict = Verdict(curve(*reached, **of), zero_shot)
    told = findings(texts, APPEARANCE, 1, measure(answers), answers, verdict)
    return {it.title: it for it in told}


LABELS = [f"{a}{b}{a}{b}" for a in "abcdefgh" for b in "abcdefgh"]
RIGHT = [read(label, label, 0.9) for label in LABELS]
# Every second h is taken for an n that no label has.
MIXED = [
    read(it, it.replace("h", "n") if it.index("h") % 2 else it) if "h" in it else read(it, it)
    for it in LABELS
]


def test_a_captcha_that_is_read_is_told_so() -> None:
    told = found(RIGHT, from_on(30, 40, 60, 120))

    assert {title: it.verdict for title, it in told.items()} == {
        "Many samples needed": "does not",
        "Number of possible texts": "helps",
        "Length of the text": "does not",
        "Variety of the look": "does not",
        "Characters that look alike": "does not",
        "Single hard characters": "does not",
        "Place in the text": "does not",
        "Asking for another image": "does not",
    }
    assert told["Many samples needed"].text == (
        "30 samples are enough to read 1 %, which breaks a scheme; labelled by hand, they take about 5 "
        "minutes at ten seconds each. Samples for 10 %: 40, 50 %: 60, 95 %: 120."
    )
    assert told["Number of possible texts"].text == (
        "8 characters, used about equally often (3.00 of at most 3.00 bits each). A blind guess is right "
        "once in 4,096. Against guessing that is enough; the reader is right 4,096 times as often."
    )
    assert told["Length of the text"].text == "All texts have 4 characters, which a reader need not find out."
    assert told["Variety of the look"].text == (
        "Images of one size; the ground's grey lies between 120 and 250 of 255; 25.0 % of what differs "
        "between pixels is the same in all of 200 images. All the same, half are read with 60 "
        "samples."
    )
    assert told["Asking for another image"].text == (
        "Of the half of the images that the reader is surest of, it reads 100.0 % right (89.3 to 100.0 %). A "
        "bot that may ask for another image has that rate."
    )


def test_a_captcha_that_holds_out_is_told_so() -> None:
    told = found(RIGHT, NOWHERE, top=0.004, high=0.009)

    assert told["Many samples needed"].verdict == "protects"
    assert told["Many samples needed"].text == (
        "Even with 400 samples 0.4 % are read (0.0 to 0.9 %), and not 1 %, which breaks a scheme. What more "
        "samples or longer training would do was not measured."
    )
    assert told["Variety of the look"].verdict == "measured"


def test_too_few_test_images_prove_no_protection() -> None:
    reached = [Reached(0.01, None, 0, None), *NOWHERE[1:]]

    told = found(RIGHT, reached, Share(0, 40), top=0.004, high=0.09)["Many samples needed"]

    assert told.verdict == "measured"
    assert told.text == (
        "With 400 samples 0.4 % are read (0.0 to 9.0 %); the test images are too few to tell that from 1 %, "
        "which breaks a scheme. What more samples or longer training would do was not measured."
    )


def test_samples_do_not_protect_what_is_read_without_any() -> None:
    """Whatever 95 % would take."""
    told = found(RIGHT, NOWHERE, Share(840, 1000), top=0.89, high=0.93)

    assert told["Many samples needed"] == Finding(
        "Many samples needed",
        "does not",
        "None are needed: 84.0 % are read without any, and 1 % breaks a scheme. Samples for 10 %: 0, 50 %: "
        "0, 95 %: more than 400.",
    )
    assert told["Variety of the look"].verdict == "does not"
    assert told["Variety of the look"].text.endswith(" All the same, half are read without samples.")


def test_samples_that_take_more_than_an_afternoon_to_label_help() -> None:
    told = found(RIGHT, from_on(300, None, None, None))["Many samples needed"]

    assert told.verdict == "helps"
    assert told.text == (
        "300 samples are enough to read 1 %, which breaks a scheme; labelled by hand, they take about 50 "
        "minutes at ten seconds each. Samples for 10 %: more than 400, 50 %: more than 400, 95 %: more "
        "than 400."
    )


def test_characters_that_look_alike_are_named_with_what_they_cost() -> None:
    told = found(MIXED, NOWHERE)["Characters that look alike"]

    assert told.verdict == "helps"
    assert told.text == (
        "Taken for each other most often: h and n (14 times), 14 of 14 wrong characters. Without these, "
        "100.0 % would be read right instead of 89.1 %. Whether people confuse them too was not measured."
    )


def test_one_hard_character_is_told_from_chance() -> None:
    told = found(MIXED, NOWHERE)["Single hard characters"]

    assert told.verdict == "helps"
    assert told.text == (
        "The hardest is h: in place 56.2 % of 32 times (39.3 to 71.8 %), against 94.5 % of all characters."
    )


def test_the_worst_of_many_is_not_called_hard_for_one_miss() -> None:
    answers = [read("abab", "ab?b"), *RIGHT[1:]]

    told = found(answers, from_on(30, 40, 60, 120))

    assert told["Single hard characters"].text.endswith(" That is within chance.")
    assert told["Place in the text"].text == (
        "The hardest place is number 3 (98.4 % in place), the easiest number 1 (100.0 %). The difference is "
        "within chance."
    )


def test_lengths_that_are_read_worse_help() -> None:
    short = [read("ab", "ab") for _ in range(40)]
    long = [read("abcabc", "abcabc" if number % 2 else "abcab") for number in range(40)]

    told = found([*short, *long], NOWHERE)["Length of the text"]

    assert told == Finding(
        "Length of the text",
        "helps",
        "2 to 6 characters. Read right by length: 2: 100.0 % of 40, 6: 50.0 % of 40. Some lengths are read "
        "less well.",
    )


def test_few_texts_can_be_guessed() -> None:
    told = found([read(label, "") for label in ("1", "2", "3")], NOWHERE)

    assert told["Number of possible texts"].verdict == "does not"
    assert told["Number of possible texts"].text.endswith("once in 3. Guessing alone gets in.")


def test_texts_from_a_list_are_noticed() -> None:
    again = look_at_texts(["apple", "grape", "lemon", "melon"] * 10)

    assert (again.same, again.repeats) == (4 * 45, True)
    assert not look_at_texts(LABELS).repeats


def test_by_chance_a_short_number_comes_again() -> None:
    texts = look_at_texts([f"{number * 37 % 100:02}" for number in range(120)])

    assert texts.same == 20
    assert texts.same_expected == pytest.approx(120 * 119 / 2 / 100)
    assert not texts.repeats


def test_what_texts_are_worth() -> None:
    texts = look_at_texts(["aabb", "abab", "bb"])

    assert (texts.alphabet, texts.lengths) == (2, {2: 1, 4: 2})
    assert texts.bits == pytest.approx(1.0)
    assert texts.guess == pytest.approx(max(1 / 3 / 4, 2 / 3 / 16))


def test_a_bot_tries_until_it_is_in() -> None:
    it = bot(40, 0.5, 0.4, 0.6)

    assert it.needed == pytest.approx(2)
    assert {attempts: chance for attempts, chance, _, _ in it.within} == pytest.approx(
        {1: 0.5, 3: 0.875, 5: 1 - 0.5**5, 10: 1 - 0.5**10}
    )
    assert all(low < chance < high for _, chance, low, high in it.within)
    assert bot(0, 0.0, 0.0, 0.04).needed == math.inf


@pytest.mark.parametrize(
    ("reached", "words", "interval"),
    [
        (Reached(0.95, 120, 90, 160), "120 samples", "90 to 160"),
        (Reached(0.95, 10, 10, 10), "at most 10 samples", "10 or fewer"),
        (Reached(0.95, 12, 10, 40), "12 samples", "10 or fewer to 40"),
        (Reached(0.95, 0, 0, 0), "no samples", "0"),
        (Reached(0.95, 0, 0, 10), "no samples", "0 to 10 or fewer"),
        (Reached(0.95, None, 300, None), "more than 400 samples", "300 to more than 400"),
        (Reached(0.95, None, None, None), "more than 400 samples", "more than 400"),
    ],
)
def test_a_number_of_samples_in_words(reached: Reached, words: str, interval: str) -> None:
    assert (in_words(reached, curve()), interval_in_words(reached, curve())) == (words, interval)


def test_one_picture_again_and_again_has_everything_in_common(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 96), dtype=np.uint8)

    appearance = measure_appearance(_written(tmp_path, [pixels] * 10))

    assert appearance.common == pytest.approx(1.0)
    assert appearance.images == 10


def test_noise_has_nothing_in_common(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 32, 96), dtype=np.uint8)

    assert measure_appearance(_written(tmp_path, list(noise))).common < 0.01


def test_grounds_from_black_to_white_are_seen(tmp_path: Path) -> None:
    appearance = measure_appearance(
        _written(tmp_path, [np.full((32, 96), grey, dtype=np.uint8) for grey in range(0, 256, 5)])
    )

    assert (appearance.ground_low, appearance.ground_high) == (
        pytest.approx(12.75, abs=1),
        pytest.approx(242, abs=1),
    )


def _written(folder: Path, images: Sequence[np.ndarray]) -> list[LabelledFile]:
    files = []
    for number, pixels in enumerate(images):
        path = folder / f"{number}.png"
        Image.fromarray(pixels).save(path)
        files.append(LabelledFile(path, str(number), "0" * 64))
    return files

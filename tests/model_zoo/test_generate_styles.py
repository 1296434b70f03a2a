"""`model-zoo generate` of random styles: one style or many, labels, sizes, and what is refused."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from model_zoo.cli import main
from model_zoo.generators.labels import is_reserved
from model_zoo.generators.styles.style import draw_style


def generate(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["generate", *map(str, arguments)])


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_one_style_of_its_seed_is_drawn_with_labels_that_no_training_stream_yields(tmp_path: Path) -> None:
    style = draw_style(random.Random("style:6"))

    done = generate("--style", "random", "--style-seed", "6", "--count", "30", "--out", tmp_path / "one")

    assert (done.exit_code, done.output) == (0, f"{tmp_path / 'one'}: 30 images\n")
    labels = [path.stem for path in (tmp_path / "one").iterdir()]
    assert len({label.lower() for label in labels}) == 30
    assert all(is_reserved(label) for label in labels)
    assert set("".join(labels)) <= set(style.charset)
    assert {len(label) for label in labels} == set(range(style.length[0], style.length[1] + 1))
    for path in (tmp_path / "one").iterdir():
        with Image.open(path) as image:
            assert (image.mode, image.height) == ("L", round(style.height[0]))


def test_a_larger_count_only_adds_images_and_another_seed_draws_others_of_the_style(tmp_path: Path) -> None:
    style = ("--style", "random", "--style-seed", "6", "--count")
    for name, more in (("few", (4,)), ("many", (9,)), ("other", (9, "--seed", 1))):
        assert generate(*style, *more, "--out", tmp_path / name).exit_code == 0

    assert names(tmp_path / "few") < names(tmp_path / "many")
    for name in names(tmp_path / "few"):
        assert (tmp_path / "few" / name).read_bytes() == (tmp_path / "many" / name).read_bytes()
    assert not names(tmp_path / "other") & names(tmp_path / "many")


def test_charset_length_and_size_are_kept_by_every_style(tmp_path: Path) -> None:
    wish = ("--charset", ":digits:x", "--length", "3-4", "--size", "72x24", "--count", 20)

    assert generate("--style", "many", *wish, "--out", tmp_path / "many").exit_code == 0

    pictures = []
    for path in (tmp_path / "many").iterdir():
        assert set(path.stem) <= set("0123456789x")
        assert len(path.stem) in (3, 4)
        with Image.open(path) as image:
            assert image.size == (72, 24)
            pictures.append(np.asarray(image).mean())
    assert np.ptp(pictures) > 50, "dark ones and light ones: styles of their own"


@pytest.mark.parametrize(
    ("charset", "length", "stems"),
    [
        # Two labels are possible, so they come again; nothing waits for a third.
        ("01", "1", {"0", "0_2", "1", "1_2", "1_3"}),
        ("a", "5", {"aaaaa", "aaaaa_2", "aaaaa_3", "aaaaa_4", "aaaaa_5"}),
        # Files of one name but for their case would be one file on some disks.
        ("aA", "1", {"a", "A_2", "a_3", "a_4", "A_5"}),
    ],
)
def test_labels_come_again_where_there_are_no_more(
    charset: str, length: str, stems: set[str], tmp_path: Path
) -> None:
    wish = ("--charset", charset, "--length", length, "--count", 5)

    assert generate("--style", "random", *wish, "--out", tmp_path / "few").exit_code == 0

    assert {path.stem.lower() for path in (tmp_path / "few").iterdir()} == {it.lower() for it in stems}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--style", "wavy"), "style 'wavy' is unknown; known are kaptcha, kaptcha-two-fonts, random, many"),
        (("--length", "5"), "--length is for --style random and many, not for kaptcha; leave it out"),
        (
            ("--style", "many", "--style-seed", "4"),
            "--style-seed is for --style random; every image of many has a style of its own",
        ),
        (("--style", "random", "--size", "3"), "size '3' is no width and height; give pixels like 160x60"),
        (
            ("--style", "random", "--size", "160x8"),
            "size '160x8' is out of range; give 16x16 to 2048x512 pixels",
        ),
        (
            ("--style", "random", "--charset", "aé"),
            "character 'é' is in no font of ours; give some of "
            "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
        ),
        (
            ("--style", "many", "--charset", "0-9A-F"),
            "character '-' is in no font of ours; give some of "
            "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ; ranges like 0-9 are not known, "
            "give :digits:",
        ),
        (
            ("--style", "random", "--length", "5-25"),
            "25 characters are more than a model reads; give 24 at most",
        ),
    ],
)
def test_a_wish_that_cannot_be_drawn_is_refused_in_a_sentence(
    options: tuple[str, ...], sentence: str, tmp_path: Path
) -> None:
    done = generate(*options, "--out", tmp_path / "new")

    assert (done.exit_code, done.stderr) == (2, f"Error: {sentence}\n")
    assert not (tmp_path / "new").exists()


def test_a_listed_font_that_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from model_zoo.generators.styles import faces

    monkeypatch.setattr(faces, "SYSTEM", tmp_path / "fonts")
    faces.listed_faces.cache_clear()

    done = generate("--style", "many", "--fonts", "listed", "--out", tmp_path / "new")

    assert done.exit_code == 2
    assert done.stderr == (
        f"Error: font {tmp_path}/fonts/opentype/allerta/allerta_medium.otf of the list is not there; "
        f"install the packages named in {faces.LISTED}\n"
    )

"""Which labelled images of a folder are used, and what is said of every other."""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from pathlib import Path

import pytest
from labelled import TEXTS, left_out, write_images
from PIL import Image

from model_zoo.split import labelled_files
from model_zoo.style.looked_at import COLUMNS_PER_FRAME, WIDEST
from model_zoo.style.problems import LONGEST
from model_zoo.style.samples import problems_in_words, read_samples


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Forty good images."""
    return write_images(tmp_path / "imgs")


def test_a_folder_of_good_images_is_used_whole_and_needs_no_words(folder: Path) -> None:
    samples = read_samples(folder)

    assert list(samples.files) == labelled_files(folder)
    assert Counter(file.label for file in samples.files) == Counter(TEXTS)
    assert (samples.charset, samples.min_length, samples.max_length) == ("0123456789ab", 3, 5)
    assert samples.sizes == {(24, 8): 40}
    assert (samples.folder, samples.images) == (folder, 40)
    assert (samples.unusable, samples.duplicates, samples.conflicts) == ((), (), ())
    assert problems_in_words(samples) == []


def test_files_lie_in_folders_and_what_is_no_image_is_passed_over(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "imgs", [f"{text[0]}/{text}_x_y.png" for text in TEXTS])
    (folder / "readme.txt").write_text("not an image, and not called so")
    (folder / "Thumbs.db").write_bytes(b"")
    (folder / "._123.png").write_bytes(b"\x00\x05\x16\x07 what macOS keeps of a file")
    os.mkfifo(folder / "pipe.png")
    shutil.copy(folder / "0/000_x_y.png", folder / "00a")  # an image by its content
    (folder / "0/000_x_y.png").unlink()

    samples = read_samples(folder)

    assert [file.path.relative_to(folder).as_posix() for file in samples.files] == [
        "0/010a_x_y.png",
        "0/020ab_x_y.png",
        "0/030_x_y.png",
        "00a",
        *(file.path.relative_to(folder).as_posix() for file in samples.files[4:]),
    ]
    assert {file.label for file in samples.files} == {*TEXTS, "00a"} - {"000"}
    assert (samples.images, samples.unusable) == (40, ())


BAD_FILES: list[tuple[str, bytes | None, str, str, str, str]] = [
    (
        "_1.png",
        None,
        "",
        "no_label",
        "nothing stands before the first underscore or dot of its name",
        "no label before the underscore",
    ),
    (
        ".png",
        None,
        "",
        "no_label",
        "nothing stands before the first underscore or dot of its name",
        "no label before the dot",
    ),
    ("12.png", b"", "12", "unreadable", "the file is empty; expected an image", "no bytes"),
    (
        "12.png",
        b"hello, world",
        "12",
        "unreadable",
        "the content starts with b'hello, w', expected PNG, JPEG, GIF, BMP or WebP",
        "a text",
    ),
    (
        "12.tif",
        b"II*\x00" + bytes(60),
        "12",
        "unreadable",
        "the content is TIFF, which is not read; convert it to PNG, JPEG, GIF, BMP or WebP",
        "a format that is not read",
    ),
    (
        "1 2.png",
        None,
        "1 2",
        "unprintable",
        "its label has a space, which is no visible character",
        "a space",
    ),
    (
        "1\t2.png",
        None,
        "1\t2",
        "unprintable",
        "its label has \\t, which is no visible character",
        "a tab",
    ),
    (
        "1\u202e2.png",
        None,
        "1\u202e2",
        "unprintable",
        "its label has \\u202e, which is no visible character",
        "a mark that turns the text around",
    ),
    (
        "1\udce92.png",
        None,
        "1\udce92",
        "unprintable",
        "its label has \\xe9, which is no visible character",
        "a byte that is no UTF-8",
    ),
    (
        "0123456789012.png",
        None,
        "0123456789012",
        "too_long",
        "its label '0123456789012' has 13 characters, the most are 12",
        "a character too many",
    ),
    (
        "1z.png",
        None,
        "1z",
        "rare_character",
        "no other usable image has 'z'",
        "a character of its own",
    ),
    (
        "zz.png",
        None,
        "zz",
        "rare_character",
        "no other usable image has 'z'",
        "twice in one image is still one image",
    ),
]


@pytest.mark.parametrize(
    ("name", "content", "label", "kind", "reason"),
    [pytest.param(*row[:-1], id=row[-1]) for row in BAD_FILES],
)
def test_a_file_that_cannot_be_used_is_named_with_the_reason(
    folder: Path, name: str, content: bytes | None, label: str, kind: str, reason: str
) -> None:
    if content is None:
        write_images(folder, [name])
    else:
        (folder / name).write_bytes(content)
    most = re.search(r"the most are (\d+)", reason)

    samples = read_samples(folder, max_length=int(most[1]) if most else LONGEST)

    assert left_out(samples) == [(name, label, kind, reason)]
    assert (len(samples.files), samples.images) == (40, 41)
    assert samples.charset == "0123456789ab"


def test_a_label_that_just_fits_is_used(folder: Path) -> None:
    write_images(folder, [f"{'1' * LONGEST}.png"])
    samples = read_samples(folder)
    assert (samples.unusable, samples.max_length) == ((), 32)
    assert 2 * LONGEST - 1 <= WIDEST // COLUMNS_PER_FRAME, "frames, one between equal neighbours included"


def test_an_image_of_one_grey_shows_no_text(folder: Path) -> None:
    Image.new("RGB", (24, 8), "red").save(folder / "12.png")
    reason = "all pixels are of one grey, so there is no text to be seen"
    assert left_out(read_samples(folder)) == [("12.png", "12", "unreadable", reason)]


def test_a_damaged_image_and_a_link_to_nothing_are_named(folder: Path) -> None:
    whole = (folder / "000.png").read_bytes()
    (folder / "12.png").write_bytes(whole[:60])
    (folder / "13.png").symlink_to(folder / "nowhere.png")
    (cut, lost) = left_out(read_samples(folder))
    assert cut[:3] == ("12.png", "12", "unreadable")
    assert cut[3].startswith("the image ends before its data does (")
    assert lost == ("13.png", "13", "unreadable", "is not there; was it moved or deleted?")


def test_leaving_out_an_image_makes_other_characters_rare(folder: Path) -> None:
    # z is in xz alone; without xz there is x in xy alone, and without that y in y1 alone.
    write_images(folder, ["y1.png", "xy.png", "xz.png"])
    assert left_out(read_samples(folder)) == [
        ("xy.png", "xy", "rare_character", "no other usable image has 'x'"),
        ("xz.png", "xz", "rare_character", "no other usable image has 'z'"),
        ("y1.png", "y1", "rare_character", "no other usable image has 'y'"),
    ]


def test_copies_with_the_same_label_are_used_once(folder: Path) -> None:
    for copy in ("a/000_2.png", "000_1.png"):
        (folder / copy).parent.mkdir(exist_ok=True)
        shutil.copy(folder / "000.png", folder / copy)

    samples = read_samples(folder)

    assert (len(samples.files), samples.images, samples.unusable) == (40, 42, ())
    assert samples.duplicates == ((folder / "000.png", folder / "000_1.png", folder / "a/000_2.png"),)
    assert problems_in_words(samples) == [
        "1 image is there more than once and used once:",
        "  000.png, 000_1.png, a/000_2.png",
    ]


def test_copies_do_not_make_a_character_less_rare(folder: Path) -> None:
    write_images(folder, ["1z.png"])
    shutil.copy(folder / "1z.png", folder / "1z_copy.png")
    samples = read_samples(folder)
    assert [row[0] for row in left_out(samples)] == ["1z.png", "1z_copy.png"]
    assert samples.duplicates == ()


def test_the_same_image_with_two_labels_is_listed_and_not_used(folder: Path) -> None:
    write_images(folder, ["1z.png", "2z.png"])
    shutil.copy(folder / "2z.png", folder / "2a.png")
    shutil.copy(folder / "2z.png", folder / "2z_copy.png")

    samples = read_samples(folder)

    assert samples.conflicts == ((folder / "2a.png", folder / "2z.png", folder / "2z_copy.png"),)
    assert samples.conflict_labels == (("2a", "2z", "2z"),)
    # What conflicts makes no character known.
    assert left_out(samples) == [("1z.png", "1z", "rare_character", "no other usable image has 'z'")]
    assert problems_in_words(samples) == [
        "1 label has a character that no other image has:",
        "  1z.png: no other usable image has 'z'",
        "1 image has two labels and is not used:",
        "  2a.png ('2a'), 2z.png ('2z'), 2z_copy.png ('2z')",
    ]

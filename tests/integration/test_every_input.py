"""Every kind of file a directory may hold, through the whole system, in one job: one image, one answer."""

from __future__ import annotations

import json
import os
import struct
import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from processes import Finished, Fleet, producer, report_of, results_of, write_captchas

pytestmark = pytest.mark.redis

# File name -> the error code that its answer must carry.
BROKEN = {
    b"truncated.png": "truncated",
    b"text.png": "not_an_image",
    b"empty.png": "empty_file",
    b"huge.png": "too_many_pixels",
    b"heavy.png": "too_many_bytes",
    b"picture.tiff": "unsupported_format",
    b"damaged.png": "corrupt",
    b"outside.png": "symlink_outside",
    b"dangling.png": "vanished",
}
# Clears a terminal, and is markup to the library that prints the report.
EVIL = "[red]markup\x1b[2J.png"
SKIPPED = {b"notes.txt": "not an image", b"empty.txt": "empty, and not named like an image"}


@dataclass(frozen=True)
class Run:
    """The one job of this file."""

    done: Finished
    folder: Path
    labels: dict[str, str]  # file -> what it says

    @property
    def answers(self) -> dict[str, dict[str, Any]]:
        return {line["file"]: line for line in results_of(self.folder)}


def header_of(width: int, height: int) -> bytes:
    """A PNG that announces this size, and ends."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))


def save(image: Image.Image, path: bytes, file_format: str, **options: Any) -> None:
    stream = BytesIO()
    image.save(stream, file_format, **options)
    with open(path, "wb") as file:
        file.write(stream.getvalue())


def write_broken(folder: bytes, outside: Path, good: bytes) -> None:
    """One file for each row of BROKEN."""
    content = {
        b"truncated.png": good[: len(good) // 2],
        b"text.png": b"this is no image\n",
        b"empty.png": b"",
        b"huge.png": header_of(30_000, 30_000) + good[33:],
        b"heavy.png": good + bytes(2_000_000),
        b"damaged.png": good[:60] + bytes(40) + good[100:],
        b"notes.txt": b"hello",
        b"empty.txt": b"",
    }
    for name, data in content.items():
        with open(os.path.join(folder, name), "wb") as file:
            file.write(data)
    Image.new("L", (200, 50)).save(os.path.join(folder, b"picture.tiff").decode(), "TIFF")
    outside.write_bytes(good)
    os.symlink(outside, os.path.join(folder, b"outside.png"))
    os.symlink(os.path.join(folder, b"nowhere"), os.path.join(folder, b"dangling.png"))


def write_readable(folder: bytes, sources: list[tuple[str, Image.Image]]) -> dict[bytes, str]:
    """Captchas in every mode, format and kind of name; returns file name -> label."""
    # Black text on a fully transparent ground: over black, or with the alpha dropped, nothing could be read.
    black = Image.new("RGBA", sources[0][1].size, (0, 0, 0, 0))
    black.putalpha(sources[0][1].convert("L").point(lambda grey: 255 - grey))
    grey = [image.convert("L") for _, image in sources]
    sixteen_bit = Image.frombytes(
        "I;16", grey[3].size, b"".join(struct.pack("<H", value * 257) for value in grey[3].tobytes())
    )
    written: dict[bytes, str] = {}

    def put(number: int, name: bytes, image: Image.Image, file_format: str, **options: Any) -> None:
        os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
        save(image, os.path.join(folder, name), file_format, **options)
        written[name] = sources[number][0]

    put(0, b"transparent.png", black, "PNG")
    put(1, b"one-bit.png", grey[1].point(lambda value: 255 * (value > 110)).convert("1"), "PNG")
    put(2, b"palette.png", grey[2].convert("P"), "PNG")
    put(3, b"sixteen-bit.png", sixteen_bit, "PNG")
    put(4, b"cmyk.jpg", grey[4].convert("CMYK"), "JPEG", quality=95)
    other = Image.new("L", grey[5].size, 255)
    put(5, b"animated.gif", grey[5], "GIF", save_all=True, append_images=[other, other])
    put(6, b"bitmap.bmp", grey[6], "BMP")
    put(7, b"web.webp", grey[7], "WEBP", lossless=True)
    put(8, b"deep/er/folder.png", grey[8], "PNG")
    put(9, b"with space.png", grey[9], "PNG")
    put(10, b"quo\"te's.png", grey[10], "PNG")
    put(11, b"new\nline.png", grey[11], "PNG")
    put(12, "gr\u00fc\u00dfe-\u6f22.png".encode(), grey[12], "PNG")
    put(13, b"not-utf8-\xff\xfe.png", grey[13], "PNG")
    put(14, b"no-extension", grey[14], "PNG")
    put(15, EVIL.encode(), grey[15], "PNG")
    return written


@pytest.fixture(scope="module")
def run(shared_fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """All of it submitted as one directory to a real redis-server and a real worker."""
    place = tmp_path_factory.mktemp("every-input")
    names = write_captchas(place / "source", 16)
    sources = [(name[:5], Image.open(place / "source" / name)) for name in names]
    folder = os.fsencode(place / "images")
    os.mkdir(folder)
    readable = write_readable(folder, sources)
    write_broken(folder, place / "secret.png", (place / "source" / names[0]).read_bytes())
    os.symlink(b"bitmap.bmp", os.path.join(folder, b"inside.bmp"))
    readable[b"inside.bmp"] = readable[b"bitmap.bmp"]
    labels = {os.fsdecode(name): label for name, label in readable.items()}
    table = place / "labels.csv"
    labels[EVIL] = "wrong"
    rows = ['"{}",{}'.format(name.replace('"', '""'), label) for name, label in labels.items()]
    table.write_bytes(os.fsencode("file,label\n" + "\n".join(rows[:13] + rows[14:]) + "\n"))
    done = producer(
        "submit", place / "images", "--broker", shared_fleet.url, "--run-dir", place / "run",
        "--labels", table, "--max-image-mb", "1", "--length", "5", cwd=place,
    )  # fmt: skip
    return Run(done, place / "run", labels)


def test_every_image_gets_one_line_in_the_order_of_its_number_and_nothing_else_does(run: Run) -> None:
    lines = results_of(run.folder)

    assert sorted(line["id"] for line in lines) == list(range(len(lines)))
    assert {line["file"] for line in lines} == {*run.labels, *(os.fsdecode(name) for name in BROKEN)}


@pytest.mark.parametrize("name", BROKEN, ids=os.fsdecode)
def test_a_broken_file_costs_its_own_answer_alone(run: Run, name: bytes) -> None:
    answer = run.answers[os.fsdecode(name)]

    assert answer["text"] is None
    assert answer["error"]["code"] == BROKEN[name]
    assert answer["error"]["message"]


def test_a_readable_file_is_read_whatever_its_mode_format_or_name(run: Run) -> None:
    errors = {file: run.answers[file]["error"] for file in run.labels if run.answers[file]["error"]}
    wrong = {file: (label, run.answers[file]["text"]) for file, label in run.labels.items()
             if run.answers[file]["text"] != label}  # fmt: skip

    assert errors == {}
    # An image of one bit has lost its grey; the others must be read as drawn.
    assert set(wrong) <= {"one-bit.png", EVIL}, wrong


def test_bytes_of_a_name_that_are_not_utf8_survive_in_ascii_json(run: Run) -> None:
    text = (run.folder / "results.jsonl").read_bytes()

    assert text.isascii()
    assert os.fsencode("not-utf8-\udcff\udcfe.png") == b"not-utf8-\xff\xfe.png"
    assert "not-utf8-\udcff\udcfe.png" in run.answers


def test_the_report_counts_errors_by_code_and_skipped_files_by_reason(run: Run) -> None:
    report = report_of(run.folder)

    assert report["images"] == len(run.labels) + len(BROKEN)
    assert report["answered"] == len(run.labels)
    assert report["errors"] == dict.fromkeys(BROKEN.values(), 1)
    assert report["skipped"] == len(SKIPPED)
    assert report["skipped_by_reason"] == dict.fromkeys(SKIPPED.values(), 1)


def test_the_exit_code_says_that_some_image_could_not_be_read(run: Run) -> None:
    assert run.done.code == 1
    assert "Traceback" not in run.done.err


def test_a_name_that_would_act_on_a_terminal_or_page_is_shown_and_does_not_act(run: Run) -> None:
    # Its label is wrong in the table, so that every form of the report names it.
    page = (run.folder / "report.html").read_text()

    assert "[red]markup\\x1b[2J.png" in run.done.out
    assert "\x1b" not in run.done.out
    assert "[red]markup\\x1b[2J.png" in page
    assert "\x1b" not in page


def test_a_file_that_disappears_after_the_scan_is_vanished(
    shared_fleet: Fleet, captchas: Path, tmp_path: Path
) -> None:
    images = tmp_path / "images"
    write_captchas(images, 3, seed=7)
    first = producer(
        "submit", images, "--broker", shared_fleet.url, "--run-dir", tmp_path / "run",
        "--model", "nobody-serves-this", "--wait", "0", cwd=tmp_path,
    )  # fmt: skip
    assert first.code == 3
    gone = sorted(path.name for path in images.iterdir())[1]
    (images / gone).unlink()
    manifest = (tmp_path / "run" / "manifest.jsonl").read_text().splitlines(keepends=True)
    request = {**json.loads(manifest[0]), "model": None}
    (tmp_path / "run" / "manifest.jsonl").write_text("".join([json.dumps(request) + "\n", *manifest[1:]]))

    done = producer("resume", tmp_path / "run", "--broker", shared_fleet.url, cwd=tmp_path)

    assert done.code == 1
    assert {
        line["file"]: line["error"]["code"] for line in results_of(tmp_path / "run") if line["error"]
    } == {gone: "vanished"}

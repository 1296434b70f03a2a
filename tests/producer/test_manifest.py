"""The manifest: written once, appended to, read again; and how images are cut into batches."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from producer.errors import Interrupted, UsageError
from producer.images import FoundImage, Skipped
from producer.manifest import (
    BatchLimits,
    BatchRange,
    LexiconFile,
    ManifestImage,
    Request,
    append_line,
    read_batches,
    read_facts,
    write_manifest,
)
from worker.contract import AnswerError, JobOptions

REQUEST = Request(
    job="20260401-101500-3fa9c1",
    directory="/data/caf\udce9",
    model="crnn-small@0123456789abcdef",
    options=JobOptions("exact", 20, 3, ":digits:", "4-6", "LLDDD", "[a-f]+", "ab" * 32),
    labels="/data/truth.csv",
    ignore_case=True,
    created="2026-04-01T10:15:00+00:00",
    notes=("synthetic images", "two lines"),
    from_list="/data/list",
    limits=BatchLimits(100, 5000),
    lexicon=LexiconFile("/data/words.txt", 12_345),
    unconstrained=True,
    priority="high",
)
GONE = AnswerError("vanished", "the list names this file, but it is not there")
FOUND: list[FoundImage | Skipped] = [
    FoundImage("a.png", 10),
    Skipped("labels.csv", "not an image"),
    FoundImage("caf\udce9\n.png", 20),
    FoundImage("gone.png", 0, GONE),
    Skipped("notes.txt", "not an image"),
    Skipped("pipe", "not a regular file"),
]


def written(path: Path, found: list[FoundImage | Skipped], limits: BatchLimits | None = None) -> list[int]:
    """Write a manifest; the numbers that a display is shown."""
    request = REQUEST if limits is None else replace(REQUEST, limits=limits)
    return list(write_manifest(path, request, found))


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "manifest.jsonl"
    written(path, FOUND)
    return path


def test_a_request_survives(manifest: Path) -> None:
    assert read_facts(manifest).request == REQUEST


def test_facts_are_everything_but_the_images(manifest: Path) -> None:
    facts = read_facts(manifest)

    assert facts.images == 3
    assert facts.skipped == Counter({"not an image": 2, "not a regular file": 1})
    assert facts.skipped_files == [
        ("labels.csv", "not an image"),
        ("notes.txt", "not an image"),
        ("pipe", "not a regular file"),
    ]
    assert (facts.model, facts.sessions, facts.session_ends) == (None, [], [])


def test_images_keep_their_numbers_names_and_errors(manifest: Path) -> None:
    (batch,) = read_batches(manifest, REQUEST.job)

    assert batch.images == (
        ManifestImage(0, "a.png", 10),
        ManifestImage(1, "caf\udce9\n.png", 20),
        ManifestImage(2, "gone.png", 0, GONE),
    )
    assert batch.id == "20260401-101500-3fa9c1:0-2"
    assert batch.size == 30


NAMES = st.text(max_size=20) | st.sampled_from(
    ["caf\udce9", 'a"b\\c.png', "\x00\x7f\u2028", "\U0001f600.png"]
)
IMAGES = st.builds(
    FoundImage, NAMES, st.integers(0, 2**40), st.none() | st.builds(AnswerError, st.text(max_size=5), NAMES)
)


@settings(deadline=None)
@given(found=st.lists(IMAGES, max_size=5))
def test_an_image_is_written_as_its_fields_are(
    tmp_path_factory: pytest.TempPathFactory, found: list[FoundImage | Skipped]
) -> None:
    path = tmp_path_factory.mktemp("written") / "m"
    written(path, found)

    lines = [line for line in path.read_text("ascii").splitlines() if line.startswith('{"type": "image"')]
    plain = [{key: value for key, value in asdict(it).items() if value is not None} for it in found]
    assert lines == [json.dumps({"type": "image", "id": n, **each}) for n, each in enumerate(plain)]


def test_the_file_is_ascii_json_line_by_line(manifest: Path) -> None:
    lines = manifest.read_bytes().decode("ascii").splitlines()

    kinds = [json.loads(line)["type"] for line in lines]
    assert kinds == ["job", "image", "skipped", "image", "image", *["skipped"] * 2, "batch", "end"]
    assert json.loads(lines[0])["version"] == 2


def test_a_display_is_told_how_many_images_there_are(tmp_path: Path) -> None:
    assert written(tmp_path / "m", FOUND) == [1, 2, 3]


def test_a_scan_that_was_cut_short_is_written_anew(manifest: Path) -> None:
    whole = manifest.read_bytes()
    manifest.write_bytes(whole[:200])

    written(manifest, FOUND)

    assert manifest.read_bytes() == whole


def test_a_disk_that_takes_no_line_interrupts_the_job(manifest: Path) -> None:
    manifest.unlink()
    manifest.mkdir()

    with pytest.raises(Interrupted) as caught:
        append_line(manifest, "model")
    assert str(caught.value) == f"{manifest} cannot be written: Is a directory"


def test_of_many_skipped_files_all_are_counted_and_a_thousand_named(tmp_path: Path) -> None:
    path = tmp_path / "m"
    written(path, [Skipped(f"{n}.txt", "not an image") for n in range(1100)])

    facts = read_facts(path)

    assert facts.skipped.total() == 1100
    assert len(facts.skipped_files) == 1000
    assert facts.images == 0
    assert list(read_batches(path, "j")) == []


SIZES = st.lists(st.integers(0, 50), max_size=60)


@settings(deadline=None)
@given(sizes=SIZES, max_images=st.none() | st.integers(1, 20), max_bytes=st.integers(1, 120))
@example(sizes=[50, 1, 1, 50], max_images=2, max_bytes=10)
def test_batches_are_contiguous_and_cover_every_image_once(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], max_images: int | None, max_bytes: int
) -> None:
    path = tmp_path_factory.mktemp("cut") / "m"
    limits = BatchLimits(max_images, max_bytes)
    written(path, [FoundImage(f"{n}.png", size) for n, size in enumerate(sizes)], limits)

    batches = list(read_batches(path, "j"))

    assert [image.id for batch in batches for image in batch.images] == list(range(len(sizes)))
    for number, batch in enumerate(batches):
        assert 1 <= len(batch.images) <= limits.images_of(number)
        assert batch.size <= max_bytes or len(batch.images) == 1
    for number, (batch, following) in enumerate(itertools.pairwise(batches)):
        full = len(batch.images) == limits.images_of(number)
        heavy = batch.size + following.images[0].size > max_bytes
        assert full or heavy, "no batch ends before it has to"


def test_batches_grow_from_small_to_the_size_that_pays() -> None:
    limits = BatchLimits()

    assert [limits.images_of(n) for n in range(14)] == [16] * 3 + [32] * 3 + [64] * 3 + [128] * 3 + [256] * 2
    assert limits.images_of(10**9) == 256
    assert [BatchLimits(7).images_of(n) for n in (0, 100)] == [7, 7]


@settings(deadline=None)
@given(count=st.integers(2, 300))
def test_halves_are_the_whole_with_ids_of_their_own(count: int) -> None:
    batch = BatchRange("j", tuple(ManifestImage(n, f"{n}.png", 1) for n in range(100, 100 + count)))

    first, second = batch.halves()

    assert first.images + second.images == batch.images
    assert 0 <= len(second.images) - len(first.images) <= 1
    assert len({batch.id, first.id, second.id}) == 3


def test_lines_can_be_added_and_are_read_back(manifest: Path) -> None:
    append_line(manifest, "model", name="crnn", fingerprint="f", card={"charset": "ab"})
    append_line(manifest, "session", number=0, time=1.5, startup_seconds=2.5, workers={"w": "cpu"})
    append_line(manifest, "session_end", number=0, seconds=3.5, workers={"w": "cpu"})

    facts = read_facts(manifest)

    assert facts.model == {"type": "model", "name": "crnn", "fingerprint": "f", "card": {"charset": "ab"}}
    assert [session["startup_seconds"] for session in facts.sessions] == [2.5]
    assert [end["seconds"] for end in facts.session_ends] == [3.5]
    assert facts.images == 3
    assert len(list(read_batches(manifest, REQUEST.job))) == 1


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_half_a_line_at_the_end_is_ignored_and_gives_way(cut: int, manifest: Path) -> None:
    append_line(manifest, "model", name="crnn", fingerprint="f", card={})
    whole = manifest.read_bytes()
    manifest.write_bytes(whole[:-cut])

    assert read_facts(manifest).model is None
    append_line(manifest, "model", name="crnn", fingerprint="f", card={})

    assert manifest.read_bytes() == whole


def test_a_scan_that_was_cut_short_is_seen(manifest: Path) -> None:
    lines = manifest.read_bytes().splitlines(keepends=True)
    manifest.write_bytes(b"".join(lines[:-1]) + lines[-1][:7])

    assert read_facts(manifest).images is None


EMPTY = "{path} is empty: the scan was cut short and nothing was sent; submit it again"
OTHER = "{path} is a manifest of version {version!r}, expected 2; use the captchafleet that wrote it"
REFUSED = [
    (b"", EMPTY, None, "a kill before the first line"),
    (b'{"type": "job", "vers', EMPTY, None, "a kill within the first line"),
    (b'{"type": "job", "version": 3}\n', OTHER, 3, "another version"),
    (
        b'{"type": "job", "version": 2}\n',
        "{path} is no manifest of this captchafleet ('options'); use the one that wrote it",
        2,
        "a job without its request",
    ),
    (
        b'{"type": "job", "version": 2, "options": {"colour": 1}}\n',
        "{path} is no manifest of this captchafleet (JobOptions.__init__() got an unexpected keyword "
        "argument 'colour'); use the one that wrote it",
        2,
        "an option from elsewhere",
    ),
    (b'{"type": "image"}\n', OTHER, None, "a first line that is no job"),
    (b'{"type": "image", "id": 0}\n', OTHER, None, "a first line as it stands there for an image"),
    (
        b"\xff\n",
        "{path}, line 1 is not JSON: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
        None,
        "no text",
    ),
    (b"hello\n", "{path}, line 1 is not JSON: Expecting value: line 1 column 1 (char 0)", None, "a text"),
]


@pytest.mark.parametrize(("content", "message", "version", "reason"), REFUSED, ids=[r for *_, r in REFUSED])
def test_a_file_that_is_no_manifest_is_refused(
    content: bytes, message: str, version: object, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "manifest.jsonl"
    path.write_bytes(content)

    with pytest.raises(UsageError) as caught:
        read_facts(path)
    assert str(caught.value) == message.format(path=path, version=version)


def test_a_manifest_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "manifest.jsonl"

    with pytest.raises(UsageError) as caught:
        read_facts(path)
    assert str(caught.value) == (
        f"{path} cannot be read: No such file or directory; name a run folder of `submit`"
    )

"""Zips from strangers: what is unpacked, what is refused, and that nothing is written outside."""

from __future__ import annotations

import resource
import stat
import struct
import warnings
import zipfile
from pathlib import Path

import pytest

from model_zoo.errors import DataError
from model_zoo.unpack import UnpackLimits, unpack

Files = list[tuple[str | zipfile.ZipInfo, bytes]]


def make_zip(path: Path, files: Files, method: int = zipfile.ZIP_DEFLATED) -> Path:
    """A zip with these entries, in this order."""
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", method) as archive:
        warnings.simplefilter("ignore")  # zipfile remarks on a name that comes twice
        for name, content in files:
            archive.writestr(name, content)
    return path


def tree(folder: Path) -> dict[str, bytes]:
    """Relative path -> content of every file."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


@pytest.mark.parametrize(
    ("names", "found"),
    [
        pytest.param(["a.png", "b/c.png"], ["a.png", "b/c.png"], id="as it is"),
        pytest.param(["top/a.png", "top/b/c.png"], ["a.png", "b/c.png"], id="one folder holds all"),
        pytest.param(["top/", "top/a.png"], ["a.png"], id="with an entry of its own"),
        pytest.param(["./a.png", "x//b.png"], ["a.png", "x/b.png"], id="written oddly"),
        pytest.param(["a/b.png", "c/d.png"], ["a/b.png", "c/d.png"], id="two folders"),
        pytest.param(["Ab.png", "aB.png"], ["Ab.png", "aB.png"], id="names that differ in case alone"),
        pytest.param(
            ["top/a.png", "__MACOSX/top/._a.png", "top/.DS_Store", "top/Thumbs.db", "top/._b.png"],
            ["a.png"],
            id="litter of the system",
        ),
    ],
)
def test_files_come_out_where_they_belong(tmp_path: Path, names: list[str], found: list[str]) -> None:
    archive = make_zip(tmp_path / "a.zip", [(name, name.encode()) for name in names])

    count = unpack(archive, tmp_path / "out")

    assert sorted(tree(tmp_path / "out")) == sorted(found)
    assert count == len(found)


def test_content_comes_out_as_it_went_in(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", [("a", bytes(3 * 2**20) + b"end"), ("b", b"")], zipfile.ZIP_STORED)

    unpack(archive, tmp_path / "out")

    assert tree(tmp_path / "out") == {"a": bytes(3 * 2**20) + b"end", "b": b""}


def entry(name: str, **fields: int) -> zipfile.ZipInfo:
    """An entry with fields that no writer of zips would set."""
    info = zipfile.ZipInfo(name)
    for key, value in fields.items():
        setattr(info, key, value)
    return info


LINK, PIPE = (stat.S_IFLNK | 0o777) << 16, (stat.S_IFIFO | 0o644) << 16


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("../evil", "entry '../evil' of the archive leads out of the folder; it is not unpacked"),
        ("a/../../evil", "entry 'a/../../evil' of the archive leads out of the folder; it is not unpacked"),
        ("/tmp/evil", "entry '/tmp/evil' of the archive leads out of the folder; it is not unpacked"),
        ("C:/evil", "entry 'C:/evil' of the archive is no portable file name; it is not unpacked"),
        (r"..\evil", r"entry '..\\evil' of the archive is no portable file name; it is not unpacked"),
        (
            entry("link", external_attr=LINK),
            "entry 'link' of the archive is a link or a device; it is not unpacked",
        ),
        (
            entry("pipe", external_attr=PIPE),
            "entry 'pipe' of the archive is a link or a device; it is not unpacked",
        ),
        (
            entry("slow", compress_type=zipfile.ZIP_LZMA),
            "entry 'slow' of the archive is compressed by another method than deflate; it is not unpacked",
        ),
    ],
)
def test_a_dangerous_entry_refuses_the_whole_archive(
    tmp_path: Path, name: str | zipfile.ZipInfo, said: str
) -> None:
    archive = make_zip(tmp_path / "a.zip", [("a.png", b"good"), (name, b"/etc/passwd")])
    before = sorted(tmp_path.rglob("*"))

    with pytest.raises(DataError) as caught:
        unpack(archive, tmp_path / "out")

    assert str(caught.value) == said
    assert sorted(tmp_path.rglob("*")) == before


def test_a_name_with_a_nul_is_refused(tmp_path: Path) -> None:
    """Python would end the name there; the writer cannot make one, so the bytes are changed."""
    archive = make_zip(tmp_path / "a.zip", [("a.png#.txt", b"x")])
    archive.write_bytes(archive.read_bytes().replace(b"a.png#.txt", b"a.png\0.txt"))

    with pytest.raises(DataError) as caught:
        unpack(archive, tmp_path / "out")

    assert str(caught.value) == (
        r"entry 'a.png\x00.txt' of the archive is no portable file name; it is not unpacked"
    )


def test_an_encrypted_entry_is_refused(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", [("a.png", b"x")])
    content = bytearray(archive.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 1
    archive.write_bytes(content)

    with pytest.raises(DataError, match=r"^entry 'a\.png' of the archive is encrypted; it is not unpacked$"):
        unpack(archive, tmp_path / "out")


def test_two_entries_of_one_name_are_refused(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", [("a/b.png", b"1"), ("a//b.png", b"2")])

    with pytest.raises(DataError, match=r"^the archive has two entries 'a/b\.png'; it is not unpacked$"):
        unpack(archive, tmp_path / "out")


def test_a_file_that_is_also_a_folder_is_refused(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", [("a", b"1"), ("a/b", b"2"), ("c", b"3")])

    with pytest.raises(DataError) as caught:
        unpack(archive, tmp_path / "out")

    assert str(caught.value) == (
        "entry 'a/b' of the archive cannot be written (File exists); make room, "
        "or give another place by --out"
    )


def test_a_bomb_is_refused_by_its_ratio_its_size_or_its_number_of_files(tmp_path: Path) -> None:
    bomb = make_zip(tmp_path / "bomb.zip", [("a", bytes(10**6))])
    size = bomb.stat().st_size

    for limits in (UnpackLimits(), UnpackLimits(max_bytes=10**5, max_ratio=10**6)):
        with pytest.raises(DataError) as caught:
            unpack(bomb, tmp_path / "out", limits)
        assert str(caught.value) == (
            f"the archive of {size:,} bytes would unpack to 1,000,000; more than {limits.max_bytes:,} or "
            f"{limits.max_ratio} times its size is not unpacked"
        )

    many = make_zip(tmp_path / "many.zip", [(f"{number}", b"") for number in range(11)])
    with pytest.raises(DataError, match=r"^the archive has more than 10 entries; it is not unpacked$"):
        unpack(many, tmp_path / "out", UnpackLimits(max_files=10))
    assert not (tmp_path / "out").exists()


def test_an_entry_that_lies_about_its_size_gives_no_byte_more(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", [("a", bytes(10**6))])
    content = bytearray(archive.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", content, content.index(signature) + offset, 1_000)
    archive.write_bytes(content)

    with pytest.raises(
        DataError, match=r"^the archive is no zip, or a damaged one \(Bad CRC-32 for file 'a'\)"
    ):
        unpack(archive, tmp_path / "out")
    assert (tmp_path / "out" / "a").stat().st_size <= 1_000


@pytest.mark.parametrize("kept", [0, 3, 60, -30])
def test_what_is_no_whole_zip_is_refused(tmp_path: Path, kept: int) -> None:
    archive = make_zip(tmp_path / "a.zip", [("a.png", b"x" * 100)], zipfile.ZIP_STORED)
    archive.write_bytes(archive.read_bytes()[:kept])

    with pytest.raises(
        DataError, match=r"^the archive is no zip, or a damaged one \(.+\); download it again$"
    ):
        unpack(archive, tmp_path / "out")


def test_damaged_bytes_are_refused(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", [("a.png", b"x" * 100)], zipfile.ZIP_STORED)
    archive.write_bytes(archive.read_bytes().replace(b"xxxx", b"xxyx", 1))

    with pytest.raises(DataError) as caught:
        unpack(archive, tmp_path / "out")

    assert str(caught.value) == (
        "the archive is no zip, or a damaged one (Bad CRC-32 for file 'a.png'); download it again"
    )


def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    """A limit of the process stands for the disk; the system's words differ, the way is the same."""
    archive = make_zip(tmp_path / "a.zip", [("a", bytes(300_000))], zipfile.ZIP_STORED)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(DataError) as caught:
            unpack(archive, tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert str(caught.value) == (
        "entry 'a' of the archive cannot be written (File too large); make room, "
        "or give another place by --out"
    )


def test_an_archive_of_nothing_is_refused(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", [("folder/", b""), ("folder/.DS_Store", b"x")])

    with pytest.raises(DataError, match=r"^the archive holds no file; expected a zip of images$"):
        unpack(archive, tmp_path / "out")


def test_a_folder_that_is_there_is_not_written_into(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", [("a", b"x")])

    with pytest.raises(DataError) as caught:
        unpack(archive, tmp_path)

    assert str(caught.value) == (
        f"folder {str(tmp_path)!r} cannot be made (File exists); give another place by --out"
    )

"""A zip from a stranger into a new folder: nothing outside of it, plain files alone. Standard library only.

Refused as a whole, before anything is written: names that lead out ("..", absolute, drive letters,
backslashes), links and devices, two entries of one name, encryption, methods other than stored and deflated,
and what would unpack to too many files, too many bytes or too many times its own size (David Fifield, A
better zip bomb, 2019, whose entries overlap). What macOS and Windows add of their own is left out.
"""

from __future__ import annotations

import mmap
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from model_zoo.errors import DataError

# Each entry of a zip's directory begins so; counted before Python reads them all into memory.
_DIRECTORY_ENTRY = re.compile(rb"PK\x01\x02")
_LITTER = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED = 0x1
_CHUNK_BYTES = 2**20
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)


@dataclass(frozen=True)
class UnpackLimits:
    """When a zip is taken for a bomb.

    Attributes:
        max_files: in it.
        max_bytes: of all files together, unpacked.
        max_ratio: of that to the size of the zip.
    """

    max_files: int = 100_000
    max_bytes: int = 2 * 2**30
    max_ratio: int = 100


DEFAULT_UNPACK_LIMITS = UnpackLimits()


def unpack(archive: Path, folder: Path, limits: UnpackLimits = DEFAULT_UNPACK_LIMITS) -> int:
    """Unpack a zip; a single folder that holds everything in it is left out.

    Args:
        archive: the zip.
        folder: a new one; after an error it may hold some of the files.
        limits: what is too much.

    Returns:
        The number of files.

    Raises:
        DataError: no zip, a damaged one, what is refused (see above), or a file that cannot be written.
    """
    with _damage_in_words():
        _check_count(archive, limits)
        with zipfile.ZipFile(archive) as opened:
            files = _without_top(_checked(opened.infolist(), archive.stat().st_size, limits))
            _make(folder)
            for name, info in files.items():
                _extract(opened, info, folder / name)
    return len(files)


@contextmanager
def _damage_in_words() -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise DataError(f"the archive is no zip, or a damaged one ({reason}); download it again") from error


def _check_count(archive: Path, limits: UnpackLimits) -> None:
    with archive.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if sum(1 for _ in _DIRECTORY_ENTRY.finditer(content)) > limits.max_files:
            raise DataError(f"the archive has more than {limits.max_files:,} entries; it is not unpacked")


def _checked(
    entries: list[zipfile.ZipInfo], size: int, limits: UnpackLimits
) -> dict[PurePosixPath, zipfile.ZipInfo]:
    """The entries that are to become files, by their path; see the module for what is refused."""
    files: dict[PurePosixPath, zipfile.ZipInfo] = {}
    for info in entries:
        path = _safe_path(info)
        if info.is_dir() or path.name in _LITTER or path.name.startswith("._") or "__MACOSX" in path.parts:
            continue
        if path in files:
            raise DataError(f"the archive has two entries {str(path)!r}; it is not unpacked")
        files[path] = info
    if not files:
        raise DataError("the archive holds no file; expected a zip of images")
    total = sum(info.file_size for info in files.values())
    if total > limits.max_bytes or total > limits.max_ratio * size:
        raise DataError(
            f"the archive of {size:,} bytes would unpack to {total:,}; more than {limits.max_bytes:,} or "
            f"{limits.max_ratio} times its size is not unpacked"
        )
    return files


def _safe_path(info: zipfile.ZipInfo) -> PurePosixPath:
    """The entry's path below the folder, after every check that looks at one entry alone."""
    # As it stands in the archive: `filename` ends at a NUL, and has other separators on Windows.
    name = info.orig_filename
    kind = stat.S_IFMT(info.external_attr >> 16)
    path = PurePosixPath(name)
    if reason := (
        ("leads out of the folder" if path.is_absolute() or ".." in path.parts else "")
        or ("is no portable file name" if not path.parts or set(name) & set("\\:\0") else "")
        or ("is encrypted" if info.flag_bits & _ENCRYPTED else "")
        or ("is a link or a device" if kind not in (0, stat.S_IFREG, stat.S_IFDIR) else "")
        or ("is compressed by another method than deflate" if info.compress_type not in _METHODS else "")
    ):
        raise DataError(f"entry {name!r:.200} of the archive {reason}; it is not unpacked")
    return path


def _without_top(files: dict[PurePosixPath, zipfile.ZipInfo]) -> dict[PurePosixPath, zipfile.ZipInfo]:
    tops = {path.parts[0] for path in files}
    if len(tops) > 1 or any(len(path.parts) == 1 for path in files):
        return files
    return {path.relative_to(*tops): info for path, info in files.items()}


def _extract(opened: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> None:
    """The bytes of one entry; Python reads no more than the announced size, and checks their CRC."""
    with opened.open(info) as source:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("xb")
        except OSError as error:
            raise _unwritable(info, error) from error
        with file:
            while chunk := source.read(_CHUNK_BYTES):
                _write(file, chunk, info)


def _write(file: IO[bytes], chunk: bytes, info: zipfile.ZipInfo) -> None:
    try:
        file.write(chunk)
        file.flush()  # now, so that closing has nothing left to fail with
    except OSError as error:
        raise _unwritable(info, error) from error


def _make(folder: Path) -> None:
    try:
        folder.mkdir()
    except OSError as error:
        raise DataError(
            f"folder {str(folder)!r} cannot be made ({error.strerror}); give another place by --out"
        ) from error


def _unwritable(info: zipfile.ZipInfo, error: OSError) -> DataError:
    return DataError(
        f"entry {info.orig_filename!r:.200} of the archive cannot be written ({error.strerror}); make room, "
        "or give another place by --out"
    )

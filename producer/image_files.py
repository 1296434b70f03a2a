"""The bytes of images as they are when they are sent, whatever became of their files since the scan.

Files of a job that is large lie on the disk, not in memory, and a disk that is asked for one after another is
idle most of the time. So it is asked for many before the first of them is read (benchmarks/cold_files.py); of
what is in memory the reading takes as long as before.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from contextlib import suppress

from producer.images import forget_folders, is_folder_inside, is_inside, outside, unreadable
from worker.contract import AnswerError

# A file may have become a pipe since the scan, whose opening would wait for a writer.
_FLAGS = os.O_RDONLY | os.O_NONBLOCK
# What O_NOFOLLOW says of a link: on Linux and macOS, on FreeBSD.
_IS_LINK = (errno.ELOOP, errno.EMLINK)
_PART = 2**20  # bytes read at once of a file that is not as long as it said
# Files open at once: enough to keep a disk busy, few beside the 256 that macOS allows a process.
OPEN_AT_ONCE = 64


def read_image_files(root: str, files: Sequence[str], max_bytes: int) -> list[bytes | AnswerError]:
    """Of each file its bytes, or why there are none; in order. Where folders lead is looked at anew.

    Args:
        root: absolute path of the directory.
        files: paths relative to it.
        max_bytes: larger files are errors.
    """
    forget_folders()  # since one may have become a link; once a batch is often enough
    contents: list[bytes | AnswerError] = []
    for start in range(0, len(files), OPEN_AT_ONCE):
        part = files[start : start + OPEN_AT_ONCE]
        opened: list[int | AnswerError] = []
        try:
            for file in part:
                opened.append(_open(root, file))
            contents += [it if isinstance(it, AnswerError) else _content(it, max_bytes) for it in opened]
        finally:
            for descriptor in opened:
                if isinstance(descriptor, int):
                    os.close(descriptor)
    return contents


def read_image_file(root: str, file: str, max_bytes: int) -> bytes | AnswerError:
    """The bytes of one file, or why there are none."""
    return read_image_files(root, [file], max_bytes)[0]


def _open(root: str, file: str) -> int | AnswerError:
    path = os.path.join(root, file)
    try:
        # Looked at again: since the scan the file may have become a link, or a pipe that would block.
        descriptor = _open_inside(root, path)
        if descriptor is None:
            return outside(path)
    except FileNotFoundError:
        return AnswerError("vanished", "the file was listed, but is no longer there")
    except OSError as error:
        return unreadable(error)
    if hasattr(os, "posix_fadvise"):  # not on macOS
        # The disk begins now; nobody waits. A pipe has nothing to fetch and says so.
        with suppress(OSError):
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_WILLNEED)
    return descriptor


def _open_inside(root: str, path: str) -> int | None:
    """A descriptor of the file; None where it lies outside."""
    if is_folder_inside(root, os.path.dirname(path)):
        try:
            return os.open(path, _FLAGS | os.O_NOFOLLOW)
        except OSError as error:
            if error.errno not in _IS_LINK:
                raise
    return os.open(path, _FLAGS) if is_inside(root, path) else None


def _content(descriptor: int, max_bytes: int) -> bytes | AnswerError:
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return _irregular(status)
        data = _read(descriptor, status.st_size, max_bytes)
    except OSError as error:
        return unreadable(error)
    if not data:
        return AnswerError("empty_file", "the file has no bytes")
    if len(data) > max_bytes:
        return AnswerError("too_many_bytes", f"the file has more than {max_bytes:,} bytes, the limit")
    return data


def _irregular(status: os.stat_result) -> AnswerError:
    if stat.S_ISDIR(status.st_mode):
        return unreadable(IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR)))
    return AnswerError("not_an_image", "the file is no regular file any more")


def _read(descriptor: int, size: int, max_bytes: int) -> bytes:
    """The file's bytes, at most one more than `max_bytes`; `size` is what it is said to have."""
    # Not by way of `open`: a buffer of `max_bytes` for each small file would cost ten times its reading.
    data = os.read(descriptor, min(size, max_bytes) + 1)
    if len(data) == size:
        return data
    parts, room = [data], max_bytes + 1 - len(data)
    while room and (data := os.read(descriptor, min(room, _PART))):
        parts.append(data)
        room -= len(data)
    return b"".join(parts)

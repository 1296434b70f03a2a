"""What a directory holds: its images, in a fixed order, and everything else with the reason it is left out.

A file is an image if its extension or its content says so. Only file names and, where the extension says
nothing, the first bytes are looked at: ten million files are listed, not read.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from model_zoo.formats import HEAD_BYTES, IMAGE_EXTENSIONS, sniff_format
from producer.errors import UsageError
from producer.external_sort import ExternalSort
from worker.contract import AnswerError

_FOLDER = "/"  # which stands in no name


@dataclass(frozen=True)
class FoundImage:
    """An image of the directory.

    Attributes:
        file: its path relative to the directory, as os.fsdecode gives it.
        size: in bytes.
        error: why it will not be sent, known already now.
    """

    file: str
    size: int
    error: AnswerError | None = None


@dataclass(frozen=True)
class Skipped:
    """A file that is no image, and why we think so."""

    file: str
    reason: str


def find_images(directory: Path, run_folder: Path | None = None) -> Iterator[FoundImage | Skipped]:
    """All files below a directory, sorted by name, folder by folder; in memory for one folder's first names.

    Args:
        directory: what to list; links to folders are not followed.
        run_folder: of the job; takes the names of a folder that has too many for the memory (None: the
            system's temporary folder does), and is not listed where it lies below the directory.

    Raises:
        UsageError: the directory is not there or cannot be listed, or names that must go to the disk cannot.
    """
    root = directory.resolve()
    if not root.is_dir():
        raise UsageError(f"{directory} is not a directory; name a folder of images")
    yield from _walk(os.fspath(root), run_folder)


def find_listed(
    directory: Path, names: Iterable[str], run_folder: Path | None = None
) -> Iterator[FoundImage | Skipped]:
    """The files of a list, in its order, relative to the directory or absolute below it.

    Args:
        directory: of the images.
        names: as listed.
        run_folder: of the job; as for `find_images`.

    Raises:
        UsageError: a name that leads out of the directory, or stands twice (said after the last name), or
            names that must go to the disk cannot.
    """
    root = os.fspath(directory.resolve())
    if not os.path.isdir(root):
        raise UsageError(f"{directory} is not a directory; name a folder of images")
    given = os.path.abspath(directory)
    with ExternalSort(run_folder) as seen:
        for number, name in enumerate(names):
            path = os.path.normpath(os.path.join(root, name))
            if path.startswith(given + os.sep):
                # Absolute, and by way of a link to the directory.
                path = root + path[len(given) :]
            file = os.path.relpath(path, root)
            if file == ".." or file.startswith(f"..{os.sep}"):
                raise UsageError(
                    f"the list names {name!r}, which is outside {directory}; list files below it"
                )
            # Neither holds a NUL byte, so the second to name a file stands right behind the first.
            seen.add(f"{file}\0{number:020}\0{name}")
            if os.path.lexists(os.path.join(root, file)):
                yield _look(root, file)
            else:
                yield FoundImage(
                    file, 0, AnswerError("vanished", "the list names this file, but it is not there")
                )
        _check_distinct(seen.drain())


def _check_distinct(seen: Iterator[str]) -> None:
    """Refuse the first name of the list whose file was named before."""
    twice: tuple[str, str] | None = None
    before = None
    for entry in seen:
        file, number, name = entry.split("\0", 2)
        if file == before:
            twice = min(twice or (number, name), (number, name))
        before = file
    if twice is not None:
        raise UsageError(f"the list names {twice[1]!r} twice; name every file once")


def _walk(root: str, run_folder: Path | None) -> Iterator[FoundImage | Skipped]:
    hidden = None if run_folder is None else os.fspath(run_folder.resolve())
    # A stack of open folders, because folders nest deeper than Python's calls may.
    stack = [("", iter([("", True)]))]
    while stack:
        folder, entries = stack[-1]
        name, is_folder = next(entries, (None, False))
        if name is None:
            stack.pop()
            continue
        file = os.path.join(folder, name)
        if not is_folder:
            yield _look(root, file)
        elif (path := os.path.join(root, file)) != hidden:
            try:
                stack.append((file, _entries(path, run_folder)))
            except OSError as error:
                if not file:
                    raise UsageError(f"{root} cannot be listed: {error.strerror}") from error
                yield Skipped(file, f"folder cannot be listed: {error.strerror}")


def _entries(path: str, run_folder: Path | None) -> Iterator[tuple[str, bool]]:
    """The names in a folder, sorted, each with whether it is a folder itself."""
    names = ExternalSort(run_folder)
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                # NUL is less than whatever a name can go on with, so the mark does not change the order.
                names.add(f"{entry.name}\0{_FOLDER if entry.is_dir(follow_symlinks=False) else ''}")
    except BaseException:
        names.close()
        raise
    return ((name, mark == _FOLDER) for name, _, mark in (entry.partition("\0") for entry in names.drain()))


def _look(root: str, file: str) -> FoundImage | Skipped:
    path = os.path.join(root, file)
    named_so = os.path.splitext(file)[1].lower() in IMAGE_EXTENSIONS
    try:
        status = os.lstat(path)
        if stat.S_ISLNK(status.st_mode) or not is_folder_inside(root, os.path.dirname(path)):
            if not is_inside(root, path):
                if named_so:
                    return FoundImage(file, 0, outside(path))
                return Skipped(file, "link that leads out of the directory")
            status = os.stat(path)
    except FileNotFoundError:
        if named_so:
            return FoundImage(file, 0, AnswerError("vanished", "the link leads to a file that is not there"))
        return Skipped(file, "link to a file that is not there")
    except OSError as error:
        # A loop of links, a folder on the way that may not be entered.
        if named_so:
            return FoundImage(file, 0, unreadable(error))
        return Skipped(file, f"cannot be looked at: {error.strerror}")
    if stat.S_ISDIR(status.st_mode):
        return Skipped(file, "link to a folder" if os.path.islink(path) else "a folder")
    if not stat.S_ISREG(status.st_mode):
        return Skipped(file, "not a regular file")
    if named_so:
        return FoundImage(file, status.st_size)
    return _look_inside(path, file, status.st_size)


def _look_inside(path: str, file: str, size: int) -> FoundImage | Skipped:
    try:
        with open(path, "rb") as stream:
            head = stream.read(HEAD_BYTES)
    except OSError as error:
        return Skipped(file, f"cannot be read: {error.strerror}")
    if sniff_format(head) is not None:
        return FoundImage(file, size)
    return Skipped(file, "empty, and not named like an image" if not head else "not an image")


def forget_folders() -> None:
    """Look anew where folders lead."""
    _real_folder.cache_clear()
    is_folder_inside.cache_clear()


def is_inside(root: str, path: str) -> bool:
    """Whether a path below `root` leads to something below it, links followed."""
    folder, name = os.path.split(path)
    real = os.path.join(_real_folder(folder), name)
    if os.path.islink(real):
        real = os.path.realpath(real)
    return _leads_into(root, real)


@lru_cache(maxsize=1024)
def is_folder_inside(root: str, folder: str) -> bool:
    """The same of a folder, remembered until `forget_folders`."""
    return _leads_into(root, _real_folder(folder))


def _leads_into(root: str, real: str) -> bool:
    return f"{real}{os.sep}".startswith(root.rstrip(os.sep) + os.sep)


@lru_cache(maxsize=1024)
def _real_folder(folder: str) -> str:
    # A folder holds many files; resolving each file's whole path would cost more than reading it.
    return os.path.realpath(folder)


def outside(path: str) -> AnswerError:
    """What is said of a link that leads out of the directory."""
    # Of a file in a folder that is a link, the link is not its own.
    leads_to = os.readlink(path) if os.path.islink(path) else os.path.realpath(path)
    target = os.fsencode(leads_to).decode(errors="backslashreplace")
    return AnswerError("symlink_outside", f"the link leads to {target!r}, out of the directory")


def unreadable(error: OSError) -> AnswerError:
    """What is said of a file that is there and cannot be read."""
    if isinstance(error, PermissionError):
        return AnswerError("permission_denied", f"the file may not be read: {error.strerror}")
    return AnswerError("corrupt", f"the file cannot be read: {error.strerror}")

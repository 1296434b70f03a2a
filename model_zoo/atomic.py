"""Files written whole or not at all, and folders tried before hours are spent. Standard library only."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from model_zoo.errors import DataError


def write_whole(path: Path, content: bytes) -> None:
    """Write beside, sync, rename; the rights follow the umask, like those of any new file.

    Raises:
        DataError: the file cannot be written; what stood there stands.
    """
    target = path.resolve()  # a link stays a link
    beside = target.with_name(target.name + ".part")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(target)
    except OSError as error:
        raise DataError(
            f"file {str(path)!r} cannot be written ({error.strerror}); make room, or give another place"
        ) from error


def check_folder(folder: Path) -> None:
    """Make `folder` if it is not there, and try a file in it.

    Raises:
        DataError: it is a file, or nothing can be written there.
    """
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{str(folder)!r} is a file; give a folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise DataError(
            f"folder {str(folder)!r} cannot be written ({error.strerror}); give another one"
        ) from error

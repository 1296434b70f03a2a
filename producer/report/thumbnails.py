"""Small images for the HTML report, as data: URIs; an image that cannot be shown is just not shown."""

from __future__ import annotations

import base64
import os
from pathlib import Path

from model_zoo.formats import READABLE, sniff_format

MAX_THUMBNAIL_BYTES = 100 * 1024


def thumbnail(directory: Path, file: str) -> str | None:
    """The file as a data: URI.

    Args:
        directory: of the job's images.
        file: relative to it, as in results.jsonl.

    Returns:
        None for a file that is gone, leads out of the directory, is no regular file, is larger than
        `MAX_THUMBNAIL_BYTES`, or holds nothing that a browser and we both call an image.
    """
    try:
        root = os.path.realpath(directory)
        # A journal may come from elsewhere: "../../etc" and links out of the directory are not followed.
        path = Path(os.path.realpath(os.path.join(root, file)))
        if not path.is_relative_to(root) or not path.is_file() or path.stat().st_size > MAX_THUMBNAIL_BYTES:
            return None
        with path.open("rb") as stream:
            data = stream.read(MAX_THUMBNAIL_BYTES + 1)  # it may have grown since
    except (OSError, ValueError):  # ValueError: a NUL in the name
        return None
    kind = sniff_format(data)
    if kind not in READABLE or len(data) > MAX_THUMBNAIL_BYTES:
        return None
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"

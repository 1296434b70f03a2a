"""Many images out of few: hard links under other names, which cost a name each and no space."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from model_zoo.formats import IMAGE_EXTENSIONS

# ext4 allows 65,000 links a file; there every original is copied anew after this many.
LINKS_AN_INODE = 60_000


def link_tree(folder: Path, count: int, originals: Path, per_folder: int = 10_000) -> Path:
    """A tree of `count` images: hard links of copies of the originals, whose stem stays the label.

    An image of `2b827.png` is `000003/2b827_41.png`; the copies lie beside the tree, in a folder that ends in
    `.originals`. The page cache holds them after the first pass, so a benchmark that reads the tree measures
    the opening and reading of files, and no disk.

    Args:
        folder: that is made; its parent must be there.
        count: images.
        originals: a folder of images.
        per_folder: images a subfolder.

    Returns:
        The folder.

    Raises:
        FileExistsError: it is there already.
        FileNotFoundError: no image among the originals.
    """
    names = sorted(p.name for p in originals.iterdir() if p.suffix.lower() in IMAGE_EXTENSIONS)
    if not names:
        raise FileNotFoundError(f"{originals} has no images")
    copies = folder.with_name(f"{folder.name}.originals")
    folder.mkdir()
    for number in range(count):
        again, place = divmod(number, len(names))
        generation, name = again // LINKS_AN_INODE, names[place]
        copy = copies / str(generation) / name
        if again % LINKS_AN_INODE == 0:
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(originals / name, copy)
        into = folder / f"{number // per_folder:06}"
        if number % per_folder == 0:
            into.mkdir()
        stem, suffix = os.path.splitext(name)
        os.link(copy, into / f"{stem}_{again}{suffix}")
    return folder

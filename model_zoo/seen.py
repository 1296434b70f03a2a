"""Which images a model was fitted to, so that it can be told of an image: this one it has seen.

A figure on images that a model was trained on says nothing about new ones, and nobody sees it in the figure.
So beside a card stands NAME.seen: the first 16 hex digits of the sha256 of every training image's bytes,
sorted, one a line (884 images take 15 KB), and the card names the list and its sha256. It tells nothing of an
image to anyone who has not got it. A copy of an image is recognised, one that was saved anew is not.

Two files differ in these 64 bits but for one pair in 10^19. Standard library only.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from model_zoo.atomic import write_whole
from model_zoo.cards import ModelCard, find_card
from model_zoo.errors import CardError, DataError
from model_zoo.members import find_members
from model_zoo.split import LabelledFile, data_hash

SUFFIX = ".seen"
_DIGITS = 16
_LINES = re.compile(rb"(?:[0-9a-f]{16}\n)*")


@dataclass(frozen=True)
class TrainingImages:
    """The images that a model was fitted to.

    Attributes:
        hashes: the first 16 hex digits of the sha256 of each one's bytes.
    """

    hashes: frozenset[str]

    @classmethod
    def of(cls, digests: Iterable[str]) -> TrainingImages:
        """Of images with these sha256, in hex."""
        return cls(frozenset(digest[:_DIGITS] for digest in digests))

    @classmethod
    def from_bytes(cls, content: bytes, source: str) -> TrainingImages:
        """The inverse of `encode`. Raises CardError where it is no such list."""
        if not _LINES.fullmatch(content):
            raise CardError(f"list {source} is no list of images; expected {_DIGITS} hex digits a line")
        return cls(frozenset(content.decode("ascii").split()))

    def encode(self) -> bytes:
        """The content of the file."""
        return "".join(f"{digits}\n" for digits in sorted(self.hashes)).encode("ascii")

    def has(self, data: bytes) -> bool:
        """Whether a file with these bytes was trained on."""
        return self.has_digest(hashlib.sha256(data).hexdigest())

    def has_digest(self, sha256: str) -> bool:
        """Whether a file with this sha256 (hex) was trained on."""
        return sha256[:_DIGITS] in self.hashes

    def __or__(self, other: TrainingImages) -> TrainingImages:
        return TrainingImages(self.hashes | other.hashes)


def training_images(card: ModelCard, directory: Path) -> TrainingImages | None:
    """What a model was fitted to; an ensemble to what any of its members was.

    Args:
        card: of the model.
        directory: that holds the card.

    Returns:
        None where nobody knows: the card names no list, the list was not copied with it, a member has none.

    Raises:
        CardError: another list than the card names.
        ModelNotFound: a member of an ensemble is not there.
    """
    if card.members:
        lists = [training_images(*found) for found in find_members(card, directory)]
        known = [listed for listed in lists if listed is not None]
        return (
            None
            if len(known) < len(lists)
            else TrainingImages(frozenset().union(*(it.hashes for it in known)))
        )
    if card.training_images is None:
        return None
    path = directory / card.training_images
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CardError(f"list {path} of model {card.name!r} cannot be read ({error.strerror})") from error
    if (digest := hashlib.sha256(content).hexdigest()) != card.training_images_sha256:
        raise CardError(
            f"list {path} has sha256 {digest}, the card names {card.training_images_sha256}; copy both again"
        )
    return TrainingImages.from_bytes(content, str(path))


def with_list(card: ModelCard, images: TrainingImages, directory: Path) -> ModelCard:
    """Write a model's list into the folder of its card.

    Returns:
        The card that names it, which is still to be written.

    Raises:
        DataError: the list cannot be written.
    """
    content, name = images.encode(), f"{card.name}{SUFFIX}"
    write_whole(directory / name, content)
    return replace(card, training_images=name, training_images_sha256=hashlib.sha256(content).hexdigest())


def remember(name_or_path: str, files: Sequence[LabelledFile], parts: Collection[int]) -> int:
    """Give a model that was trained before there were lists its list.

    Args:
        name_or_path: as for `find_card`.
        files: all images of the data that it was trained on.
        parts: of them, 0 to 9, that it was fitted to.

    Returns:
        The number of images.

    Raises:
        DataError: an ensemble, other data than the card says, another number of training images, files that
            cannot be written.
        ModelNotFound, CardError: as for `find_card`.
    """
    card, directory = find_card(name_or_path)
    if card.members:
        names = " and ".join(dict.fromkeys(member.name for member in card.members))
        raise DataError(
            f"model {card.name!r} is an ensemble, which has seen what its members have; give {names} a list"
        )
    if (digest := data_hash(files)) != card.data.sha256:
        raise DataError(
            f"these are not the images that model {card.name!r} was trained on: their hash is {digest}, its "
            f"card names {card.data.sha256}; give the same folder"
        )
    chosen = [file for file in files if file.part_number in parts]
    if len(chosen) != card.data.train:
        raise DataError(
            f"these parts hold {len(chosen):,} images, model {card.name!r} was trained on "
            f"{card.data.train:,}; its card says: {card.data.split}"
        )
    listed = with_list(card, TrainingImages.of(file.sha256 for file in chosen), directory)
    write_whole(directory / f"{card.name}.json", listed.to_json().encode())
    return len(chosen)

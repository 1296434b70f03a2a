"""Errors of the zoo.

ZooError
 +-- ModelNotFound     no card of that name or path
 +-- CardError         a card that cannot be read, or that names what this version does not know
 +-- WeightsMismatch   the weights are not those that the card names
 +-- ConstraintError   constraints that cannot be read, or that allow nothing the model could answer
 +-- UnreadableImage   bytes that are no image we read; carries a code
 +-- DataError         labelled images that cannot be trained or measured on
 +-- DeviceError       a device that is not there
 +-- ExportError       a model that cannot be written in another format
"""

from __future__ import annotations


class ZooError(Exception):
    """The root; the message is one sentence for the user."""


class ModelNotFound(ZooError):  # noqa: N818 - names say what happened
    """No card of that name or path."""


class CardError(ZooError):
    """A card that cannot be read, or that names what this version does not know."""


class WeightsMismatch(ZooError):  # noqa: N818
    """The weights file is not the one that the card names."""


class ConstraintError(ZooError):
    """Constraints that cannot be read, or that allow nothing the model could answer."""


class DataError(ZooError):
    """Labelled images that cannot be trained or measured on."""


class DeviceError(ZooError):
    """A device that is not there."""


class ExportError(ZooError):
    """A model that cannot be written in another format, or is another one there."""


class UnreadableImage(ZooError):  # noqa: N818
    """Bytes that are no image we read.

    Args:
        code: one of `empty_file`, `not_an_image`, `truncated`, `corrupt`, `too_many_pixels`,
            `too_many_bytes`, `unsupported_format`, `vanished`, `permission_denied`.
        message: one sentence for the user.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

"""Files of any kind to grey pixels, and pixels to the batch that a model takes.

`read_image` is made for hostile files: the format is known by content, only five decoders can be reached,
sizes are refused before anything is decoded, and whatever Pillow says of damaged data comes out as
`UnreadableImage`. The five plugins' own classes are called, not `Image.open`, which warns of large images
through the process-wide warnings before we can refuse them.
"""

from __future__ import annotations

import io
import os
import stat
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from model_zoo.errors import UnreadableImage
from model_zoo.exif import orientation
from model_zoo.formats import FORMAT_NAMES, HEAD_BYTES, sniff_format
from model_zoo.paper import over_paper

if TYPE_CHECKING:
    import torch

ImageSource = bytes | bytearray | memoryview | str | os.PathLike[str] | Image.Image | NDArray[Any]

WANTED = "PNG, JPEG, GIF, BMP or WebP"


@dataclass(frozen=True)
class ImageLimits:
    """What one image may cost.

    Attributes:
        max_bytes: of the file.
        max_pixels: width times height, taken from the header.
    """

    max_bytes: int = 10 * 2**20
    max_pixels: int = 4_000_000


DEFAULT_LIMITS = ImageLimits()


class _JpegFile(JpegImageFile):
    """A JPEG whose EXIF data nobody reads: Pillow asks it for a resolution, and warns of what is damaged."""

    def getexif(self) -> Image.Exif:
        """No EXIF data."""
        return Image.Exif()


_DECODERS: dict[str, type[ImageFile.ImageFile]] = {
    "png": PngImageFile,
    "jpeg": _JpegFile,
    "gif": GifImageFile,
    "bmp": BmpImageFile,
    "webp": WebPImageFile,
}

# Pillow has no error of its own for damaged data. These are what its decoders let through: OSError and
# SyntaxError on purpose, ValueError also for text chunks that unpack to too much, MemoryError for sizes that
# do not add up, Warning where a caller turned warnings into errors; the rest is Python code that indexes what
# the file should have held.
PILLOW_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    zlib.error,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    MemoryError,
    RuntimeError,
    Warning,
)

# Whether a file that cannot be decoded lacks its end: the end mark, or the bytes that its header counts.
_ENDS_EARLY: dict[str, Callable[[bytes], bool]] = {
    "png": lambda data: b"IEND" not in data,
    # Not anywhere: a preview inside the EXIF data has an end mark of its own.
    "jpeg": lambda data: b"\xff\xd9" not in data[-64:],
    # The end of the last block goes along: one file in 256 that is cut would end in ";" by chance.
    "gif": lambda data: not data.rstrip(b"\0").endswith(b"\0;"),
    "bmp": lambda data: int.from_bytes(data[2:6], "little") > len(data),
    "webp": lambda data: int.from_bytes(data[4:8], "little") + 8 > len(data),
}

# EXIF orientation -> the turn that shows the image; viewers follow it, so a person saw it turned.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_image(source: ImageSource, limits: ImageLimits = DEFAULT_LIMITS) -> NDArray[np.uint8]:
    """The grey pixels of an image, as shown on white paper: the first frame, transparency over white.

    Where nothing can be seen on white (white text on nothing), transparency is over black.

    Args:
        source: a file's bytes, its path, a Pillow image, or uint8 pixels (H, W), (H, W, 1), (H, W, 3: RGB) or
            (H, W, 4: RGBA). Pillow's modes I and I;16 count to 65535, mode F to 255.
        limits: what it may cost.

    Returns:
        (H, W), 0 is black, a copy of its own.

    Raises:
        UnreadableImage: with one of its codes.
    """
    if isinstance(source, np.ndarray):
        return _grey_of_array(source, limits)
    if isinstance(source, Image.Image):
        with _damage_as(lambda: "corrupt"):
            return _grey_of(source, limits)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _grey_of_bytes(bytes(source), limits)
    return _grey_of_bytes(read_file(source, limits), limits)


def resize_grey(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """The image squeezed to a size; bicubic, with a wider filter where it shrinks, so that nothing aliases.

    Args:
        image: (H, W).
        height: of the result, in pixels.
        width: of the result, in pixels.

    Returns:
        (height, width).
    """
    if image.shape == (height, width):
        return image
    return np.array(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC))


def to_batch(images: Sequence[NDArray[np.uint8]]) -> torch.Tensor:
    """Images of one size as uint8 (N, 1, H, W); normalising is left to the device that solves.

    Args:
        images: at least one, each (H, W).

    Raises:
        ValueError: no images, or of several sizes.
    """
    import torch  # processes that only decode images must not pay for it

    if len({image.shape for image in images}) != 1:
        shapes = sorted({image.shape for image in images})
        raise ValueError(
            f"a batch is made of images of one size, got {shapes or 'no images'}; resize them first"
        )
    return torch.from_numpy(np.stack(images)[:, None])  # (N, 1, H, W)


def read_file(source: str | os.PathLike[str], limits: ImageLimits = DEFAULT_LIMITS) -> bytes:
    """The bytes of a file that may be an image; only a regular one is opened: a pipe would block for ever.

    Raises:
        UnreadableImage: `vanished`, `permission_denied`, `not_an_image`, `too_many_bytes` or `corrupt`.
    """
    path = os.fspath(source)
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableImage("not_an_image", f"{path!r} is no regular file; give the path of an image")
        _check_bytes(status.st_size, limits)
        with open(path, "rb") as file:
            data = file.read(status.st_size + 1)  # not the limit, for which room would be made each time
            grew = len(data) > status.st_size  # since then, maybe above the limit
            return data + file.read(limits.max_bytes + 1 - len(data)) if grew else data
    except PermissionError as error:
        message = f"{path!r} may not be read; give this user the right to read it"
        raise UnreadableImage("permission_denied", message) from error
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UnreadableImage("vanished", f"{path!r} is not there; was it moved or deleted?") from error
    except OSError as error:
        message = f"{path!r} cannot be read ({error.strerror}); check the disk it is on"
        raise UnreadableImage("corrupt", message) from error
    except ValueError as error:  # a NUL in the path
        raise UnreadableImage("vanished", f"{path!r} is no path of a file ({error})") from error


def _grey_of_bytes(data: bytes, limits: ImageLimits) -> NDArray[np.uint8]:
    if not data:
        raise UnreadableImage("empty_file", "the file is empty; expected an image")
    _check_bytes(len(data), limits)
    name = sniff_format(data[:HEAD_BYTES])
    if name is None:
        raise UnreadableImage("not_an_image", f"the content starts with {data[:8]!r}, expected {WANTED}")
    if name not in _DECODERS:
        message = f"the content is {FORMAT_NAMES[name]}, which is not read; convert it to {WANTED}"
        raise UnreadableImage("unsupported_format", message)
    with _damage_as(lambda: "truncated" if _ENDS_EARLY[name](data) else "corrupt"):
        return _grey_of(_DECODERS[name](io.BytesIO(data)), limits)


@contextmanager
def _damage_as(code: Callable[[], str]) -> Iterator[None]:
    """Whatever Pillow raises becomes an UnreadableImage of the code, which is asked for only then."""
    try:
        yield
    except UnreadableImage:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        message = "the header announces more pixels than Pillow's own limit; send a smaller image"
        raise UnreadableImage("too_many_pixels", message) from error
    except PILLOW_ERRORS as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        if code() == "truncated":
            message = f"the image ends before its data does ({reason}); copy the file again"
            raise UnreadableImage("truncated", message) from error
        message = f"the image's data cannot be decoded ({reason}); the file is damaged"
        raise UnreadableImage("corrupt", message) from error


def _grey_of(image: Image.Image, limits: ImageLimits) -> NDArray[np.uint8]:
    """Pixels of an image that Pillow has opened; nothing is decoded before the size is checked."""
    _check_pixels(*image.size, limits)
    image.load()
    if image.mode in ("I", "F") or image.mode.startswith("I;"):
        grey = Image.fromarray(_from_deep(image))
    elif image.has_transparency_data:
        grey = over_paper(image)
    else:
        grey = image if image.mode in ("1", "L", "P", "RGB") else image.convert("RGB")
    exif = image.info.get("exif")
    turn = _TURNS.get(orientation(exif)) if isinstance(exif, bytes) else None
    grey = grey.convert("L")
    return np.array(grey if turn is None else grey.transpose(turn))


def _from_deep(image: Image.Image) -> NDArray[np.uint8]:
    """Modes of more than 8 bits, which Pillow would clip at 255 instead of scaling."""
    pixels = np.asarray(image)
    if image.mode == "F":
        if not np.isfinite(pixels).all():
            raise UnreadableImage("corrupt", "the image has pixels that are no finite number")
        return np.asarray(np.rint(pixels.clip(0, 255)), np.uint8)
    grey: NDArray[np.uint8] = ((pixels.clip(0, 65535).astype(np.uint32) + 128) // 257).astype(np.uint8)
    grey[pixels == image.info.get("transparency", -1)] = 255
    return grey


def _grey_of_array(pixels: NDArray[Any], limits: ImageLimits) -> NDArray[np.uint8]:
    if pixels.dtype != np.uint8 or not (
        pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in (1, 3, 4))
    ):
        raise UnreadableImage(
            "not_an_image",
            f"an array of {pixels.dtype} {pixels.shape} came, "
            "expected uint8 (H, W), (H, W, 1), (H, W, 3) or (H, W, 4)",
        )
    if pixels.size == 0:
        raise UnreadableImage("empty_file", f"an array of {pixels.shape} has no pixels; expected an image")
    _check_pixels(pixels.shape[1], pixels.shape[0], limits)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    return _grey_of(Image.fromarray(np.ascontiguousarray(pixels)), limits)


def _check_bytes(size: int, limits: ImageLimits) -> None:
    if size > limits.max_bytes:
        message = (
            f"the file has {size:,} bytes or more, the limit is {limits.max_bytes:,}; send a smaller image"
        )
        raise UnreadableImage("too_many_bytes", message)


def _check_pixels(width: int, height: int, limits: ImageLimits) -> None:
    if width * height > limits.max_pixels:
        raise UnreadableImage(
            "too_many_pixels",
            f"the header announces {width} x {height} = {width * height:,} pixels, "
            f"the limit is {limits.max_pixels:,}; send a smaller image",
        )

"""Every kind of image that a style may come in, from the file to what a network is given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from labelled import TEXTS
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from model_zoo import preprocess
from model_zoo.preprocess import read_image
from model_zoo.style import samples as checked
from model_zoo.style.samples import Samples, problems_in_words, read_samples
from model_zoo.training.data import load_images

FONT = ImageFont.load_default(size=14)
SIZE = (72, 24)

Mask = Image.Image


def text_mask(text: str, size: tuple[int, int] = SIZE) -> Mask:
    """Of mode L: 255 where the text is, 0 elsewhere, without any grey between."""
    mask = Image.new("1", size)
    ImageDraw.Draw(mask).text((4, 4), text, fill=1, font=FONT)
    return mask.convert("L")


def painted(mask: Mask, mode: str, paper: Any, ink: Any) -> Image.Image:
    """Ink where the mask is, paper elsewhere."""
    image = Image.new(mode, mask.size, paper)
    image.paste(ink, mask=mask)
    return image


def _plain(mode: str, paper: Any, ink: Any) -> Callable[[Mask, Path], None]:
    return lambda mask, path: painted(mask, mode, paper, ink).save(path)


def _animated(mask: Mask, path: Path) -> None:
    """The text stands on the first frame alone."""
    frames = [painted(mask, "L", 255, 0), Image.new("L", mask.size, 0)]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=50)


def _palette_with_a_clear_colour(mask: Mask, path: Path) -> None:
    image = painted(mask, "P", 0, 1)
    image.putpalette([0, 0, 0, 0, 0, 0])  # both are black, and the first is transparent
    image.save(path, transparency=0)


def _cmyk(mask: Mask, path: Path) -> None:
    painted(mask, "RGB", "white", "black").convert("CMYK").save(path, quality=95)


def _deep(mask: Mask, path: Path) -> None:
    Image.fromarray((255 - np.asarray(mask)).astype(np.uint16) * 257).save(path)


# Extension, how it is written, and whether its text is lighter than the paper in what is read.
KINDS: dict[str, tuple[str, Callable[[Mask, Path], None], bool]] = {
    "dark on light": ("png", _plain("L", 240, 10), False),
    "light on dark": ("png", _plain("L", 10, 240), True),
    "colours, light on dark": ("png", _plain("RGB", "navy", "yellow"), True),
    "black on nothing": ("png", _plain("RGBA", (0, 0, 0, 0), (0, 0, 0, 255)), False),
    "white on nothing": ("png", _plain("RGBA", (255, 255, 255, 0), (255, 255, 255, 255)), True),
    "yellow on nothing": ("png", _plain("RGBA", (0, 0, 0, 0), (255, 255, 0, 255)), True),
    "red on nothing, as WebP": ("webp", _plain("RGBA", (0, 0, 0, 0), (255, 0, 0, 255)), False),
    "grey with alpha": ("png", _plain("LA", (0, 0), (0, 255)), False),
    "a hole in a sheet": ("png", _plain("RGBA", (0, 0, 0, 255), (0, 0, 0, 0)), True),
    "1 bit": ("png", _plain("1", 1, 0), False),
    "1 bit, white on black": ("bmp", _plain("1", 0, 1), True),
    "palette with a clear colour": ("png", _palette_with_a_clear_colour, False),
    "animated GIF": ("gif", _animated, False),
    "animated PNG": ("png", _animated, False),
    "CMYK": ("jpg", _cmyk, False),
    "16 bits": ("png", _deep, False),
}


def write_style(folder: Path, kind: str, size: tuple[int, int] = SIZE, prefix: str = "") -> None:
    """Forty images of one kind."""
    extension, write, _ = KINDS[kind]
    folder.mkdir(exist_ok=True)
    for text in TEXTS:
        write(text_mask(text, size), folder / f"{text}_{prefix}.{extension}")


def difference(grey: NDArray[np.uint8], text: str) -> float:
    """Mean grey value of the text less that of the paper."""
    is_text = np.asarray(text_mask(text, (grey.shape[1], grey.shape[0]))) > 0
    return float(grey[is_text].mean()) - float(grey[~is_text].mean())


def all_good(samples: Samples) -> bool:
    """Whether all images of the folder are used."""
    return problems_in_words(samples) == [] and len(samples.files) == samples.images


@pytest.mark.parametrize("kind", KINDS)
def test_the_text_can_be_seen_in_what_is_read(kind: str, tmp_path: Path) -> None:
    write_style(tmp_path / "imgs", kind)

    samples = read_samples(tmp_path / "imgs")

    assert all_good(samples)
    assert samples.sizes == {SIZE: 40}
    lighter = KINDS[kind][2]
    contrasts = [difference(read_image(file.path), file.label) for file in samples.files]
    assert min(contrasts) > 100 if lighter else max(contrasts) < -100


@pytest.mark.parametrize(
    "size", [(72, 24), (60, 18), (640, 40), (1200, 30), (80, 200)], ids=lambda size: f"{size[0]}x{size[1]}"
)
def test_images_of_any_size_come_to_the_size_of_the_network(size: tuple[int, int], tmp_path: Path) -> None:
    write_style(tmp_path / "imgs", "dark on light", size)

    samples = read_samples(tmp_path / "imgs")

    assert all_good(samples)
    assert samples.sizes == {size: 40}
    pixels = load_images(samples.files, 48, 192).pixels.numpy()
    assert pixels.shape == (40, 1, 48, 192)
    # Each shows its text: dark places on light paper, at other places than in the image before.
    assert pixels.min(axis=(1, 2, 3)).max() < 190
    assert len({image.tobytes() for image in pixels}) == 40


def test_a_folder_may_mix_sizes_and_kinds(tmp_path: Path) -> None:
    folder = tmp_path / "imgs"
    sizes = [SIZE, (200, 50), (90, 20)]
    for number, kind in enumerate(KINDS):
        write_style(folder, kind, sizes[number % 3], prefix=str(number))

    samples = read_samples(folder)

    assert all_good(samples)
    assert samples.sizes == Counter({SIZE: 240, (200, 50): 200, (90, 20): 200})
    assert load_images(samples.files, 48, 192).pixels.shape == (640, 1, 48, 192)


def test_each_distinct_image_is_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_style(tmp_path / "imgs", "1 bit")
    original = next((tmp_path / "imgs").iterdir())
    (tmp_path / "imgs" / f"{original.stem}_copy.png").write_bytes(original.read_bytes())
    decoded = []

    def count(content: bytes) -> NDArray[np.uint8]:
        decoded.append(content)
        return preprocess.read_image(content)

    monkeypatch.setattr(checked, "read_image", count)

    assert len(read_samples(tmp_path / "imgs").duplicates) == 1
    assert len(decoded) == len(set(decoded)) == 40

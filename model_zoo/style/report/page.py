"""The pages of a training and of an audit, with what both have beside `model_zoo.page`: rows of images."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from model_zoo import page, told
from model_zoo.errors import UnreadableImage
from model_zoo.formats import READABLE, sniff_format
from model_zoo.page import Part, parts_of
from model_zoo.preprocess import read_file
from model_zoo.split import LabelledFile

MAX_PICTURE_BYTES = 100 * 1024


@dataclass(frozen=True)
class Row:
    """An image, what it should read and what was read.

    Attributes:
        file: its name.
        picture: a data: URI; None where it cannot be shown.
        label: in pieces.
        text: in pieces.
        probability: of the text.
    """

    file: str
    picture: str | None
    label: tuple[Part, ...]
    text: tuple[Part, ...]
    probability: float


def row(file: LabelledFile, text: str, probability: float) -> Row:
    """A row of a table of images."""
    label = file.label
    return Row(file.path.name, picture(file), parts_of(label, text), parts_of(text, label), probability)


def picture(file: LabelledFile) -> str | None:
    """The file as a data: URI; None if it has gone, is large, or is no image that a browser shows."""
    try:
        data = read_file(file.path)
    except UnreadableImage:
        return None
    kind = sniff_format(data)
    if kind not in READABLE or len(data) > MAX_PICTURE_BYTES:
        return None
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def render(template: str, *, title: str, **values: Any) -> str:
    """A page by a template beside this file; arguments as for `model_zoo.page.render`."""
    filters = {"capitalize_first": lambda text: text[:1].upper() + text[1:], "chance": _chance}
    return page.render(__package__, template, title=title, filters=filters, **values)


def _chance(value: float) -> str:
    """A computed chance; as a share, but what is nearly certain has no digits that anyone could check."""
    return "> 99.9 %" if 0.9995 <= value < 1 else told.percent(value)

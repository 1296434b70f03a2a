"""A report as one self-contained HTML file: no scripts, nothing loaded from anywhere.

The page forbids both itself (Content-Security-Policy): images may only be data: URIs, and the one style sheet
is allowed by its hash (https://www.w3.org/TR/CSP3/#match-element-to-source-list).
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from importlib import resources
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from rapidfuzz.distance import Levenshtein

from model_zoo import told
from model_zoo.errors import UnreadableImage
from model_zoo.formats import READABLE, sniff_format
from model_zoo.preprocess import read_file
from model_zoo.split import LabelledFile
from model_zoo.visible import visible, visible_character

MAX_PICTURE_BYTES = 100 * 1024


@dataclass(frozen=True)
class Part:
    """A piece of a label or an answer, and whether it is where the two differ."""

    text: str
    changed: bool


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
    return Row(file.path.name, picture(file), _parts(label, text), _parts(text, label), probability)


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


def render(template: str, **values: Any) -> str:
    """A page.

    Args:
        template: name of a file beside this one.
        values: that it prints; every text is made visible and then escaped, so no template can forget it.
    """
    environment = Environment(
        loader=FunctionLoader(_source),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: visible(value) if type(value) is str else value,
    )
    environment.filters["char"] = visible_character
    environment.filters["capitalize_first"] = lambda text: text[:1].upper() + text[1:]
    environment.filters["chance"] = _chance
    shared = resources.files("model_zoo").joinpath("report.css").read_text(encoding="utf-8")
    style = shared + _source("page.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
    return environment.get_template(template).render(told=told, style=style, style_hash=digest, **values)


def _source(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _chance(value: float) -> str:
    """A computed chance; as a share, but what is nearly certain has no digits that anyone could check."""
    return "> 99.9 %" if 0.9995 <= value < 1 else told.percent(value)


def _parts(text: str, other: str) -> tuple[Part, ...]:
    """`text` in pieces, those marked that an alignment with `other` does not find there."""
    codes = Levenshtein.opcodes(text, other)
    parts = (Part(text[code.src_start : code.src_end], code.tag != "equal") for code in codes)
    return tuple(part for part in parts if part.text)

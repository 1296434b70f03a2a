"""A report as one self-contained HTML file: no scripts, nothing loaded from anywhere.

The page forbids both itself (Content-Security-Policy): images may only be data: URIs, and the one style sheet
is allowed by its hash (https://www.w3.org/TR/CSP3/#match-element-to-source-list).

A package with a report has templates of its own and a `page.css`. They extend `page/base.html`, whose block
is `content`, and import the macros of `page/parts.html`.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from rapidfuzz.distance import Levenshtein

from model_zoo import told
from model_zoo.visible import visible, visible_character

SHARED = "page/"  # what the names of the templates that stand here begin with


@dataclass(frozen=True)
class Part:
    """A piece of a label or an answer, and whether it is where the two differ."""

    text: str
    changed: bool


def parts_of(text: str, other: str) -> tuple[Part, ...]:
    """`text` in pieces, those marked that an alignment with `other` does not find there."""
    codes = Levenshtein.opcodes(text, other)
    parts = (Part(text[code.src_start : code.src_end], code.tag != "equal") for code in codes)
    return tuple(part for part in parts if part.text)


def render(
    package: str,
    template: str,
    *,
    title: str,
    filters: Mapping[str, Callable[[Any], object]] | None = None,
    **values: Any,
) -> str:
    """A page.

    Args:
        package: whose template it is.
        template: name of the file.
        title: of the window.
        filters: of this template, beside `char`, which shows a single character.
        values: that it prints; every text is made visible and then escaped, so no template can forget it.
            All templates have `told`, which is `model_zoo.told`.
    """
    environment = Environment(
        loader=FunctionLoader(lambda name: _source(package, name)),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: visible(value) if type(value) is str else value,
    )
    environment.filters |= {"char": visible_character, **(filters or {})}
    environment.globals["told"] = told
    style = _source(package, SHARED + "report.css") + _source(package, "page.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
    return environment.get_template(template).render(title=title, style=style, style_hash=digest, **values)


def _source(package: str, name: str) -> str:
    where = __name__ if name.startswith(SHARED) else package
    return resources.files(where).joinpath(name.removeprefix(SHARED)).read_text(encoding="utf-8")

"""The keys of a JSON report, and those that a page of the docs explains."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator


def key_paths(
    value: object, *, data: Collection[str] = (), nullable: Collection[str] = (), prefix: str = ""
) -> Iterator[str]:
    """The path of every key: `a`, `a.b`, `a[].b`. An object or a list of objects is told by its parts.

    Args:
        value: of the report.
        data: paths of mappings whose keys are data.
        nullable: paths of objects that can be null, and are told themselves too.
        prefix: of the paths.
    """
    if isinstance(value, dict):
        for key, item in value.items():
            path = f"{prefix}.{key}" if prefix else key
            children = (
                [] if path in data else list(key_paths(item, data=data, nullable=nullable, prefix=path))
            )
            if not children or path in nullable:
                yield path
            yield from children
    elif isinstance(value, list | tuple):
        for item in value:
            if isinstance(item, dict | list | tuple):
                yield from key_paths(item, data=data, nullable=nullable, prefix=f"{prefix}[]")


def documented(table: str) -> list[str]:
    """The keys in the first column of a Markdown table."""
    return re.findall(r"^\| `([^`]+)` \| .+ \|$", table, flags=re.MULTILINE)

"""Frozen dataclasses from JSON objects and back, every field typed and known. Standard library only.

A field whose default is None or () is optional: it is not written while it has that value, so that an object
of a version without the field stays what it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import Field, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from model_zoo.errors import CardError

T = TypeVar("T")

# The class behind a field's generic type.
_PLAIN: dict[Any, type] = {Mapping: dict, tuple: tuple}


def from_object(kind: type[T], content: Mapping[str, Any], source: str) -> T:
    """An instance of the dataclass `kind` from the JSON object `content`.

    Raises:
        CardError: unknown, missing or mistyped fields; the message names `source`.
    """
    hints = get_type_hints(kind)
    entries = {entry.name: entry for entry in fields(kind)}  # type: ignore[arg-type]
    known = list(entries)
    if unknown := sorted(set(content) - set(known)):
        raise CardError(
            f"card {source} has unknown fields: {', '.join(unknown)}; known are {', '.join(known)}"
        )
    if missing := [name for name in known if name not in content and not _is_optional(entries[name])]:
        raise CardError(f"card {source} lacks: {', '.join(missing)}")
    given = [name for name in known if name in content]
    return kind(**{name: _typed(content[name], hints[name], f"{source}: {name}") for name in given})


def to_object(value: Any) -> Any:
    """The inverse of `from_object`: dataclasses as objects, tuples as lists, the rest copied."""
    if isinstance(value, tuple | list):
        return [to_object(item) for item in value]
    if not is_dataclass(value):
        return deepcopy(value)
    given = [(entry, getattr(value, entry.name)) for entry in fields(value)]
    return {
        entry.name: to_object(item)
        for entry, item in given
        if not (_is_optional(entry) and item == entry.default)
    }


def _is_optional(entry: Field[Any]) -> bool:
    return entry.default is None or entry.default == ()


def _typed(value: Any, kind: Any, where: str, otherwise: str = "") -> Any:
    """`value` if it is of the type `kind`; dataclasses within it are built on the way.

    Raises:
        CardError: another type than the field's.
    """
    if isinstance(kind, UnionType):  # of one kind and None
        if value is None:
            return None
        (inner,) = (arm for arm in get_args(kind) if arm is not NoneType)
        return _typed(value, inner, where, " or null")
    if isinstance(kind, type) and is_dataclass(kind) and isinstance(value, dict):
        return from_object(kind, value, where)
    if get_origin(kind) is tuple and isinstance(value, list):
        return tuple(_typed(item, get_args(kind)[0], where) for item in value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, _PLAIN.get(get_origin(kind), kind)):
        raise CardError(f"card {where} is {value!r}; expected {_type_name(kind)}{otherwise}")
    return value


def _type_name(kind: Any) -> str:
    if get_origin(kind) is tuple:
        return "a list"
    return {str: "a text", int: "a whole number", float: "a number"}.get(kind, "an object")

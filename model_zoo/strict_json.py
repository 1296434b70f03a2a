"""A frozen dataclass from a JSON object, every field present, typed and known. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import UnionType
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
    known = [entry.name for entry in fields(kind)]  # type: ignore[arg-type]
    if unknown := sorted(set(content) - set(known)):
        raise CardError(
            f"card {source} has unknown fields: {', '.join(unknown)}; known are {', '.join(known)}"
        )
    if missing := [name for name in known if name not in content]:
        raise CardError(f"card {source} lacks: {', '.join(missing)}")
    return kind(**{name: _typed(content[name], hints[name], f"{source}: {name}") for name in known})


def _typed(value: Any, kind: Any, where: str) -> Any:
    """`value` if it is of the type `kind`; dataclasses within it are built on the way.

    Raises:
        CardError: another type than the field's.
    """
    if isinstance(kind, type) and is_dataclass(kind) and isinstance(value, dict):
        return from_object(kind, value, where)
    if get_origin(kind) is tuple and isinstance(value, list):
        return tuple(_typed(item, get_args(kind)[0], where) for item in value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    plain = get_args(kind) if isinstance(kind, UnionType) else (_PLAIN.get(get_origin(kind), kind),)
    if isinstance(value, bool) or not isinstance(value, plain):
        raise CardError(f"card {where} is {value!r}; expected {_type_name(kind)}")
    return value


def _type_name(kind: Any) -> str:
    if get_origin(kind) is tuple:
        return "a list"
    names = {str: "a text", int: "a whole number", float: "a number", (int | None): "a whole number or null"}
    return names.get(kind, "an object")

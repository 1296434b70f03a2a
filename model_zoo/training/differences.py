"""What differs between two recipes, in words: the names of the settings as a card has them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from model_zoo.training.recipe import Augmentation, Recipe


def recipe_differences(
    had: Mapping[str, Any], has: Mapping[str, Any], *, ignored: Iterable[str] = ()
) -> list[str]:
    """Like `epochs 3, not 4` for each setting that is not the same; none where the recipes are.

    A setting that a recipe does not name came after it, and has the value that changes nothing, the default.

    Args:
        had: a recipe as a dict, perhaps of an earlier version; its values come first.
        has: another one.
        ignored: settings that may differ.
    """
    first, second = _flat(had), _flat(has)
    names = [name for name in first | second if name not in set(ignored)]
    values = ((name, first.get(name), second.get(name)) for name in names)
    return [f"{name} {_word(old)}, not {_word(new)}" for name, old, new in values if old != new]


def _flat(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Every setting, those of the augmentation beside the others: no name occurs in both."""
    settings = asdict(Recipe()) | dict(recipe)
    bending = asdict(Augmentation()) | dict(settings.pop("augmentation") or {})
    return settings | bending


def _word(value: Any) -> str:
    if isinstance(value, str):
        return value or "none"
    return "none" if value is None else json.dumps(value)

"""Any JSON of a benchmark as Markdown, for one that has no tables of its own to make from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from speed.common import table

# Of every file; told apart from the figures.
_ABOUT = ("benchmark", "machine")


def tables(content: Mapping[str, Any]) -> str:
    """Lines for single figures, a table for each list of objects and for each object of objects."""
    kept = {name: it for name, it in content.items() if name not in _ABOUT}
    return "\n\n".join(_blocks(kept, ""))


def _blocks(content: Mapping[str, Any], title: str) -> list[str]:
    single = {name: it for name, it in content.items() if _is_cell(it)}
    blocks = []
    if single:
        blocks.append("\n".join(f"- {_words(name)}: {_cell(it)}" for name, it in single.items()))
    for name, it in content.items():
        if name in single or _is_series(it) or not it:
            continue
        path = f"{title}{_words(name)}"
        rows = _rows(it)
        if rows is None:
            blocks += [f"{path}:", *_blocks(it, f"{path}, ")]
        else:
            blocks += [f"{path}:", _table(rows)]
    return blocks


def _rows(content: Any) -> dict[str, Mapping[str, Any]] | None:
    """Row's name -> its cells, where it is a table; rows of a list have numbers."""
    named = dict(enumerate(content, 1)) if isinstance(content, list) else content
    if not all(isinstance(it, Mapping) and not _is_runs(it) for it in named.values()):
        return None
    return {_words(str(name)): it for name, it in named.items()}


def _table(rows: Mapping[str, Mapping[str, Any]]) -> str:
    columns = list(dict.fromkeys(name for it in rows.values() for name, cell in it.items() if _is_cell(cell)))
    lines = [[name, *(_cell(it.get(column, "")) for column in columns)] for name, it in rows.items()]
    return table(["", *map(_words, columns)], lines)


def _is_cell(it: Any) -> bool:
    return not isinstance(it, Mapping | list) or _is_runs(it)


def _is_runs(it: Any) -> bool:
    return isinstance(it, Mapping) and {"median", "low", "high"} <= it.keys()


def _is_series(it: Any) -> bool:
    """Many values of one figure, which a table has no room for."""
    return isinstance(it, Sequence) and not any(isinstance(item, Mapping) for item in it)


def _cell(it: Any) -> str:
    if _is_runs(it):
        return f"{_cell(it['median'])} ({_cell(it['low'])} to {_cell(it['high'])})"
    if isinstance(it, bool) or it is None:
        return {True: "yes", False: "no", None: "-"}[it]
    if isinstance(it, int):
        return f"{it:,}"
    if isinstance(it, float):
        return f"{it:,.0f}" if abs(it) >= 1000 else f"{it:.4g}"
    return str(it)


def _words(name: str) -> str:
    return name.replace("_", " ")

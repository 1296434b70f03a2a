"""Tables and goals of versus.py, from what `--json` keeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from speed.common import table

PEER = "ddddocr"
# How many times as fast as the peer's fastest setting, at a higher accuracy.
GOALS = {"kaptcha": 12.0, "nano": 35.0}


def show(figures: Mapping[str, Any]) -> str:
    """All tables as Markdown.

    Args:
        figures: `ours`, `rivals`, `decoding`, `ratios` and `not_run`, as versus.py makes them.
    """
    return "\n\n".join(
        [
            f"From files to texts on {figures['cores']} cores; each reader in its fastest setting:",
            table(["", "setting", "images/s", "least", "most", *_models(figures)], _fastest(figures)),
            "Goals:",
            table(["goal", "found", "least", "most", "verdict"], _goals(figures)),
            "Exact match on the same images, 95 % Wilson interval:",
            table(["", "how", "right", "share", "least", "most"], _accuracies(figures)),
            "Every setting that was tried, processes x threads of each one's network:",
            table(["", "setting", "images/s", "least", "most"], _settings(figures)),
            "Not run:",
            "\n".join(f"- {name}: {why}" for name, why in _not_run(figures).items()),
        ]
    )


def fastest(rival: Mapping[str, Any]) -> Mapping[str, Any]:
    """The setting of a reader with the greatest median."""
    best: Mapping[str, Any] = max(rival["settings"], key=lambda it: float(it["rate"]["median"]))
    return best


def _models(figures: Mapping[str, Any]) -> list[str]:
    return [f"x for {it['model'].partition('@')[0]}" for it in figures["ours"]]


def _fastest(figures: Mapping[str, Any]) -> list[list[str]]:
    rows = [
        [
            f"`{it['model'].partition('@')[0]}`, `producer submit`",
            "-",
            *_spread(it["rate"]),
            *_dashes(figures),
        ]
        for it in figures["ours"]
    ]
    rows.append(["image decoding alone, ours", f"{figures['cores']} x 1", *_spread(figures["decoding"])])
    rows[-1] += _dashes(figures)
    for it in _measured(figures):
        best = fastest(it)
        times = [f"{ratios[it['name']]['median']:.1f}" for ratios in figures["ratios"].values()]
        rows.append([it["name"], best["setting"], *_spread(best["rate"]), *times])
    return rows


def _goals(figures: Mapping[str, Any]) -> list[list[str]]:
    peers = [it for it in _measured(figures) if it["name"].startswith(PEER)]
    rows = []
    for it in figures["ours"]:
        name = it["model"].partition("@")[0]
        goal = GOALS.get(name)
        if goal is None:
            continue
        title = f"`{name}` >= {goal:g} x ddddocr in the fastest setting of its faster network"
        if not peers:
            rows.append([title, "-", "-", "-", "not measured"])
            continue
        fast = max(peers, key=lambda peer: float(fastest(peer)["rate"]["median"]))
        found = figures["ratios"][it["model"]][fast["name"]]
        met = "met" if found["median"] >= goal else "not met"
        rows.append([title, *(f"{found[key]:.1f}" for key in ("median", "low", "high")), met])
        rows.append(_higher(name, it["accuracy"], peers))
    ceiling = _ceiling(figures, peers)
    return [*rows, *ceiling]


def _higher(name: str, ours: Mapping[str, Any] | None, peers: list[Mapping[str, Any]]) -> list[str]:
    best = max((figure for peer in peers for figure in peer["accuracy"]), key=lambda it: float(it["value"]))
    title = f"`{name}` reads more of the images than any ddddocr, told the characters or not"
    if ours is None:
        return [title, "-", "-", "-", "not measured"]
    met = "met" if ours["value"] > best["value"] else "not met"
    return [title, f"{ours['value']:.2%} : {best['value']:.2%}", "-", "-", met]


def _ceiling(figures: Mapping[str, Any], peers: list[Mapping[str, Any]]) -> list[list[str]]:
    if not peers:
        return []
    fast = max(peers, key=lambda peer: float(fastest(peer)["rate"]["median"]))
    most = figures["decoding"]["median"] / fastest(fast)["rate"]["median"]
    return [["no goal: the ceiling that our image decoding alone sets", f"{most:.1f}", "-", "-", "-"]]


def _accuracies(figures: Mapping[str, Any]) -> list[list[str]]:
    rows = [
        [f"`{it['model'].partition('@')[0]}`", *_accuracy(it["accuracy"])]
        for it in figures["ours"]
        if it["accuracy"] is not None
    ]
    rows += [[it["name"], *_accuracy(figure)] for it in _measured(figures) for figure in it["accuracy"]]
    return rows


def _accuracy(it: Mapping[str, Any]) -> list[str]:
    return [
        it["where"],
        f"{it['right']} of {it['n']}",
        *(f"{it[key]:.2%}" for key in ("value", "low", "high")),
    ]


def _settings(figures: Mapping[str, Any]) -> list[list[str]]:
    return [
        [it["name"], setting["setting"], *_spread(setting["rate"])]
        for it in _measured(figures)
        for setting in it["settings"]
    ]


def _not_run(figures: Mapping[str, Any]) -> dict[str, str]:
    missing = {it["name"]: it["failure"] for it in figures["rivals"] if it["failure"] is not None}
    return {**figures["not_run"], **missing}


def _measured(figures: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [it for it in figures["rivals"] if it["failure"] is None]


def _dashes(figures: Mapping[str, Any]) -> list[str]:
    return ["-"] * len(figures["ours"])


def _spread(it: Mapping[str, Any]) -> list[str]:
    return [f"{it[key]:,.1f}" if it[key] < 1000 else f"{it[key]:,.0f}" for key in ("median", "low", "high")]

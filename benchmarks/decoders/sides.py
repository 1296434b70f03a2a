"""The sides of the benchmark: decoder, environment, settings. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

OURS = "captchafleet"  # the environment that runs the benchmark itself


@dataclass(frozen=True)
class Side:
    """One decoder with its settings.

    Attributes:
        name: what `--sides` and the JSON call it.
        adapter: module of `decoders.adapters`.
        variant: what the adapter's `make` is told.
        environment: ours, or the stem of a file in `benchmarks/peers`.
        settings: beam, cut and whatever else decides time or text, for the reader.
        items: how many one call decodes. Slow decoders get fewer; the rate is per second all the same.
        split: how it uses two threads: by itself, or by two forked processes with half the items each.
            (flashlight-text keeps Python's lock; fast-ctc-decode lets go of it, and two threads were slower.)
        ten: whether it gives ten strings an item.
    """

    name: str
    adapter: str
    variant: str
    environment: str
    settings: str
    items: int = 1024
    split: Literal["own", "processes"] = "own"
    ten: bool = False

    @property
    def ours(self) -> bool:
        """Whether it is the decoder of this project."""
        return self.adapter == "captchafleet"


SIDES = (
    Side("exact", "captchafleet", "exact", OURS, "exact, compiled core"),
    Side("exact-torch", "captchafleet", "exact-torch", OURS, "exact, torch alone"),
    Side("greedy", "captchafleet", "greedy", OURS, "our greedy: probability summed over the string's paths"),
    Side("best-path", "best_path", "best", OURS, "greedy alone: best path and its score, input not checked"),
    Side("exact-length-5", "captchafleet", "length-5", OURS, "exact, 5 characters, compiled core"),
    Side("exact-ten", "captchafleet", "ten", OURS, "exact, 10 best, compiled core", ten=True),
    Side("exact-ten-torch", "captchafleet", "ten-torch", OURS, "exact, 10 best, torch alone", ten=True),
    Side(
        "fast-ctc-decode-cut",
        "fast_ctc",
        "cut",
        "fast-ctc-decode",
        "beam 10, cut 0.01; gives no probability",
        split="processes",
    ),
    Side(
        "fast-ctc-decode",
        "fast_ctc",
        "no-cut",
        "fast-ctc-decode",
        "beam 10, no cut; gives no probability",
        items=256,
        split="processes",
    ),
    Side(
        "flashlight-text",
        "flashlight_text",
        "best",
        "flashlight-text",
        "beam 10, all classes, threshold 50, ZeroLM, log_add",
        items=128,
        split="processes",
    ),
    Side(
        "flashlight-text-ten",
        "flashlight_text",
        "ten",
        "flashlight-text",
        "the same, all 10 of the beam",
        items=128,
        split="processes",
        ten=True,
    ),
    Side(
        "pyctcdecode",
        "pyctc",
        "best",
        "pyctcdecode",
        "beam 10, default cuts: token_min_logp -5, beam_prune_logp -10",
        items=128,
        split="processes",
    ),
    Side(
        "alignment-beam",
        "alignment_beam",
        "post",
        OURS,
        "the post's search as it is written: 10 alignments, cut 0.01",
        items=64,
        split="processes",
    ),
    Side(
        "alignment-beam-lists",
        "alignment_beam",
        "lists",
        OURS,
        "the same search over Python lists; no goal names it",
        items=256,
        split="processes",
    ),
    Side("nemo", "nemo", "best", "nemo", "beam 10, threshold 20 (its default), torch on the CPU"),
)


def chosen(names: list[str] | None) -> tuple[Side, ...]:
    """The sides of these names, in the table's order; all for None.

    Raises:
        ValueError: a name that is no side's.
    """
    known = {side.name for side in SIDES}
    for name in names or ():
        if name not in known:
            raise ValueError(
                f"side {name!r} is unknown; give some of {', '.join(side.name for side in SIDES)}"
            )
    return tuple(side for side in SIDES if names is None or side.name in names)

"""An ensemble's card from the models it asks. Standard library only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from model_zoo.atomic import check_folder, write_whole
from model_zoo.card_parts import Member, TrainingData
from model_zoo.card_rules import ENSEMBLE, NAME_PATTERN
from model_zoo.cards import ModelCard, find_card
from model_zoo.errors import DataError
from model_zoo.members import find_members, verify_model


@dataclass(frozen=True)
class CombineOptions:
    """What `combine` is asked for.

    Attributes:
        members: names of the models, at least one.
        name: of the ensemble.
        out: folder of the zoo for its card.
        views: (dx, dy, scale) each, of which every member sees each; () for the image as it is.
    """

    members: Sequence[str]
    name: str
    out: Path
    views: Sequence[tuple[float, float, float]] = ()


def combine(options: CombineOptions) -> ModelCard:
    """Write the card of an ensemble; its members stay where they are, beside the card or in the zoo.

    Raises:
        DataError: an unusable name, one that is taken, or a member's.
        ModelNotFound, CardError, WeightsMismatch: members that are not there, damaged, or do not fit.
    """
    if not NAME_PATTERN.fullmatch(options.name):
        raise DataError(f"name {options.name!r} is not usable; use letters, digits and . _ - only")
    path = options.out / f"{options.name}.json"
    if path.exists():
        raise DataError(
            f"model {options.name!r} is in {options.out} already; choose another name or delete it"
        )
    card = _card(options, [find_card(name).card for name in options.members])
    if options.name in {member.name for member in card.members}:
        raise DataError(
            f"name {options.name!r} is a member's, which the ensemble would hide; choose another name"
        )
    find_members(card, options.out)
    verify_model(card, options.out)
    check_folder(options.out)
    write_whole(path, card.to_json().encode())
    return card


def _card(options: CombineOptions, cards: Sequence[ModelCard]) -> ModelCard:
    first = cards[0]
    views = [list(view) for view in options.views]
    looks = f" by {len(views)} views" if views else ""
    same = {card.constraints for card in cards} == {first.constraints}
    return ModelCard(
        name=options.name,
        description=f"The mean of {' and '.join(card.name for card in cards)}{looks}.",
        architecture=ENSEMBLE,
        options={"views": views} if views else {},
        weights="",
        sha256="",
        charset=first.charset,
        height=first.height,
        width=first.width,
        mean=0.0,
        std=1.0,
        time_steps=first.time_steps,
        decoder="exact",
        beam_width=max(card.beam_width for card in cards),
        min_length=min(card.min_length for card in cards),
        max_length=max(card.max_length for card in cards),
        data=_data(cards),
        recipe={},
        accuracy=(),
        parameters=sum(card.parameters for card in cards),
        flops_per_image=sum(card.flops_per_image for card in cards) * max(1, len(views)),
        licence=" and ".join(dict.fromkeys(card.licence for card in cards)),
        constraints=first.constraints if same else None,
        members=tuple(Member(card.name, card.fingerprint, card.sha256) for card in cards),
    )


def _data(cards: Sequence[ModelCard]) -> TrainingData:
    """What the members saw, where they saw the same; else where to look."""
    first = cards[0].data
    if all(card.data == first for card in cards):
        return first
    names = " and ".join(dict.fromkeys(card.data.name for card in cards))
    most = {part: max(getattr(card.data, part) for card in cards) for part in ("train", "validation", "test")}
    same = {card.data.sha256 for card in cards} == {first.sha256}
    return replace(
        first,
        name=names,
        split="as of each member; see their cards",
        sha256=first.sha256 if same else "",
        synthetic=max(card.data.synthetic for card in cards),
        **most,
    )

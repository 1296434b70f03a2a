"""The models that an ensemble asks: found, and held against what its card pins. Standard library only."""

from __future__ import annotations

from pathlib import Path

from model_zoo.card_parts import Member
from model_zoo.cards import FoundModel, ModelCard, find_card, read_card, verify_weights
from model_zoo.errors import CardError, ModelNotFound

# What frames must have in common to be averaged.
_SHARED = {"charset": "charset", "time_steps": "time steps", "height": "height", "width": "width"}


def find_members(card: ModelCard, directory: Path) -> list[FoundModel]:
    """The models of an ensemble in the card's order, looked up in its folder, then in the zoo.

    Args:
        card: of the ensemble.
        directory: that holds the card.

    Raises:
        ModelNotFound: a member is not there, or another one than the card pins.
        CardError: a member's card cannot be read, or its frames are not those of the ensemble.
    """
    return [_checked(card, member, _found(card, member, directory)) for member in card.members]


def verify_model(card: ModelCard, directory: Path) -> None:
    """Check the weights of a model, or of each member of an ensemble, against the cards.

    Raises:
        ModelNotFound, CardError: as for `find_members`.
        WeightsMismatch: weights that are missing or others.
    """
    for found in find_members(card, directory) if card.members else [FoundModel(card, directory)]:
        verify_weights(found.card, found.directory)


def _found(card: ModelCard, member: Member, directory: Path) -> FoundModel:
    beside = directory / f"{member.name}.json"
    if beside.is_file():
        return FoundModel(read_card(beside), directory)
    try:
        return find_card(member.name)
    except ModelNotFound as error:
        raise ModelNotFound(
            f"ensemble {card.name!r} asks the model {member.name!r}, which is neither beside its card nor in "
            "the zoo; bring it, or combine anew"
        ) from error


def _checked(card: ModelCard, member: Member, found: FoundModel) -> FoundModel:
    there = found.card
    if there.members:
        raise CardError(
            f"ensemble {card.name!r} asks the model {member.name!r}, which is an ensemble itself; name its "
            "members instead"
        )
    if (there.fingerprint, there.sha256) != (member.fingerprint, member.sha256):
        raise ModelNotFound(
            f"ensemble {card.name!r} was made of {member.name}@{member.fingerprint}, here is "
            f"{there.name}@{there.fingerprint}; bring the first, or combine anew"
        )
    for key, called in _SHARED.items():
        wanted, given = getattr(card, key), getattr(there, key)
        if given != wanted:
            raise CardError(
                f"ensemble {card.name!r} has the {called} {wanted!r}, its member {member.name!r} has "
                f"{given!r}; members must agree"
            )
    return found

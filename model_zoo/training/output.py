"""Where a run leaves its model. Imports nothing heavy: what is in the way is said before torch is loaded."""

from __future__ import annotations

from pathlib import Path

from model_zoo.cards import NAME_PATTERN
from model_zoo.errors import DataError


def check_output(name: str, out: Path, *, resume: bool) -> Path:
    """Refuse a name that cannot be a model's, or is one already, before hours are spent on it.

    Args:
        name: of the new model.
        out: its zoo folder.
        resume: whether a run that was stopped is to go on.

    Returns:
        The path of the run's checkpoint.

    Raises:
        DataError: another name is needed, a stopped run is in the way, or there is none to go on with.
    """
    weights, stopped = out / f"{name}.safetensors", out / f"{name}.checkpoint"
    if not NAME_PATTERN.fullmatch(name):
        raise DataError(f"name {name!r} is not usable; use letters, digits and . _ - only")
    # A run that was killed while it wrote its model has both files, and only the card to add. A card without
    # weights of its name is an ensemble's, or tells how the networks behind out-of-fold answers were trained.
    there = weights.exists() or (out / f"{name}.json").exists()
    if there and not (resume and stopped.exists()):
        raise DataError(
            f"model {name!r} is in {out} already; choose another name, or delete its files {out / name}.*"
        )
    if stopped.exists() and not resume:
        raise DataError(f"a stopped run is at {stopped}; go on with --resume, or delete the file")
    if resume and not stopped.exists():
        raise DataError(f"there is no run to resume at {stopped}; start it without --resume")
    return stopped

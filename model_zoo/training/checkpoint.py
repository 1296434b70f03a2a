"""The state of a run after an epoch, as safetensors: no pickle, also not for ourselves.

Learning rate and randomness are functions of seed, epoch and step, so weights, their average and the
optimiser's two moments are all there is to keep; a resumed run ends in the same weights as one that was
never stopped.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from model_zoo.errors import DataError
from model_zoo.training.differences import recipe_differences
from model_zoo.training.recipe import Recipe

_SEPARATOR = ":"


@dataclass
class TrainingState:
    """What changes while training.

    Attributes:
        network: being trained.
        average: its running average, the one that is shipped; the network itself where none is kept.
        optimizer: of `network`.
        epoch: epochs done.
    """

    network: nn.Module
    average: nn.Module
    optimizer: torch.optim.Optimizer
    epoch: int = 0


def save_checkpoint(
    path: Path,
    state: TrainingState,
    recipe: Recipe,
    data: str,
    *,
    notes: str = "",
    kept: Mapping[str, torch.Tensor] | None = None,
) -> None:
    """Write the state atomically: a kill leaves the old file or the new one.

    It does not wait for the disk, which for 21 million parameters would take 4 to 9 s of every epoch here; so
    a power cut, unlike a kill, may cost the run.

    Args:
        path: of the checkpoint.
        state: after a whole epoch.
        recipe: of the run.
        data: hash of what is trained on and measured.
        notes: what the caller wants back with it.
        kept: other tensors that the caller wants back.
    """
    tensors = _named("network", state.network.state_dict()) | _named("kept", dict(kept or {}))
    if state.average is not state.network:
        tensors |= _named("average", state.average.state_dict())
    for number, moments in state.optimizer.state_dict()["state"].items():
        tensors |= _named(f"optimizer{_SEPARATOR}{number}", moments)
    metadata = {"epoch": str(state.epoch), "recipe": _canonical(recipe), "data": data, "notes": notes}
    write_safetensors(path, tensors, metadata, sync=False)


def read_notes(path: Path) -> tuple[str, str, dict[str, torch.Tensor]]:
    """The notes, the hash of the data and the kept tensors of a checkpoint.

    Raises:
        DataError: no checkpoint there.
    """
    metadata, tensors = _read(path)
    return metadata.get("notes", ""), metadata.get("data", ""), _below("kept", tensors)


def load_checkpoint(path: Path, state: TrainingState, recipe: Recipe, data: str) -> None:
    """Bring `state` to where the checkpoint was written.

    Raises:
        DataError: no checkpoint there, or one of another recipe, other data or another network.
    """
    metadata, tensors = _read(path)
    _check_same(path, metadata, recipe, data)
    try:
        state.network.load_state_dict(_below("network", tensors))
        if state.average is not state.network:
            state.average.load_state_dict(_below("average", tensors))
    except RuntimeError as error:
        raise DataError(
            f"the run at {path} had another architecture, input or alphabet; resume with its options, or "
            "delete the file"
        ) from error
    _load_optimizer(state.optimizer, tensors)
    state.epoch = int(metadata["epoch"])


def _read(path: Path) -> tuple[dict[str, str], dict[str, torch.Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
            return file.metadata() or {}, tensors
    except FileNotFoundError as error:
        raise DataError(f"there is no run to resume at {path}; start it without --resume") from error
    except (OSError, SafetensorError) as error:
        raise DataError(
            f"the run at {path} cannot be read ({error}); delete the file, and start it without --resume"
        ) from error


def _load_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]) -> None:
    content = optimizer.state_dict()
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    numbers = sorted({int(key.split(_SEPARATOR)[1]) for key in tensors if key.startswith("optimizer")})
    content["state"] = {
        number: {
            # Laid out in memory like the parameter, which the fused update takes for granted.
            key: torch.empty_like(parameters[number]).copy_(value) if value.dim() else value
            for key, value in _below(f"optimizer{_SEPARATOR}{number}", tensors).items()
        }
        for number in numbers
    }
    optimizer.load_state_dict(content)


def write_safetensors(
    path: Path, tensors: dict[str, torch.Tensor], metadata: dict[str, str], *, sync: bool = True
) -> None:
    """Write all of the file or nothing; its rights follow the umask, like those of any new file.

    Args:
        path: of the file.
        tensors: by name, on any device.
        metadata: for the file's header.
        sync: whether to wait for the disk, so that the file outlives a power cut as well.

    Raises:
        DataError: the file cannot be written; what stood there stands.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
    target = path.resolve()  # a link stays a link
    beside = target.with_name(target.name + ".part")
    try:
        beside.open("wb").close()
        rights = beside.stat().st_mode
        save_file(plain, beside, metadata)  # leaves it readable by its owner alone
        beside.chmod(rights)
        if sync:
            with beside.open("rb") as file:
                os.fsync(file.fileno())
        beside.replace(target)
    except (OSError, SafetensorError) as error:
        raise DataError(
            f"file {str(path)!r} cannot be written ({error}); make room, or give another place"
        ) from error


def _named(prefix: str, tensors: dict[str, Any]) -> dict[str, torch.Tensor]:
    return {f"{prefix}{_SEPARATOR}{key}": value for key, value in tensors.items()}


def _below(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    start = prefix + _SEPARATOR
    return {key.removeprefix(start): value for key, value in tensors.items() if key.startswith(start)}


def _canonical(recipe: Recipe) -> str:
    return json.dumps(asdict(recipe), sort_keys=True)


def _check_same(path: Path, metadata: dict[str, str], recipe: Recipe, data: str) -> None:
    had = ", ".join(recipe_differences(json.loads(metadata.get("recipe", "{}")), asdict(recipe)))
    if not had and metadata.get("data") != data:
        had = "other data or other parts"
    if had:
        raise DataError(f"the run at {path} had {had}; resume with its options, or delete the file")

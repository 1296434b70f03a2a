"""Models that read text captchas, usable alone: no Celery, no Redis.

    from model_zoo import load_solver
    solver = load_solver("kaptcha", device="cpu")
    for prediction in solver.solve([path, image_bytes, pil_image, array]):
        print(prediction.text, prediction.probability)

Nothing heavy is imported until it is used, so that `model_zoo.constraints` and `model_zoo.cards` stay cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from model_zoo.cards import ModelCard, available_models
    from model_zoo.constraints import Constraints
    from model_zoo.errors import (
        ConstraintError,
        ModelNotFound,
        UnreadableImage,
        WeightsMismatch,
        ZooError,
    )
    from model_zoo.solver import Prediction, Solver, load_solver

__all__ = [
    "ConstraintError",
    "Constraints",
    "ModelCard",
    "ModelNotFound",
    "Prediction",
    "Solver",
    "UnreadableImage",
    "WeightsMismatch",
    "ZooError",
    "available_models",
    "load_solver",
]

_HOME = {
    "ConstraintError": "errors",
    "Constraints": "constraints",
    "ModelCard": "cards",
    "ModelNotFound": "errors",
    "Prediction": "solver",
    "Solver": "solver",
    "UnreadableImage": "errors",
    "WeightsMismatch": "errors",
    "ZooError": "errors",
    "available_models": "cards",
    "load_solver": "solver",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'model_zoo' has no attribute {name!r}")
    return getattr(import_module(f"model_zoo.{_HOME[name]}"), name)

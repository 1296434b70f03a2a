"""Two sides' facts, fact by fact."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Outputs and losses are float32 sums in other orders.
OUTPUT_TOLERANCE = 1e-5
# fastai takes its position in the schedule to float32.
CURVE_TOLERANCE = 1e-6
ADAM_TOLERANCE = 1e-5
# Of a random tensor, in standard errors of the difference; some 300 tensors are compared.
DEVIATIONS = 5.0
# Normal values hardly reach this many deviations in so few numbers, uniform ones never pass 1.74.
UNIFORM_PEAK, ENOUGH = 1.9, 500


@dataclass(frozen=True)
class Check:
    """One fact on both sides, as texts.

    Attributes:
        what: is compared.
        ours: what our side says.
        theirs: what fastai says.
        same: whether they agree, within what is said in `what`.
    """

    what: str
    ours: str
    theirs: str
    same: bool

    def __str__(self) -> str:
        if self.same:
            return f"  same  {self.what}: {self.ours}"
        return f"DIFFER  {self.what}: ours {self.ours}, fastai's {self.theirs}"


def compare(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[Check]:
    """Every check there is, in reading order."""
    checks: list[Check] = []
    for name, network in theirs["networks"].items():
        checks += _networks(name, ours["networks"][name], network)
    for name, curve in theirs["curves"].items():
        checks.append(_curves(name, ours["curves"][name], curve))
    for name, value in theirs["defaults"].items():
        mine = ours["defaults"][name]
        checks.append(Check(f"default: {name}", repr(mine), repr(value), mine == value))
    checks.append(_values("Adam: weights", ours["adam"], theirs["adam"], ADAM_TOLERANCE))
    losses = [ours["smoothed_loss"]], [theirs["smoothed_loss"]]
    checks.append(_values("label-smoothing cross entropy", *losses, OUTPUT_TOLERANCE))
    return checks


def _networks(name: str, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Iterator[Check]:
    mine, others = _parameters(ours["tensors"]), _parameters(theirs["tensors"])
    yield _equal(f"{name}: parameters", sum(mine.values()), sum(others.values()))
    for part in others:
        yield _equal(f"{name}: parameters of {part}", mine[part], others[part])
    yield _equal(f"{name}: output shape", ours["output_shape"], theirs["output_shape"])
    yield _values(f"{name}: output of equal weights", ours["output"], theirs["output"], OUTPUT_TOLERANCE)
    yield _tensors(name, ours["tensors"], theirs["tensors"])


def _parameters(tensors: Sequence[Mapping[str, Any]]) -> Counter[str]:
    """Learned numbers of each part."""
    count: Counter[str] = Counter()
    for tensor in tensors:
        if tensor["learned"]:
            count[tensor["part"]] += math.prod(tensor["shape"])
    return count


def _tensors(name: str, ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]]) -> Check:
    """Shapes and first values of all tensors, as one check that shows the first difference."""
    what = f"{name}: first weights"
    if len(ours) != len(theirs):
        return Check(what, f"{len(ours)} tensors", f"{len(theirs)} tensors", False)
    for number, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
        if not _alike(mine, other):
            return Check(f"{what}, tensor {number}", _told(mine), _told(other), False)
    zero = sum(_is_zero_scale(tensor) for tensor in ours)
    text = f"{len(ours)} tensors, {zero} norms that scale by 0"
    return Check(what, text, text, True)


def _alike(mine: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Equal shape and kind; equal constants, or random values of equal spread and form."""
    if [mine[key] for key in ("part", "kind", "shape")] != [other[key] for key in ("part", "kind", "shape")]:
        return False
    if mine["std"] == 0 or other["std"] == 0:
        return mine["std"] == other["std"] and math.isclose(mine["mean"], other["mean"], rel_tol=1e-6)
    count = math.prod(mine["shape"])
    if abs(math.log(mine["std"] / other["std"])) > DEVIATIONS / math.sqrt(count):
        return False
    if abs(mine["mean"] - other["mean"]) > DEVIATIONS * other["std"] * math.sqrt(2 / count):
        return False
    forms = {tensor["peak"] < UNIFORM_PEAK for tensor in (mine, other)}
    return count < ENOUGH or len(forms) == 1


def _is_zero_scale(tensor: Mapping[str, Any]) -> bool:
    return bool(tensor["kind"] == "weight" and tensor["std"] == 0 and tensor["mean"] == 0)


def _told(tensor: Mapping[str, Any]) -> str:
    form = "uniform" if tensor["peak"] < UNIFORM_PEAK else "normal"
    spread = f"{form}, std {tensor['std']:.4g}" if tensor["std"] else "constant"
    shape = "x".join(map(str, tensor["shape"]))
    return f"{tensor['part']} {tensor['kind']} {shape}: mean {tensor['mean']:.4g}, {spread}"


def _curves(name: str, ours: Sequence[float], theirs: Sequence[float]) -> Check:
    check = _values(f"one cycle: {name}", ours, theirs, CURVE_TOLERANCE)
    if not check.same:
        return check
    return Check(check.what, f"{ours[0]:.6g} to {ours[-1]:.6g}, {check.ours}", check.theirs, True)


def _values(what: str, ours: Sequence[float], theirs: Sequence[float], tolerance: float) -> Check:
    """Equal within `tolerance` of the largest value."""
    if len(ours) != len(theirs):
        return Check(what, f"{len(ours)} values", f"{len(theirs)} values", False)
    apart = [abs(mine - other) for mine, other in zip(ours, theirs, strict=True)]
    apart = [math.inf if math.isnan(difference) else difference for difference in apart]
    worst = apart.index(max(apart))
    if max(apart) > tolerance * max(abs(other) for other in theirs if not math.isnan(other)):
        return Check(f"{what}, value {worst}", f"{ours[worst]:.9g}", f"{theirs[worst]:.9g}", False)
    text = f"{len(ours)} values, at most {max(apart):.1e} apart"
    return Check(what, text, text, True)


def _equal(what: str, ours: Any, theirs: Any) -> Check:
    mine, other = (f"{value:,}" if isinstance(value, int) else str(value) for value in (ours, theirs))
    return Check(what, mine, other, bool(ours == theirs))

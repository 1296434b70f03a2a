"""The figures of one GPU, and what they say: shares of the peak, cores that image decoding takes, goals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from model_zoo.solver import load_solver
from speed.common import Runs, in_turns, ratio, table
from speed.device import Agreement, Device, copying, described, peak, where_it_fits

# Of one H200 with the default model; and of `Solver.solve` over what the same cores decode of images.
RATE_GOAL, SOLVE_GOAL = 1_000_000, 0.9
# Answers in float32 may differ by this from those of torch on the CPU (docs/probability.md).
TOLERANCE = 1e-4
STAGES = ("forward", "ctc", "both", "solve")
IMAGES, ONE_CORE, CTC_OF_ONE = "image decoding", "image decoding, one thread", "CTC decoding, one core"


@dataclass(frozen=True)
class Report:
    """What was measured.

    Attributes:
        device: in one sentence.
        model: its name.
        flops: operations of one image's forward pass.
        threads: that decode images.
        calibration: micro-batch found by each side, and the seconds that took.
        agreement: of each side with torch on the CPU in float32.
        decided: share of the images whose greedy text is proven on the device.
        peak: operations a second of a matrix product, by precision.
        copying: bytes a second from the host to the device.
        rates: images a second, by (stage, size, side); NaN where memory was too small.
        cpu: images a second of `IMAGES`, `ONE_CORE` and `CTC_OF_ONE`.
    """

    device: str
    model: str
    flops: int
    threads: int
    calibration: dict[str, tuple[int, float]]
    agreement: dict[str, Agreement]
    decided: float
    peak: dict[str, float]
    copying: float
    rates: dict[tuple[str, int, str], Runs]
    cpu: dict[str, Runs]

    @property
    def differs(self) -> bool:
        """Whether any side that computes in float32 answers otherwise than torch on the CPU."""
        return any(
            it.other_texts > 0 or it.probability > TOLERANCE
            for side, it in self.agreement.items()
            if side.endswith("float32")
        )

    def text(self) -> str:
        """For people."""
        return "\n\n".join([self._head(), self._rates(), self._cores(), self._answers()])

    def to_object(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "device": self.device,
            "model": self.model,
            "flops": self.flops,
            "threads": self.threads,
            "calibration": {
                side: {"micro_batch": size, "seconds": seconds}
                for side, (size, seconds) in self.calibration.items()
            },
            "agreement": {side: asdict(it) for side, it in self.agreement.items()},
            "decided": self.decided,
            "peak": self.peak,
            "copying": self.copying,
            "rates": [
                {"stage": stage, "size": size, "side": side, **runs.to_object()}
                for (stage, size, side), runs in self.rates.items()
                if not math.isnan(runs.median)
            ],
            "cpu": {name: runs.to_object() for name, runs in self.cpu.items()},
            "best": {
                "side": self._best()[2],
                "size": self._best()[1],
                "images_s": self._fastest,
                "solve_over_images": self._held.median,
            },
        }

    def _head(self) -> str:
        peaks = ", ".join(f"{rate / 1e12:.3g} TFLOP/s {name}" for name, rate in self.peak.items())
        return (
            f"{self.device}\n{self.model}: {self.flops / 1e6:.0f} MFLOP an image; "
            f"a matrix product reaches {peaks}; {self.copying / 1e9:.3g} GB/s from the host"
        )

    def _rates(self) -> str:
        sizes = sorted({(size, side) for _, size, side in self.rates}, key=lambda it: (it[1], it[0]))
        rows = []
        for size, side in sizes:
            share = self.rates["forward", size, side].median * self.flops / self.peak[side.split()[1]]
            medians = [self.rates[stage, size, side].median for stage in STAGES]
            rows.append([side, f"{size:,}", _rate(medians[0]), _percent(share), *map(_rate, medians[1:])])
        header = ["side", "batch", "forward", "of peak", "CTC decoding", "both", "`Solver.solve`"]
        found = ", ".join(f"{size:,} by {side} in {s:.2g} s" for side, (size, s) in self.calibration.items())
        return f"Images a second:\n\n{table(header, rows)}\n\nMicro-batches found: {found}"

    def _cores(self) -> str:
        one, ctc = self.cpu[ONE_CORE].median, self.cpu[CTC_OF_ONE].median
        _, size, side = self._best()
        return (
            f"Forward and CTC decoding: at best {_rate(self._fastest)} images/s ({side}, {size:,} a batch); "
            f"goal on one H200 {RATE_GOAL:,}.\n"
            f"One thread decodes {_rate(one)} images/s and {self.threads} together "
            f"{_rate(self.cpu[IMAGES].median)}: one GPU needs {self._fastest / one:.3g} such cores.\n"
            f"CTC decoding on the CPU instead would take {self._fastest / ctc:.3g} cores, "
            f"at {_rate(ctc)} items/s each.\n"
            f"`Solver.solve` reaches {self._held.median:.3g} of what its {self.threads} threads decode; "
            f"goal {SOLVE_GOAL}."
        )

    def _answers(self) -> str:
        rows = [
            [side, str(it.images), str(it.other_texts), f"{it.probability:.2g}"]
            for side, it in self.agreement.items()
        ]
        header = ["side", "images", "read otherwise", "largest difference of a probability"]
        return (
            f"Against torch on the CPU in float32:\n\n{table(header, rows)}\n\n"
            f"{_percent(self.decided)} of the images are decided where the log-probabilities are."
        )

    @property
    def _held(self) -> Runs:
        """`Solver.solve` at its best over the image decoding of the same threads."""
        solved = (runs for (stage, _, _), runs in self.rates.items() if stage == "solve")
        ratios = [ratio(runs, self.cpu[IMAGES]) for runs in solved if not math.isnan(runs.median)]
        return max(ratios, key=lambda runs: runs.median)

    def _best(self) -> tuple[str, int, str]:
        both = {
            key: runs.median
            for key, runs in self.rates.items()
            if key[0] == "both" and not math.isnan(runs.median)
        }
        return max(both, key=lambda key: both[key])

    @property
    def _fastest(self) -> float:
        return self.rates[self._best()].median


def measure(devices: Sequence[Device], sizes: Sequence[int], rounds: int, threads: int, count: int) -> Report:
    """Every side, stage and size in turns.

    Args:
        devices: the sides, all of one model on one device.
        sizes: images of a batch.
        rounds: that count.
        threads: that decode images.
        count: images of one call of `Solver.solve`.
    """
    first, seconds = devices[0], devices[0].seconds
    device, card = first.solver.device, first.solver.card
    plain = load_solver(card.name, "cpu", "float32", "torch")
    for it in devices:
        it.solver.use_threads(threads)
    calibration = {str(it.side): it.calibration() for it in devices}
    sides = {
        (stage, size, str(it.side)): where_it_fits(
            partial(it.solve, size, count) if stage == "solve" else partial(getattr(it, stage), size)
        )
        for size in sizes
        for it in devices
        for stage in STAGES
    }
    names = {" ".join(map(str, key)): key for key in sides}
    cpu = {
        IMAGES: partial(first.images, threads, count),
        ONE_CORE: partial(first.images, 1, max(64, count // threads)),
        CTC_OF_ONE: first.ctc_of_one_core,
    }
    found = in_turns({**{name: sides[key] for name, key in names.items()}, **cpu}, rounds)
    return Report(
        device=described(device),
        model=card.name,
        flops=card.flops_per_image,
        threads=threads,
        calibration=calibration,
        agreement={str(it.side): it.agreement(plain) for it in devices},
        decided=first.decided(),
        peak={name: peak(name, device, seconds) for name in {it.side.precision for it in devices}},
        copying=copying(device, seconds),
        rates={key: found[name] for name, key in names.items()},
        cpu={name: found[name] for name in cpu},
    )


def _rate(value: float) -> str:
    return "no memory" if math.isnan(value) else f"{value:,.0f}"


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{100 * share:.3g} %"

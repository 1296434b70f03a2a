"""What a GPU makes of a model: images a second of forward pass, CTC decoding and `Solver.solve`.

    .venv/bin/python benchmarks/gpu.py --json docs/runs/performance/gpu.json
    .venv/bin/python benchmarks/gpu.py --profile trace.json    # where a forward pass spends its time
    .venv/bin/python benchmarks/gpu.py --device cpu --quick    # no GPU: whether the script itself works

For every size of a batch: the forward pass from pixels on the device, CTC decoding from log-probabilities on
the device to texts, both from the host's memory to texts, and `Solver.solve` from files' bytes. Beside them:
the share of the device's peak, which is that of a large matrix product measured in the same run in the same
precision; the images a second that the processor's cores decode, and how many cores one GPU would need; and
how answers differ from those of torch on the CPU in float32. The sides take turns; figures are medians over
the rounds. float32 is without TF32.

Exit codes: 0; 1 if answers in float32 differ by more than they may; 2 for wrong options, or without a GPU.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path

import torch
from speed.common import add_options, describe, this_machine, write
from speed.device import Device, Side
from speed.device_report import Report, measure

from model_zoo.errors import ZooError

ROOT = Path(__file__).parent.parent
DATA = Path(os.environ.get("CAPTCHAFLEET_DATA", ROOT / "../shared/data")) / "captcha_images_v2"
EXAMPLES = ROOT / "examples" / "captchas"
NO_GPU = (
    "gpu.py: there is no CUDA device here; run it on a machine with one, or see whether the script itself "
    "works: --device cpu --quick"
)
# Different images; jobs have them over and over.
IMAGES = 512


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; the exit code."""
    options = _parser().parse_args(arguments)
    if options.quick:
        options.sizes, options.rounds, options.seconds, options.count = [8], 1, 0.0, 64
    if options.device != "cpu" and not torch.cuda.is_available():
        print(NO_GPU, file=sys.stderr)
        return 2
    machine = this_machine()
    runtimes = ("torch",) if options.device == "cpu" else ("torch", "cuda")
    sides = [Side(runtime, precision) for precision in options.precisions for runtime in runtimes]
    try:
        files = _files(8 if options.quick else IMAGES)
        devices = [Device(options.model, options.device, side, files, options.seconds) for side in sides]
        if options.profile is not None:
            print(devices[-1].profile(options.sizes[-1], options.profile))
            return 0
        cores = options.threads or machine.cores
        report: Report = measure(devices, options.sizes, options.rounds, cores, options.count)
    except (ZooError, ValueError, OSError) as error:
        print(f"gpu.py: {error}", file=sys.stderr)
        return 2
    print(f"{describe(machine)}\n{report.text()}")
    write(options.json, "gpu", machine, report.to_object())
    return int(report.differs)


def _files(count: int) -> list[bytes]:
    """Images' bytes: of the labelled captchas where they are, else the examples, over and over."""
    folder = DATA if DATA.is_dir() else EXAMPLES
    paths = sorted(folder.glob("*.png"))
    if not paths:
        raise ValueError(
            f"no images in {folder}; set CAPTCHAFLEET_DATA to the folder with captcha_images_v2/"
        )
    return [path.read_bytes() for path in islice(cycle(paths), count)]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", default="kaptcha", help="name or path (default kaptcha)")
    parser.add_argument("--device", default="cuda", help="cuda, cuda:1, ..., or cpu (default cuda)")
    parser.add_argument(
        "--sizes",
        type=int,
        nargs="+",
        default=[256, 1024, 4096, 8192, 16384],
        metavar="N",
        help="images of a batch (default 256 1024 4096 8192 16384)",
    )
    parser.add_argument(
        "--precisions",
        nargs="+",
        choices=["float32", "bfloat16"],
        default=["float32", "bfloat16"],
        help="of the forward pass (default both)",
    )
    parser.add_argument("--threads", type=int, help="that decode images (default: one a core)")
    parser.add_argument("--count", type=int, default=50_000, help="images of `Solver.solve` (default 50000)")
    parser.add_argument("--seconds", type=float, default=0.3, help="a measurement, at least (default 0.3)")
    parser.add_argument(
        "--profile", type=Path, metavar="FILE", help="only that: kernels of the last size, and a trace"
    )
    parser.add_argument("--quick", action="store_true", help="eight images, once: whether the script works")
    add_options(parser, rounds=3)
    return parser


if __name__ == "__main__":
    sys.exit(main())

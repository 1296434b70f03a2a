"""Which devices a worker may be told to use; finds out without importing torch into the process that asks."""

from __future__ import annotations

import ctypes
import json
import re
import subprocess
import sys

_ASK_TORCH = "import json, torch; print(json.dumps(torch.cuda.device_count()))"


class DeviceChoiceError(Exception):
    """A device that is not there; the message is one sentence."""


def choose(text: str) -> list[str]:
    """The devices that `--device` means: one worker process each.

    Args:
        text: `auto` (the first GPU, else the CPU), `all` (every GPU), `cpu`, `cuda:0`, or several.

    Raises:
        DeviceChoiceError: one that is not there, or a word that is no device.
    """
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if not re.fullmatch(r"auto|all|cpu|cuda|cuda:\d+", name) or (
            len(names) > 1 and name in ("auto", "all")
        ):
            raise DeviceChoiceError(
                f"device {text!r} is none; give auto, cpu, all, cuda:0, or several like cuda:0,cuda:1"
            )
    if names == ["cpu"]:
        return names
    gpus = [f"cuda:{number}" for number in range(_count_gpus())]
    if names == ["auto"]:
        return gpus[:1] or ["cpu"]
    if names == ["all"]:
        names = gpus or ["cuda:0"]
    names = ["cuda:0" if name == "cuda" else name for name in names]
    missing = [name for name in names if name not in ("cpu", *gpus)]
    if missing:
        raise DeviceChoiceError(
            f"device {', '.join(missing)} is not on this machine; there is {', '.join(['cpu', *gpus])}"
        )
    return list(dict.fromkeys(names))


def _count_gpus() -> int:
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        # Without NVIDIA's driver there is nothing to ask torch for, which would take seconds.
        return 0
    said = subprocess.run([sys.executable, "-c", _ASK_TORCH], capture_output=True, text=True, check=False)
    return int(json.loads(said.stdout)) if said.returncode == 0 else 0

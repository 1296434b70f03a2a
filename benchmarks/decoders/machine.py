"""On which machine the figures were made. Standard library only."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Machine:
    """What decides speed besides the code.

    Attributes:
        cores: that this process may use.
        load: processes that wanted a core in the last minute before the run; near 0 on a quiet machine.
    """

    cpu: str
    cores: int
    system: str
    python: str
    load: float


def this_machine() -> Machine:
    """Describe the machine now, before the run loads it."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    system = f"{platform.system()} {platform.machine()}"
    return Machine(_cpu(), cores, system, platform.python_version(), round(os.getloadavg()[0], 2))


def _cpu() -> str:
    """The processor's name, with family and model: the names of virtual ones say little."""
    info = Path("/proc/cpuinfo")
    if not info.is_file():
        return platform.processor() or "unknown"
    lines = (line.partition(":") for line in info.read_text().split("\n\n")[0].splitlines())
    fields = {name.strip(): value.strip() for name, _, value in lines}
    name = fields.get("model name", "unknown")
    widest = next(
        (flag for flag in ("avx512f", "avx2", "avx") if flag in fields.get("flags", "").split()), None
    )
    details = [
        f"family {fields.get('cpu family', '?')} model {fields.get('model', '?')}",
        *([widest] if widest else []),
    ]
    return f"{name} ({', '.join(details)})"

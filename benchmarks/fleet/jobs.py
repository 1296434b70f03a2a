"""A `producer submit` of a benchmark: running, and ended with what it took."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Job:
    """A `producer submit` that has ended.

    Attributes:
        code: its exit code.
        run: its run folder.
        out: what it printed on standard output and standard error.
        wall_s: seconds from its start to its end, reports included.
        cpu_s: its processor time, user and system.
        peak_bytes: the most memory that it had resident.
    """

    code: int
    run: Path
    out: str
    wall_s: float
    cpu_s: float
    peak_bytes: int

    @property
    def report(self) -> dict[str, Any]:
        """Its report.json."""
        content: dict[str, Any] = json.loads((self.run / "report.json").read_bytes())
        return content

    @property
    def seconds(self) -> float:
        """From its first sending to its last answer in the journal, as its manifest says."""
        with (self.run / "manifest.jsonl").open(encoding="ascii") as lines:
            # Not parsed line by line: a manifest has one for every image.
            ends = [json.loads(line) for line in lines if '"session_end"' in line[:40]]
        return float(sum(end["seconds"] for end in ends))


@dataclass(frozen=True)
class Running:
    """A `producer submit` that was started; `wait` for its end."""

    process: subprocess.Popen[bytes]
    run: Path
    log: Path
    began: float = field(default_factory=time.monotonic)

    @property
    def pid(self) -> int:
        """Of its process."""
        return self.process.pid

    def wait(self) -> Job:
        """Wait until it has ended."""
        _, status, usage = os.wait4(self.process.pid, 0)
        wall_s = time.monotonic() - self.began
        code = os.waitstatus_to_exitcode(status)
        self.process.returncode = code  # so that nobody waits for it again
        scale = 1 if sys.platform == "darwin" else 1024
        out = self.log.read_text(errors="replace")
        return Job(code, self.run, out, wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * scale)

"""Memory that was freed stays with the process: counted in page faults, where the C library is glibc."""

from __future__ import annotations

import ctypes
import gc
import platform
import subprocess
import sys
from types import SimpleNamespace

import pytest

from worker.memory import freeze_start, keep_freed

# Twenty times what a batch takes, written and given back; prints the page faults of the last ten times.
FAULTS = """
import resource, sys
from worker.memory import keep_freed
if sys.argv[1] == "keep":
    assert keep_freed()
for n in range(20):
    if n == 10:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    blocks = [bytearray(b"x" * 4_000_000) for _ in range(5)]
    del blocks
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def _faults(how: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=True, timeout=60
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told so")
def test_freed_memory_is_kept_for_the_next_batch() -> None:
    given_back, kept = _faults("as ever"), _faults("keep")
    # Ten times five blocks of a thousand pages.
    assert given_back > 10_000
    assert kept < 1_000


def test_what_the_start_made_is_no_longer_searched_for_garbage() -> None:
    kept: list[object] = []
    kept.append(kept)
    try:
        freeze_start()
        assert not any(it is kept for it in gc.get_objects())
        after: list[object] = [kept]
        after.append(after)
        assert any(it is after for it in gc.get_objects())
    finally:
        gc.unfreeze()


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: SimpleNamespace())
    assert not keep_freed()


def test_another_system_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not keep_freed()

"""The peers' environments: one each, made by uv from a pinned file in `benchmarks/peers`."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from decoders.sides import OURS, SIDES

BENCHMARKS = Path(__file__).parent.parent
PEERS = BENCHMARKS / "peers"
FOLDER = BENCHMARKS / ".envs"
# Of other scripts than ctc.py.
FASTAI, DDDDOCR, RAPIDOCR = "fastai", "ddddocr", "rapidocr"
_SCRIPTS = {FASTAI: "fastai_parity.py", DDDDOCR: "styles.py", RAPIDOCR: "versus.py"}
# On disk, on Linux, with Python 3.11; NeMo brings torch with CUDA.
SIZES = {"fast-ctc-decode": "60 MB", "flashlight-text": "60 MB", "pyctcdecode": "70 MB", "nemo": "6 GB"}


def environments() -> list[str]:
    """Every environment of the decoders but ours, in the order of the sides."""
    return list(dict.fromkeys(side.environment for side in SIDES if side.environment != OURS))


def python_of(environment: str) -> Path:
    """The interpreter of an environment, whether it is there or not."""
    return Path(sys.executable) if environment == OURS else FOLDER / environment / "bin" / "python"


def why_missing(environment: str) -> str | None:
    """Why an environment cannot be used; None where it can."""
    if environment == OURS or _stamp(environment) == _requirements(environment).read_text():
        return None
    failed = _failure(environment)
    if failed.is_file():
        return f"not installed: {failed.read_text()}"
    return f"not installed: run benchmarks/{_SCRIPTS.get(environment, 'ctc.py')} --setup"


def set_up(environment: str) -> str | None:
    """Make an environment anew.

    Returns:
        None, or what went wrong in one line; a later run tells it again.
    """
    if shutil.which(_uv()) is None:
        return "uv is not on PATH; `make` installs it into .venv"
    folder = FOLDER / environment
    shutil.rmtree(folder, ignore_errors=True)
    _failure(environment).unlink(missing_ok=True)
    FOLDER.mkdir(exist_ok=True)
    # flashlight-text and numpy before 2 have no wheels for later versions than these.
    own = sys.executable if (3, 11) <= sys.version_info[:2] <= (3, 12) else "3.12"
    requirements = _requirements(environment)
    install = ["pip", "install", "--python", str(python_of(environment)), "-r", str(requirements)]
    for command in (["venv", "--python", own, str(folder)], install):
        run = subprocess.run([_uv(), "--quiet", *command], capture_output=True, text=True, check=False)
        if run.returncode != 0:
            reason = " ".join(run.stderr.split())[:400] or f"uv ended with {run.returncode}"
            shutil.rmtree(folder, ignore_errors=True)
            _failure(environment).write_text(reason)
            return reason
    (folder / "installed.txt").write_text(requirements.read_text())
    return None


def _uv() -> str:
    beside = Path(sys.executable).parent / "uv"
    return str(beside) if beside.is_file() else "uv"


def _requirements(environment: str) -> Path:
    return PEERS / f"{environment}.txt"


def _failure(environment: str) -> Path:
    return FOLDER / f"{environment}.failed"


def _stamp(environment: str) -> str | None:
    """The requirements that an environment was made from: a changed file makes it stale."""
    stamp = FOLDER / environment / "installed.txt"
    return stamp.read_text() if stamp.is_file() else None

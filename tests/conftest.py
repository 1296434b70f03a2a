"""What tests need from the machine: a Redis server, the labelled captchas, a GPU.

Ask for a fixture (`redis_server`, `captcha_data`) or carry the marker (`redis`, `data`, `gpu`): the rule is
the same. At home a test without its need is skipped with the reason. With CI=true a missing Redis server is a
failure, because a test that never runs in CI keeps nothing true.
"""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest

# A shell that runs the tests in the background has SIGINT ignored, and every process of a test would inherit
# that: none could be stopped by Ctrl-C.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Beside other processes of tests (`pytest -n`) torch's threads would mostly wait, for cores and each other.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

NO_REDIS = "no redis-server on PATH; install your system's package of it (Debian: redis-server)"
# Where the labelled captchas lie unless CAPTCHAFLEET_DATA says otherwise: beside the checkout.
DEFAULT_DATA = Path(__file__).parent.parent.parent / "shared" / "data"
NO_DATA = "no labelled captchas; set CAPTCHAFLEET_DATA to the folder that holds captcha_images_v2/"
NO_GPU = "no CUDA device here"


def _need_redis() -> str:
    path = shutil.which("redis-server")
    if path is not None:
        return path
    if os.environ.get("CI") == "true":
        pytest.fail(f"{NO_REDIS} (with CI=true this is a failure, not a skip)", pytrace=False)
    pytest.skip(NO_REDIS)


def _need_data() -> Path:
    folder = Path(os.environ.get("CAPTCHAFLEET_DATA") or DEFAULT_DATA)
    if not (folder / "captcha_images_v2").is_dir():
        pytest.skip(NO_DATA)
    return folder


def _need_gpu() -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip(NO_GPU)


_NEEDS = {"redis": _need_redis, "data": _need_data, "gpu": _need_gpu}
_MARKERS = {"redis_server": "redis", "captcha_data": "data"}


def pytest_itemcollected(item: pytest.Item) -> None:
    """A fixture stands for its marker, also through other fixtures: `-m "not redis"` leaves out them all."""
    for fixture, marker in _MARKERS.items():
        if fixture in getattr(item, "fixturenames", ()):
            item.add_marker(marker)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A marker stands for its need, also where the test takes no fixture."""
    for name, need in _NEEDS.items():
        if item.get_closest_marker(name) is not None:
            need()


@pytest.fixture(scope="session")
def redis_server() -> str:
    """The path of a real `redis-server`."""
    return _need_redis()


@pytest.fixture(scope="session")
def captcha_data() -> Path:
    """The folder of labelled captchas: `captcha_images_v2/` and its like, one folder a data set."""
    return _need_data()

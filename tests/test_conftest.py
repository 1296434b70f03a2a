"""The rule of tests/conftest.py, seen from outside: skip at home, fail in CI."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent

PROBE = """
import pytest

@pytest.mark.redis
def test_marked(): pass

def test_fixture(redis_server): assert redis_server.endswith("redis-server")

@pytest.mark.data
def test_data(captcha_data): assert captcha_data.is_dir()
"""


def _probe(folder: Path, *options: str, **environment: str) -> str:
    """The last lines of a pytest run over three needy tests, in an environment of its own."""
    shutil.copy(HERE / "conftest.py", folder)
    shutil.copy(HERE.parent / "pyproject.toml", folder)
    (folder / "tests").mkdir()
    (folder / "tests" / "test_probe.py").write_text(PROBE)
    keep = {k: v for k, v in os.environ.items() if k not in {"CI", "CAPTCHAFLEET_DATA", "PATH"}}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(folder),
        *options,
        ".",
    ]
    run = subprocess.run(
        command, cwd=folder, env=keep | environment, capture_output=True, text=True, timeout=120, check=False
    )
    return run.stdout.splitlines()[-1] + "\n" + run.stdout


@pytest.fixture
def path_with_server(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("bin")
    (folder / "redis-server").touch(mode=0o755)
    return str(folder)


def test_without_redis_at_home_tests_skip_and_say_what_to_install(tmp_path: Path) -> None:
    report = _probe(tmp_path, PATH="/nonexistent")
    assert "3 skipped" in report.splitlines()[0]
    assert "no redis-server on PATH; install your system's package of it (Debian: redis-server)" in report
    assert "no labelled captchas; set CAPTCHAFLEET_DATA to the folder that holds captcha_images_v2/" in report


def test_without_redis_in_ci_marker_and_fixture_both_fail(tmp_path: Path) -> None:
    report = _probe(tmp_path, PATH="/nonexistent", CI="true")
    assert "2 errors" in report.splitlines()[0]
    assert "(with CI=true this is a failure, not a skip)" in report


def test_with_redis_and_data_everything_runs(tmp_path: Path, path_with_server: str) -> None:
    data = tmp_path / "data"
    (data / "captcha_images_v2").mkdir(parents=True)
    report = _probe(tmp_path, PATH=path_with_server, CI="true", CAPTCHAFLEET_DATA=str(data))
    assert "3 passed" in report.splitlines()[0]


def test_a_fixture_alone_is_left_out_like_its_marker(tmp_path: Path, path_with_server: str) -> None:
    report = _probe(tmp_path, "-m", "not redis and not data", PATH=path_with_server)
    assert "3 deselected" in report.splitlines()[0]

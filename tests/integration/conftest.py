"""Servers, workers and images for the integration tests.

A worker takes seconds to start, so tests that only need one share it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from jobs import IMAGES
from processes import Fleet, redis_process, write_captchas


@pytest.fixture
def broker(redis_server: str) -> Iterator[str]:
    """The URL of a real redis-server of this test's own."""
    with redis_process(redis_server) as url:
        yield url


@pytest.fixture
def fleet(broker: str, tmp_path: Path) -> Iterator[Fleet]:
    """A broker of this test's own, for workers that it starts itself."""
    folder = tmp_path / "fleet"
    folder.mkdir()
    own = Fleet(broker, folder)
    try:
        yield own
    finally:
        own.stop()


@pytest.fixture(scope="session")
def shared_fleet(redis_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A broker with one worker of `crnn-small`, shared by all tests that harm neither.

    What constraints are worth on hard images was measured with that model.
    """
    with redis_process(redis_server) as url:
        own = Fleet(url, tmp_path_factory.mktemp("shared-fleet"))
        try:
            own.start_worker("--model", "crnn-small")
            yield own
        finally:
            own.stop()


@pytest.fixture(scope="session")
def captchas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 40 captchas, for reading only."""
    folder = tmp_path_factory.mktemp("captchas")
    write_captchas(folder, 40)
    return folder


@pytest.fixture(scope="session")
def pool_of_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that every test's own images are links to."""
    folder = tmp_path_factory.mktemp("pool") / "images"
    for name in write_captchas(folder, IMAGES // 4):
        for number in range(1, 4):
            os.link(folder / name, folder / name.replace(".png", f"_{number}.png"))
    return folder


@pytest.fixture
def images(pool_of_images: Path, tmp_path: Path) -> Path:
    """A folder of IMAGES captchas of this test's own."""
    folder = tmp_path / "images"
    shutil.copytree(pool_of_images, folder, copy_function=os.link)
    return folder

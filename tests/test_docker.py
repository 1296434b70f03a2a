"""The files of docker/ against the rest of the repository: nothing here builds an image.

What a typo would break on the day somebody builds (an entry point, an extra, a path, a variable, a version)
fails here. Redis's command from compose.yaml runs for real, with the server on PATH.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml
from packaging.specifiers import SpecifierSet
from redis.backoff import NoBackoff
from redis.retry import Retry

ROOT = Path(__file__).parent.parent
DOCKER = ROOT / "docker"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DOCKERFILES = ["worker.Dockerfile", "producer.Dockerfile"]
PASSWORD = "correcthorse"


def _instructions(name: str) -> list[tuple[str, str]]:
    """The (INSTRUCTION, rest) pairs of a Dockerfile, continued lines joined, comments dropped."""
    lines = [line for line in (DOCKER / name).read_text().splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in joined.splitlines() if line.strip()]


def _last(name: str, instruction: str) -> str:
    """What the final image gets: the last such instruction."""
    return [rest for word, rest in _instructions(name) if word == instruction][-1]


def _compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text())
    return loaded


def _services() -> dict[str, Any]:
    services: dict[str, Any] = _compose()["services"]
    return services


@pytest.mark.parametrize("name", DOCKERFILES)
def test_the_entry_point_is_a_script_of_pyproject(name: str) -> None:
    assert json.loads(_last(name, "ENTRYPOINT"))[0] in PROJECT["scripts"]


@pytest.mark.parametrize("name", DOCKERFILES)
def test_the_python_of_the_image_is_one_that_the_tests_ran_on(name: str) -> None:
    bases = [rest.split()[0] for word, rest in _instructions(name) if word == "FROM"]
    # Both stages: the virtual environment of one is used in the other.
    assert len(set(bases)) == 1
    match = re.fullmatch(r"python:(\d+\.\d+)-slim-bookworm", bases[0])
    assert match is not None, bases
    assert f"{match[1]}.0" in SpecifierSet(PROJECT["requires-python"])
    assert f"Programming Language :: Python :: {match[1]}" in PROJECT["classifiers"]


@pytest.mark.parametrize("name", DOCKERFILES)
def test_nothing_runs_as_root(name: str) -> None:
    user, group = _last(name, "USER").split(":")
    assert int(user) > 0
    assert int(group) > 0


@pytest.mark.parametrize("name", DOCKERFILES)
def test_what_is_copied_exists_and_reaches_the_engine(name: str) -> None:
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"]
    copies = [rest.split()[:-1] for word, rest in _instructions(name) if word == "COPY"]
    sources = [source for copy in copies if not copy[0].startswith("--from") for source in copy]
    assert sources
    for source in sources:
        assert (ROOT / source).exists(), f"{source} is copied but is not in the repository"
        assert any(fnmatch.fnmatch(source, pattern) for pattern in allowed), f"{source} is ignored"


def test_every_package_of_the_wheel_is_copied_into_both_images() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    for name in DOCKERFILES:
        copied = " ".join(rest for word, rest in _instructions(name) if word == "COPY")
        assert [package for package in wheel["packages"] if package not in copied.split()] == []


def test_the_worker_installs_the_dependencies_of_the_worker_extra() -> None:
    step = next(
        rest for word, rest in _instructions("worker.Dockerfile") if word == "RUN" and "tomllib" in rest
    )
    match = re.search(r'python -c "([^"]+)"', step)
    assert match is not None
    printed = subprocess.run(
        [sys.executable, "-c", match[1]], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert printed == PROJECT["dependencies"] + PROJECT["optional-dependencies"]["worker"]


def test_the_producer_installs_no_extra_and_the_base_has_no_torch() -> None:
    installs = [rest for word, rest in _instructions("producer.Dockerfile") if "pip install" in rest]
    assert installs == ["pip install -c constraints.txt ."]
    assert not [line for line in PROJECT["dependencies"] if line.startswith("torch")]


def test_compose_builds_from_dockerfiles_that_exist() -> None:
    built = {name: service["build"] for name, service in _services().items() if "build" in service}
    assert sorted(built) == ["producer", "worker", "worker-cpu"]
    for build in built.values():
        assert (DOCKER / build["context"]).resolve() == ROOT.resolve()
        assert (ROOT / build["dockerfile"]).is_file()


def test_workers_can_be_scaled_and_nothing_is_published() -> None:
    for name, service in _services().items():
        assert "container_name" not in service, name
        assert "hostname" not in service, name
        assert "ports" not in service, name


def test_a_worker_gets_gpus_and_the_cpu_variant_none() -> None:
    (device,) = _services()["worker"]["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}
    assert "deploy" not in _services()["worker-cpu"]
    assert _services()["worker-cpu"]["environment"]["CAPTCHAFLEET_DEVICE"] == "cpu"


def test_variables_in_compose_are_read_by_the_program() -> None:
    known = (ROOT / "worker" / "settings.py").read_text()
    for name, service in _services().items():
        for variable in service["environment"]:
            if variable.startswith("CAPTCHAFLEET_"):
                assert f'"{variable}"' in known, f"{variable} of service {name} is not in worker/settings.py"


def test_stopping_waits_longer_than_a_batch_may_take() -> None:
    from worker.settings import DEFAULT_TASK_TIME_LIMIT_S

    grace = _services()["worker"]["stop_grace_period"]
    assert int(grace.removesuffix("s")) > DEFAULT_TASK_TIME_LIMIT_S


def test_the_redis_of_compose_is_at_least_version_7() -> None:
    match = re.fullmatch(r"redis:(\d+)\.\d+", _services()["redis"]["image"])
    assert match is not None
    assert int(match[1]) >= 7


def test_a_password_is_asked_for_and_none_is_written_down() -> None:
    text = (DOCKER / "compose.yaml").read_text()
    assert "${CAPTCHAFLEET_BROKER_PASSWORD:?" in text
    assert "CAPTCHAFLEET_BROKER_PASSWORD:-" not in text


@pytest.fixture
def composed_redis(redis_server: str, tmp_path: Path) -> Iterator[redis.Redis]:
    """Redis started by the command of compose.yaml, on a Unix socket instead of a port."""
    shell, flag, script = _services()["redis"]["command"]
    path = tmp_path / "redis.sock"
    # Compose turns $$ into $.
    script = script.replace("$$", "$").replace(
        "redis-server -", f"{redis_server} - --port 0 --unixsocket {path} --dir {tmp_path}"
    )
    environment = {"CAPTCHAFLEET_BROKER_PASSWORD": PASSWORD, "REDIS_MAXMEMORY": "64mb"}
    server = subprocess.Popen([shell, flag, script], env=environment, stdout=subprocess.DEVNULL)
    client = redis.Redis(unix_socket_path=str(path), password=PASSWORD, decode_responses=True)
    try:
        for _ in range(100):
            if path.exists():
                break
            time.sleep(0.1)
        yield client
    finally:
        client.close()
        server.terminate()
        server.wait(timeout=30)


@pytest.mark.redis
def test_the_redis_of_compose_evicts_nothing_and_syncs_every_second(composed_redis: redis.Redis) -> None:
    wanted = {
        "maxmemory-policy": "noeviction",
        "maxmemory": str(64 * 2**20),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "requirepass": PASSWORD,
    }
    assert {name: composed_redis.config_get(name)[name] for name in wanted} == wanted


@pytest.mark.redis
def test_the_redis_of_compose_refuses_who_has_no_password(composed_redis: redis.Redis) -> None:
    path = composed_redis.connection_pool.connection_kwargs["path"]
    stranger = redis.Redis(unix_socket_path=path, protocol=2, retry=Retry(NoBackoff(), 0))
    with pytest.raises(redis.AuthenticationError, match="Authentication required"):
        stranger.ping()
    stranger.close()


# A node without our tasks, and so without a model: the ping is answered by Celery itself.
NODE = """
import sys
from worker.celery_app import app
app.conf.include = []
app.worker_main(["worker", "-P", "solo", "-n", sys.argv[1], "--without-gossip", "--without-mingle"])
"""
HEALTH = "import sys, worker_health; sys.exit(worker_health.main(timeout_s=1.0))"


def _health(broker: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", HEALTH]
    return subprocess.run(command, cwd=DOCKER, env=broker, capture_output=True, text=True, check=False)


@pytest.mark.redis
@pytest.mark.parametrize(
    ("host", "healthy"),
    [
        pytest.param(socket.gethostname(), True, id="a node of this container"),
        pytest.param("another-container", False, id="a node of another container does not count"),
    ],
)
def test_the_health_check_asks_the_nodes_of_its_own_container(
    composed_redis: redis.Redis, host: str, healthy: bool
) -> None:
    path = composed_redis.connection_pool.connection_kwargs["path"]
    ours = {"CAPTCHAFLEET_BROKER": f"redis+socket://{path}", "CAPTCHAFLEET_BROKER_PASSWORD": PASSWORD}
    broker = os.environ | ours | {"PYTHONPATH": str(ROOT)}
    assert _health(broker).returncode == 1, "no node is there yet"
    command = [sys.executable, "-c", NODE, f"probe@{host}"]
    attempts = 5
    node = subprocess.Popen(command, env=broker, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        # The node is there once it has bound its mailbox.
        for _ in range(300):
            if composed_redis.exists("_kombu.binding.celery.pidbox"):
                break
            time.sleep(0.1)
        said = _health(broker)
        # A busy machine may need a second or third ping.
        while healthy and said.returncode and (attempts := attempts - 1):
            said = _health(broker)
    finally:
        node.terminate()
        node.wait(timeout=60)
    assert (said.returncode == 0) == healthy, said.stderr
    if not healthy:
        assert said.stderr == f"no Celery node *@{socket.gethostname()} answered within 1 s\n"


def test_the_documents_say_that_the_images_were_not_built_here() -> None:
    assert "were not built" in (ROOT / "docs" / "docker.md").read_text()

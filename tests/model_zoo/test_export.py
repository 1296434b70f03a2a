"""`model-zoo export`: the file reads what the model reads, and one that would not is not kept."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from click.testing import CliRunner, Result
from torch import nn

from model_zoo import export as exporting
from model_zoo.architectures.positional import interleave_blanks
from model_zoo.cards import find_card
from model_zoo.cli import main
from model_zoo.errors import ExportError
from model_zoo.solver import Solver, load_solver

CRNN = "crnn-small"
ROOT = Path(__file__).parent.parent.parent


class Tiny(nn.Module):
    """Two positions of three classes, with a certain blank between them: -inf in every answer."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(4 * 6, 2 * 3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 1, 4, 6) to (N, 3, 3)."""
        logits = self.head(images.flatten(1)).unflatten(1, (2, 3))
        return interleave_blanks(logits.log_softmax(-1))


def tiny(network: nn.Module, temperature: float | None = None) -> Solver:
    """A solver whose card fits `Tiny`."""
    card = replace(
        find_card(CRNN).card,
        name="tiny",
        charset="ab",
        height=4,
        width=6,
        time_steps=3,
        temperature=temperature,
    )
    return Solver(card, network, torch.device("cpu"))


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> dict[str, Solver]:
    """What `load_solver` of the exporter finds, by name."""
    found: dict[str, Solver] = {}
    monkeypatch.setattr(exporting, "load_solver", lambda name, *a: found.get(name) or load_solver(name, *a))
    return found


def run(*arguments: str | Path) -> Result:
    """The command in this process."""
    return CliRunner().invoke(main, ["export", *map(str, arguments)])


def test_the_file_gives_what_the_model_gives_and_says_how_to_use_it(tmp_path: Path) -> None:
    out = tmp_path / "new" / "crnn.onnx"

    result = run(CRNN, "--format", "onnx", "--out", out)

    assert result.exit_code == 0, result.output
    said = r"log-probabilities under ONNX Runtime differ by \S+ at most"
    assert re.fullmatch(f"{out}: {said}\n", result.stdout)
    assert [path.name for path in out.parent.iterdir()] == ["crnn.onnx"]
    session = onnxruntime.InferenceSession(out.read_bytes(), providers=["CPUExecutionProvider"])
    (images,), (answers,) = session.get_inputs(), session.get_outputs()
    assert (images.name, images.type, images.shape) == ("images", "tensor(uint8)", ["N", 1, 50, 200])
    assert (answers.name, answers.type, answers.shape) == ("log_probs", "tensor(float)", ["N", 25, 20])
    pixels = np.random.default_rng(7).integers(0, 256, (3, 1, 50, 200), np.uint8)
    (got,) = session.run(None, {"images": pixels})
    expected = load_solver(CRNN, "cpu", "float32").log_probs(torch.from_numpy(pixels)).numpy()
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-4)
    told = {key: json.loads(text) for key, text in session.get_modelmeta().custom_metadata_map.items()}
    card = find_card(CRNN).card
    assert told == {
        "model": f"{CRNN}@{card.fingerprint}",
        "charset": "2345678bcdefgmnpwxy",
        "height": 50,
        "width": 200,
        "time_steps": 25,
        "mean": card.mean,
        "std": card.std,
        "temperature": 1.0,
        "licence": "MIT",
        "constraints": None,
    }


def test_the_documented_way_to_use_a_file_reads_an_example(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    exporting.export(CRNN, Path("crnn-small.onnx"))
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "export.md").read_text(), re.DOTALL)

    exec(code, {})

    assert capsys.readouterr().out == "23ewe\n"


def test_impossible_classes_and_a_temperature_come_out_as_they_are(
    tmp_path: Path, exported: dict[str, Solver]
) -> None:
    exported["tiny"] = tiny(Tiny(), temperature=2.0)
    out = tmp_path / "tiny.onnx"

    difference = exporting.export("tiny", out)

    assert difference < 1e-5
    pixels = np.random.default_rng(1).integers(0, 256, (5, 1, 4, 6), np.uint8)
    (got,) = onnxruntime.InferenceSession(out.read_bytes()).run(None, {"images": pixels})
    assert got[:, 1].tolist() == [[0.0, -np.inf, -np.inf]] * 5
    np.testing.assert_allclose(got, exported["tiny"].log_probs(torch.from_numpy(pixels)).numpy(), atol=1e-5)
    (temperature,) = [it.value for it in onnx.load(out).metadata_props if it.key == "temperature"]
    assert temperature == "2.0"


class Odd(Tiny):
    """What it gives is another thing than what is traced of it."""

    kind = "more"

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """As `Tiny`, changed while it is traced."""
        found = super().forward(images)
        if not torch.jit.is_tracing():
            return found
        changed = {
            "more": lambda: found + 0.01,
            "shape": lambda: found[:, :2],
            "impossible": lambda: found.clamp(min=-50),
        }
        return changed[self.kind]()


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        ("more", "log-probabilities differ by up to 0.01"),
        ("shape", "the shape is (1, 2, 3), expected (1, 3, 3)"),
        ("impossible", "other classes are impossible (-inf)"),
    ],
)
def test_a_file_that_gives_something_else_is_not_kept(
    tmp_path: Path, exported: dict[str, Solver], kind: str, what: str
) -> None:
    network = Odd()
    network.kind = kind
    exported["odd"] = tiny(network)
    out = tmp_path / "odd.onnx"

    result = run("odd", "--out", out)

    assert result.exit_code == 2
    assert result.stderr == (
        f"Error: under ONNX Runtime model 'tiny' is not what it is here ({what}); no file was kept\n"
    )
    assert list(tmp_path.iterdir()) == []


class Baked(Tiny):
    """Its answer has as many rows as the image that was traced."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """As `Tiny`; `int` makes the traced N a constant."""
        return super().forward(images).reshape(int(images.shape[0]), 3, 3)


def test_a_batch_size_that_is_baked_in_is_found(tmp_path: Path, exported: dict[str, Solver]) -> None:
    exported["baked"] = tiny(Baked())

    with pytest.raises(
        ExportError, match=r"^under ONNX Runtime model 'tiny' is not .+ \(5 images fail: .+\)"
    ):
        exporting.export("baked", tmp_path / "baked.onnx")
    assert list(tmp_path.iterdir()) == []


class Stubborn(Tiny):
    """No exporter knows what it does."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """As `Tiny`."""
        return super().forward(images) + torch.special.erfcx(images.float().mean())


def test_a_network_that_cannot_be_exported_is_one_sentence(
    tmp_path: Path, exported: dict[str, Solver], capfd: pytest.CaptureFixture[str]
) -> None:
    exported["stubborn"] = tiny(Stubborn())

    result = run("stubborn", "--out", tmp_path / "s.onnx")

    assert result.exit_code == 2
    assert result.stderr.startswith("Error: model 'tiny' cannot be written as ONNX (")
    assert result.stderr.count("\n") == 1
    assert capfd.readouterr() == ("", "")  # torch itself would print the whole graph
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_is_kept_unless_it_is_to_be_replaced(
    tmp_path: Path, exported: dict[str, Solver]
) -> None:
    exported["tiny"] = tiny(Tiny())
    out = tmp_path / "tiny.onnx"
    out.write_text("mine")

    refused, folder = run("tiny", "--out", out), run("tiny", "--out", tmp_path, "--force")

    assert (refused.exit_code, folder.exit_code) == (2, 2)
    assert refused.stderr == (
        f"Error: {str(out)!r} exists already; give another --out, or replace it with --force\n"
    )
    assert folder.stderr == f"Error: {str(tmp_path)!r} exists already; give the name of a file\n"
    assert out.read_text() == "mine"
    assert run("tiny", "--out", out, "--force").exit_code == 0
    onnx.checker.check_model(onnx.load(out))


def test_an_unknown_format_and_a_place_that_cannot_be_written_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")

    unknown = run(CRNN, "--format", "tflite", "--out", tmp_path / "a")
    nowhere = run(CRNN, "--out", tmp_path / "file" / "a.onnx")

    assert unknown.exit_code == 2
    assert unknown.stderr.endswith("'--format' (env var: 'CAPTCHAFLEET_FORMAT'): 'tflite' is not 'onnx'.\n")
    assert nowhere.stderr == f"Error: {str(tmp_path / 'file')!r} is a file; give a folder\n"


@pytest.mark.parametrize("missing", ["onnx", "onnxruntime"])
def test_without_the_extra_the_command_says_what_to_install(
    missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)

    result = run(CRNN, "--out", tmp_path / "a.onnx")

    assert result.exit_code == 2
    assert result.stderr.endswith("run: pip install 'captchafleet[worker]'\n")
    assert list(tmp_path.iterdir()) == []

"""benchmarks/gpu.py: that it runs, what it tells, and how it refuses; no speed is asserted."""

from __future__ import annotations

import json
import math
from pathlib import Path

import gpu
import pytest
import torch
from speed.common import Runs
from speed.device import Agreement, where_it_fits
from speed.device_report import CTC_OF_ONE, IMAGES, ONE_CORE, STAGES, Report


def report(**changed: object) -> Report:
    """Of a made-up GPU: 600,000 images/s in float32, 1,200,000 in bfloat16, no memory for 4,096."""
    rates = {
        (stage, size, side): Runs((rate if size < 4096 else math.nan,))
        for side, rate in (("cuda float32", 6e5), ("cuda bfloat16", 1.2e6))
        for size in (1024, 4096)
        for stage in STAGES
    }
    rates |= {("solve", size, side): Runs((9_500.0,)) for _, size, side in rates}
    values: dict[str, object] = {
        "device": "a GPU",
        "model": "kaptcha",
        "flops": 50_000_000,
        "threads": 2,
        "calibration": {"cuda float32": (1024, 0.5)},
        "agreement": {"cuda float32": Agreement(8, 0, 1e-6), "cuda bfloat16": Agreement(8, 1, 0.01)},
        "decided": 0.995,
        "peak": {"float32": 6e13, "bfloat16": 6e14},
        "copying": 5e10,
        "rates": rates,
        "cpu": {IMAGES: Runs((10_000.0,)), ONE_CORE: Runs((6_000.0,)), CTC_OF_ONE: Runs((4e5,))},
    }
    return Report(**{**values, **changed})  # type: ignore[arg-type]


def test_the_report_tells_rates_shares_cores_and_goals() -> None:
    text = report().text()

    assert "kaptcha: 50 MFLOP an image; a matrix product reaches 60 TFLOP/s float32" in text
    assert "| cuda float32 | 1,024 | 600,000 | 50 % | 600,000 | 600,000 | 9,500 |" in text
    assert "| cuda bfloat16 | 1,024 | 1,200,000 | 10 % | 1,200,000 | 1,200,000 | 9,500 |" in text
    assert "| cuda float32 | 4,096 | no memory | - | no memory | no memory | 9,500 |" in text
    assert "at best 1,200,000 images/s (cuda bfloat16, 1,024 a batch); goal on one H200 1,000,000." in text
    assert "One thread decodes 6,000 images/s and 2 together 10,000: one GPU needs 200 such cores." in text
    assert "CTC decoding on the CPU instead would take 3 cores, at 400,000 items/s each." in text
    assert "`Solver.solve` reaches 0.95 of what its 2 threads decode; goal 0.9." in text
    assert "| cuda bfloat16 | 8 | 1 | 0.01 |" in text
    assert text.endswith("99.5 % of the images are decided where the log-probabilities are.")


@pytest.mark.parametrize(
    ("agreement", "differs"),
    [
        ({"cuda float32": Agreement(8, 0, 9e-5), "cuda bfloat16": Agreement(8, 3, 0.2)}, False),
        ({"cuda float32": Agreement(8, 1, 0.0)}, True),
        ({"torch float32": Agreement(8, 0, 2e-4)}, True),
    ],
)
def test_only_float32_has_to_answer_alike(agreement: dict[str, Agreement], differs: bool) -> None:
    assert report(agreement=agreement).differs is differs


def test_what_did_not_fit_is_left_out_of_the_json() -> None:
    told = json.loads(json.dumps(report().to_object(), allow_nan=False))

    assert {(it["stage"], it["size"]) for it in told["rates"] if it["size"] == 4096} == {("solve", 4096)}
    best = {"side": "cuda bfloat16", "size": 1024, "images_s": 1.2e6, "solve_over_images": 0.95}
    assert told["best"] == best


def test_a_measurement_without_memory_is_no_number_and_another_error_is_one() -> None:
    def small() -> float:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    def broken() -> float:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    assert math.isnan(where_it_fits(small)())
    assert where_it_fits(lambda: 3.0)() == 3.0
    with pytest.raises(RuntimeError, match=r"^CUDA error: an illegal memory access was encountered$"):
        where_it_fits(broken)()


def test_the_whole_of_it_runs_on_a_cpu(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "gpu.json"

    code = gpu.main(["--device", "cpu", "--quick", "--model", "nano", "--threads", "2", "--json", str(out)])

    printed = capsys.readouterr().out
    told = json.loads(out.read_text())
    assert code == 0, printed
    assert "no GPU, torch" in printed
    assert "these figures only show that the script works" in printed
    assert {(it["stage"], it["size"]) for it in told["rates"]} == {(stage, 8) for stage in STAGES}
    assert set(told["cpu"]) == {IMAGES, ONE_CORE, CTC_OF_ONE}
    assert set(told["agreement"]) == {"torch float32", "torch bfloat16"}
    assert told["agreement"]["torch float32"]["other_texts"] == 0


def test_a_profile_is_a_table_and_a_trace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace = tmp_path / "trace.json"
    quick = ["--device", "cpu", "--quick", "--model", "nano", "--precisions", "float32"]

    assert gpu.main([*quick, "--profile", str(trace)]) == 0

    assert "Self CPU time total" in capsys.readouterr().out
    assert json.loads(trace.read_text())["traceEvents"]


def test_without_a_gpu_one_sentence_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    assert gpu.main([]) == 2

    captured = capsys.readouterr()
    assert captured.err == (
        "gpu.py: there is no CUDA device here; run it on a machine with one, or see whether the script "
        "itself works: --device cpu --quick\n"
    )
    assert captured.out == ""


def test_without_images_one_sentence_says_where_they_should_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gpu, "DATA", tmp_path / "none")
    monkeypatch.setattr(gpu, "EXAMPLES", tmp_path)

    assert gpu.main(["--device", "cpu", "--quick"]) == 2

    assert capsys.readouterr().err == (
        f"gpu.py: no images in {tmp_path}; set CAPTCHAFLEET_DATA to the folder with captcha_images_v2/\n"
    )


@pytest.mark.gpu
def test_the_whole_of_it_runs_on_a_gpu(tmp_path: Path) -> None:
    assert gpu.main(["--quick", "--threads", "2", "--json", str(tmp_path / "gpu.json")]) == 0

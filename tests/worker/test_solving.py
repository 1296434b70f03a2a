"""From a batch to its answers: order, errors, and that one image costs one answer."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from model_zoo import solver as zoo
from model_zoo.constraints import Constraints
from model_zoo.errors import DeviceError
from model_zoo.preprocess import ImageLimits
from model_zoo.seen import TrainingImages
from worker import solving
from worker.contract import Answer, AnswerError, Batch, Candidate, ImageItem, JobOptions
from worker.settings import Settings
from worker.solving import (
    ConstraintError,
    DeviceLost,
    Lexicons,
    ZooError,
    card_facts,
    job_constraints,
    load,
    served_card,
    solve_batch,
)


@dataclass
class FakeSolver:
    """Reads b"cat" as "cat"; b"!..." raises, and so does a whole micro-batch with one of those in it."""

    trouble: type[Exception] = RuntimeError
    device = SimpleNamespace(type="cpu")
    training_images: TrainingImages | None = None
    calls: list[tuple[int, dict[str, Any]]] = field(default_factory=list)

    def solve(
        self, images: Sequence[bytes], constraints: Constraints, **options: Any
    ) -> list[zoo.Prediction]:
        self.calls.append((len(images), {"constraints": constraints, **options}))
        if any(data.startswith(b"!") for data in images):
            raise self.trouble("CUDA error: an illegal memory access")
        return [self.read(data) for data in images if data != b"lost"]

    def read(self, data: bytes) -> zoo.Prediction:
        if data.startswith(b"?"):
            error = zoo.ImageError(data[1:].decode(), "it ends before its data does")
            return zoo.Prediction(None, None, error=error)
        text = data.decode()
        candidates = (zoo.Candidate(text, 0.75), zoo.Candidate("x", 0.25))
        return zoo.Prediction(text, 0.75, candidates, proven=True, allowed_mass=0.5, probability_high=0.875)


def batch_of(*images: bytes) -> Batch:
    """A batch of these images, numbered from 7 on."""
    return Batch("j:7-9", "j", tuple(ImageItem(7 + n, data) for n, data in enumerate(images)))


def solve(solver: FakeSolver, *images: bytes, options: JobOptions | None = None) -> tuple[Answer, ...]:
    """The answers of a fake solver to these images."""
    options = options or JobOptions()
    constraints = job_constraints("j", options, Lexicons(lambda job: None))
    return solve_batch(batch_of(*images), options, constraints, solver, 32)  # type: ignore[arg-type]


def cat(number: int, text: str = "cat") -> Answer:
    """What the fake solver says of a readable image."""
    candidates = (Candidate(text, 0.75), Candidate("x", 0.25))
    return Answer(number, text, 0.75, candidates, None, True, 0.5, 0.875)


def test_answers_stand_in_the_order_of_the_images() -> None:
    assert solve(FakeSolver(), b"cat", b"dog", b"cow") == (cat(7), cat(8, "dog"), cat(9, "cow"))


def test_an_image_that_cannot_be_read_costs_its_own_answer() -> None:
    answers = solve(FakeSolver(), b"cat", b"?truncated", b"dog")

    broken = Answer(8, error=AnswerError("truncated", "it ends before its data does"))
    assert answers == (cat(7), broken, cat(9, "dog"))


def test_an_answer_says_whether_the_model_was_trained_on_the_file() -> None:
    known = TrainingImages.of(hashlib.sha256(data).hexdigest() for data in (b"cat", b"?truncated"))

    answers = solve(FakeSolver(training_images=known), b"cat", b"dog", b"?truncated", b"?corrupt")

    assert [answer.seen for answer in answers] == [True, False, True, False]
    assert [answer.text for answer in answers] == ["cat", "dog", None, None]


def test_a_batch_of_no_image_has_no_answer() -> None:
    assert solve(FakeSolver()) == ()


def test_the_jobs_options_reach_the_solver() -> None:
    solver = FakeSolver()

    asked = JobOptions("exact", 25, 3, ":digits:a", "4-6", "DDDD", "1.*", None, 5000, ignore_case=True)
    solve(solver, b"cat", options=asked)

    assert solver.calls == [
        (
            1,
            {
                "constraints": Constraints("0123456789a", 4, 6, "DDDD", "1.*", ignore_case=True),
                "decoder": "exact",
                "beam_width": 25,
                "n_best": 3,
                "micro_batch": 32,
                "limits": ImageLimits(max_bytes=5000),
            },
        )
    ]


TROUBLES = [
    RuntimeError,
    ValueError,
    ZeroDivisionError,
    IndexError,
    OSError,
    MemoryError,
    ZooError,
    TypeError,
]


@pytest.mark.parametrize("trouble", TROUBLES)
def test_one_image_that_raises_costs_one_answer(
    trouble: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    solver = FakeSolver(trouble)

    answers = solve(solver, b"cat", b"!bang", b"dog")

    message = f"the worker failed on this image with {trouble.__name__}: CUDA error: an illegal memory access"
    assert answers == (cat(7), Answer(8, error=AnswerError("worker_error", message)), cat(9, "dog"))
    assert [size for size, _ in solver.calls] == [3, 1, 1, 1]
    assert "batch j:7-9 failed as a whole; its images are now read one by one" in caplog.text
    assert "image 8 failed" in caplog.text


def test_a_message_without_end_is_cut() -> None:
    class VerboseError(RuntimeError):
        def __str__(self) -> str:
            return "x" * 10_000

    (answer,) = solve(FakeSolver(VerboseError), b"!")

    assert answer.error is not None
    assert len(answer.error.message) == 500


def test_a_solver_that_loses_an_image_loses_no_other(caplog: pytest.LogCaptureFixture) -> None:
    answers = solve(FakeSolver(), b"cat", b"lost", b"dog")

    assert [answer.text for answer in answers] == ["cat", None, "dog"]
    assert answers[1].error == AnswerError(
        "worker_error",
        "the worker failed on this image with ValueError: zip() argument 2 is shorter than argument 1",
    )


@pytest.mark.parametrize(
    "options",
    [JobOptions(charset=":kanji:"), JobOptions(length="none"), JobOptions(pattern=""), JobOptions(regex="(")],
    ids=["charset", "length", "pattern", "regex"],
)
def test_options_that_mean_nothing_are_the_batchs_error(options: JobOptions) -> None:
    solver = FakeSolver()

    with pytest.raises(ConstraintError):
        solve(solver, b"cat", options=options)
    assert solver.calls == []


def test_the_log_says_how_long_a_batch_took(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "worker.solving")

    solve(FakeSolver(), b"cat", b"dog")

    assert "batch j:7-9: 2 images in 0." in caplog.text


def test_the_served_card_is_found_without_loading_the_model() -> None:
    card = served_card(Settings())

    assert card.name == solving.DEFAULT_MODEL
    assert card_facts(card)["charset"] == card.charset


def test_an_unknown_model_is_refused_by_name() -> None:
    with pytest.raises(ZooError, match=r"^model 'crnn-9' is not in "):
        served_card(Settings(model="crnn-9"))


def test_a_loaded_model_has_read_one_blank_image(monkeypatch: pytest.MonkeyPatch) -> None:
    warm: list[Any] = []

    class Loaded(FakeSolver):
        card = served_card(Settings())

        def use_threads(self, threads: int) -> None:
            pass

        def solve(self, images: Sequence[Any], *_: Any, **__: Any) -> list[zoo.Prediction]:
            warm.extend(images)
            return []

    asked: list[tuple[object, ...]] = []

    def load_solver(*arguments: object) -> Loaded:
        asked.append(arguments)
        return Loaded()

    monkeypatch.setattr(zoo, "load_solver", load_solver)

    solver = load(Settings(device="cpu", precision="float32", runtime="torch"))

    assert asked == [(solving.DEFAULT_MODEL, "cpu", "float32", "torch")]
    assert [(image.shape, image.dtype) for image in warm] == [
        ((solver.card.height, solver.card.width), np.uint8)
    ]


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA error: an illegal memory access"),
        DeviceError("one image does not fit in the memory"),
    ],
    ids=["lost", "full"],
)
def test_a_device_that_answers_nothing_any_more_blames_no_image(error: Exception) -> None:
    class Lost(FakeSolver):
        card = served_card(Settings())
        device = SimpleNamespace(type="cuda")

        def solve(self, images: Sequence[Any], *_: Any, **__: Any) -> list[zoo.Prediction]:
            raise error

    with pytest.raises(DeviceLost, match=f"answers nothing any more: {error}$"):
        solve_batch(batch_of(b"cat"), JobOptions(), Constraints(), Lost(), None)  # type: ignore[arg-type]

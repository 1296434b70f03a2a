"""What augmentation does to images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace

import pytest
import torch

from model_zoo.training import lines, strokes
from model_zoo.training.augment import augment
from model_zoo.training.recipe import RECIPES, STILL, Augmentation

POST = RECIPES["post"].augmentation
# What decides whether, not how far.
CONDITIONS = {"rotation_probability", "lighting_probability", "padding"}
FULL = {"strokes": 1.0, "lines": 1.0}
STRENGTHS = [it.name for it in fields(Augmentation) if it.name not in CONDITIONS]


@pytest.fixture(autouse=True)
def small_banks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Banks that take no time to draw."""
    for module in (strokes, lines):
        monkeypatch.setattr(module, "BANK_SIZE", 20)
        module._bank.cache_clear()
    yield
    for module in (strokes, lines):
        module._bank.cache_clear()


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(4, 1, 50, 200, generator=torch.Generator().manual_seed(1))


def source() -> torch.Generator:
    return torch.Generator().manual_seed(2)


def test_an_augmentation_of_nothing_changes_nothing(images: torch.Tensor) -> None:
    assert torch.allclose(augment(images, STILL, source()), images, atol=1e-4)


@pytest.mark.parametrize("name", STRENGTHS)
def test_every_setting_does_something_of_its_own(images: torch.Tensor, name: str) -> None:
    setting = replace(STILL, **{name: getattr(Augmentation(), name) or getattr(POST, name) or FULL[name]})

    bent, again = (augment(images, setting, source()) for _ in range(2))

    assert bent.shape == images.shape
    assert torch.equal(bent, again)
    assert 0 <= bent.min() <= bent.max() <= 1
    assert not torch.allclose(bent, images, atol=1e-3)
    assert not torch.allclose(bent[0] - images[0], bent[1] - images[1], atol=1e-3)


def test_rotation_and_lighting_leave_the_share_alone_that_the_post_leaves_alone() -> None:
    images = torch.rand(400, 1, 8, 32, generator=torch.Generator().manual_seed(1))

    def changed(**setting: float) -> float:
        bent = augment(images, replace(STILL, **setting), source())  # type: ignore[arg-type]
        return ((bent - images).abs().amax((1, 2, 3)) > 1e-3).float().mean().item()

    assert changed(rotation_degrees=10, rotation_probability=0.5) == pytest.approx(0.5, abs=0.08)
    assert changed(logit_brightness=0.5, lighting_probability=0.8) == pytest.approx(0.8, abs=0.06)
    assert changed(logit_contrast=0.5, lighting_probability=0.8) == pytest.approx(0.8, abs=0.06)


def test_lighting_is_fastai_s_in_logits() -> None:
    """A grey value x becomes sigmoid(c * (logit(x) + logit(b))), b in 0.25..0.75 and c in 0.5..2."""
    grey = torch.full((500, 1, 4, 4), 0.7)
    odds = 0.7 / 0.3

    brighter = augment(grey, replace(STILL, logit_brightness=0.5), source()).amax((1, 2, 3))
    steeper = augment(grey, replace(STILL, logit_contrast=0.5), source()).amax((1, 2, 3))

    b = brighter / (1 - brighter) / odds  # the odds of b
    assert 1 / 3 - 1e-3 < b.min() < 0.36
    assert 2.8 < b.max() < 3 + 1e-3
    assert (b / (1 + b)).mean().item() == pytest.approx(0.5, abs=0.03), "uniform between 0.25 and 0.75"
    c = steeper.logit() / torch.tensor(0.7).logit()
    assert 0.5 - 1e-3 < c.min() < 0.52
    assert 1.95 < c.max() < 2 + 1e-3
    assert c.log().mean().item() == pytest.approx(0, abs=0.06), "uniform in the logarithm"


def test_beyond_the_edge_is_the_last_pixel_or_the_image_again() -> None:
    """A column of white at the left edge, shifted inwards, grows by repetition alone."""
    images = torch.zeros(8, 1, 8, 64)
    images[..., 0] = 1
    setting = replace(STILL, shift_x=0.4)

    repeated = augment(images, setting, source())
    reflected = augment(images, replace(setting, padding="reflection"), source())

    widths = [(it[:, 0, 4] > 0.5).sum(1).max().item() for it in (repeated, reflected)]
    assert widths[0] > 5
    assert widths[1] <= 2


@pytest.mark.parametrize(("paper", "text"), [(0.9, 0.2), (0.1, 0.7)], ids=["dark on light", "light on dark"])
def test_lines_have_the_greys_of_the_image_and_mostly_that_of_its_text(paper: float, text: float) -> None:
    images = torch.full((300, 1, 48, 192), paper)
    images[..., 10:40, 20:45] = text

    drawn = augment(images, replace(STILL, lines=1.0), source())

    least, most = sorted((paper, text))
    assert drawn.min() > least - 1e-3
    assert drawn.max() < most + 1e-3
    beside = drawn[..., 50:]  # where there was no text
    darkest = (beside - paper).abs().amax((1, 2, 3))
    like_text = (darkest > 0.95 * abs(text - paper)).float().mean().item()
    assert 0.4 < like_text < 0.75
    assert (darkest < 0.9 * abs(text - paper)).float().mean().item() > 0.15


def test_lines_leave_alone_the_share_that_they_are_not_wanted_on(images: torch.Tensor) -> None:
    many = images.repeat(100, 1, 1, 1)

    drawn = augment(many, replace(STILL, lines=0.5), source())

    changed = ((drawn - many).abs().amax((1, 2, 3)) > 1e-3).float().mean().item()
    assert 0.38 < changed < 0.58, "a few lines lie beyond the edge"


def test_a_line_covers_a_little_of_an_image() -> None:
    ink = lines._bank(48, 192).float() / 255

    assert ink.shape == (20, 1, 48, 192)
    covered = ink.mean((1, 2, 3))
    assert covered.max() < 0.15
    assert covered.median() > 0.003

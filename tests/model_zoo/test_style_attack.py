"""What an audit's readers begin with: no image of the audit, or it is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from auditing import some_samples
from click.testing import CliRunner

from model_zoo.cards import ModelCard, find_card
from model_zoo.cli import main
from model_zoo.seen import TrainingImages, with_list
from model_zoo.style.attack import Ours
from model_zoo.style.samples import Samples


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    return some_samples(tmp_path_factory.mktemp("attack") / "images")


def shipped() -> ModelCard:
    return find_card("generic").card


def test_the_shipped_start_has_seen_none_of_the_images(samples: Samples) -> None:
    assert Ours().knows_none_of(samples.files) is True


def test_a_start_without_a_list_of_its_images_is_told_from_one_that_has_seen_none(
    samples: Samples, own_zoo: Path
) -> None:
    card = replace(shipped(), training_images=None, training_images_sha256=None)
    (own_zoo / "generic.json").write_text(card.to_json())

    assert Ours().knows_none_of(samples.files) is False


def test_a_start_that_was_trained_on_the_images_is_refused(
    samples: Samples, own_zoo: Path, tmp_path: Path
) -> None:
    card = with_list(shipped(), TrainingImages.of(file.sha256 for file in samples.files[:7]), own_zoo)
    (own_zoo / "generic.json").write_text(card.to_json())

    done = CliRunner().invoke(main, ["audit", "--data", str(samples.folder), "--out", str(tmp_path / "out")])

    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == (
        f"Error: model 'generic' in {str(own_zoo)!r} was trained on 7 of the 120 images, so nobody would "
        "learn from the audit how it reads new ones; take it out of CAPTCHAFLEET_ZOO, which leaves the one "
        "that is shipped\n"
    )
    assert not (tmp_path / "out").exists()

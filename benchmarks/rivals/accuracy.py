"""How many of the same images each side reads right.

Of the others, each is asked in this run; none of them was trained here. `kaptcha` and `nano` were fitted to
all of captcha_images_v2, so on these images they have no figure of their own: theirs is out of fold, every
image read by a network of the same recipe that did not see it (docs/models.md), as `model-zoo
cross-validate` left it in docs/runs. The post's network is quoted from docs/runs as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from model_zoo.split import LabelledFile
from model_zoo.statistics import wilson_interval
from model_zoo.training.folds import read_answers

RUNS = Path(__file__).parent.parent.parent / "docs" / "runs"
OUT_OF_FOLD = "out of fold, the worst of its seeds"


@dataclass(frozen=True)
class Accuracy:
    """Exact match.

    Attributes:
        right: images read right.
        n: images.
        where: how it was measured.
    """

    right: int
    n: int
    where: str

    @property
    def value(self) -> float:
        """The share."""
        return self.right / self.n

    def to_object(self) -> dict[str, Any]:
        """For JSON, with the 95 % Wilson interval."""
        low, high = wilson_interval(self.right, self.n)
        return {**asdict(self), "value": self.value, "low": low, "high": high}


def out_of_fold(model: str, files: Sequence[LabelledFile], runs: Path = RUNS) -> Accuracy | None:
    """Of a shipped model on these very files; None where no run answered all of them.

    Args:
        model: its name.
        files: that it should have answered.
        runs: the folder of `MODEL-seed-N.csv`.
    """
    labels = {file.path.name: file.label for file in files}
    found = []
    for path in sorted(runs.glob(f"{model}-seed-*.csv")):
        texts = {it.file: it.text for it in read_answers(path)}
        if labels.keys() <= texts.keys():
            found.append(sum(texts[name] == label for name, label in labels.items()))
    return Accuracy(min(found), len(labels), OUT_OF_FOLD) if found else None


def as_it_comes(texts: Sequence[str], files: Sequence[LabelledFile]) -> Accuracy:
    """Of a reader's texts."""
    right = sum(text == file.label for text, file in zip(texts, files, strict=True))
    return Accuracy(right, len(files), "as it comes")


def told(texts: Sequence[str], files: Sequence[LabelledFile]) -> Accuracy:
    """The same for a user who knows the characters: case is folded, all others are left out.

    It is what `set_ranges` of ddddocr does, and any user of a reader without such an option can do by hand.
    """
    known = {char for file in files for char in file.label}
    kept = ["".join(char for char in text.lower() if char in known) for text in texts]
    right = sum(text == file.label for text, file in zip(kept, files, strict=True))
    return Accuracy(right, len(files), "told the characters")

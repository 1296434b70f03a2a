"""Labels that are probably wrong: what the network surely reads otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import torch
from torch import nn

from model_zoo.charset import Charset
from model_zoo.constraints import Constraints
from model_zoo.decode import decode
from model_zoo.figures import edits_of
from model_zoo.style.figures import ABLE, SURE, is_altogether_other
from model_zoo.style.looked_at import Inputs
from model_zoo.style.tuned import Suspect
from model_zoo.training.data import Normalisation
from model_zoo.training.losses import ctc_losses
from model_zoo.training.metrics import best_paths, log_probs

# Of its occurrences a network reads this share of a character, or it cannot accuse a label that says it
# (confident learning, Northcutt et al., 2021, arXiv:1911.00068, asks for what is usual of each class).
_KNOWN = 0.8

# Of a label with at least half of its characters wrong one need not be sure what the text is: that it is far
# less probable than the reading is enough.
_LESS_PROBABLE = 1_000

# While a round is on, few of what is read otherwise is wrongly labelled, most is not yet learnt. Labels with
# a character or two wrong are only doubted once nearly all else is read.
_NEARLY_ALL = 0.95

_LOOK_AFTER = 3  # images trained on for each that is read: a look takes a third as long, so a tenth on top

# Of more training images a part is looked at, chosen by their sha256 and so always the same: this takes
# time after every round that got better, and training itself takes no more of them an epoch.
MOST_TRAINING = 4_096


def looked_at(inputs: Inputs) -> int:
    """How many images `find_suspects` reads."""
    return min(MOST_TRAINING, len(inputs.training_files)) + len(inputs.validation_files)


def is_to_look(epoch: int, size: int, inputs: Inputs) -> bool:
    """Whether to look for wrong labels before an epoch of a round: the first, and then every so many images.

    Args:
        epoch: 0 and up.
        size: images of each epoch.
        inputs: that `find_suspects` reads.
    """
    often = _LOOK_AFTER * looked_at(inputs)
    return not epoch or epoch * size // often > (epoch - 1) * size // often


def find_suspects(
    network: nn.Module, inputs: Inputs, normalise: Normalisation, *, early: bool = False
) -> tuple[Suspect, ...]:
    """The training and validation images whose label the network surely reads otherwise, surest first.

    Of more than `MOST_TRAINING` training images a part is looked at. They count as well: wrong labels
    contradict what all others teach and are learnt last (Arpit et al., 2017, A closer look at memorization in
    deep networks, arXiv:1706.05394). A round is long enough to learn a few of them by heart all the same, so
    one has to ask before that, and not train on what is suspected until then.

    Args:
        network: after a round of training, or during it.
        inputs: its images.
        normalise: what it expects.
        early: during a round; fewer labels are doubted then.
    """
    numbers = sorted(range(len(inputs.training_files)), key=lambda n: inputs.training_files[n].sha256)
    numbers = sorted(numbers[:MOST_TRAINING])
    files = (*(inputs.training_files[n] for n in numbers), *inputs.validation_files)
    pixels = inputs.training.pixels[numbers]
    if inputs.validation is not None:
        pixels = torch.cat((pixels, inputs.validation.pixels))
    frames = log_probs(network, pixels, normalise)
    answers = best_paths(frames, inputs.charset)
    otherwise = [n for n, file in enumerate(files) if answers[n] != file.label]
    if not otherwise:
        return ()
    # The exact decoder takes longer than the network: only what the best path reads otherwise is worth it.
    constraints = Constraints(min_length=inputs.length[0], max_length=inputs.length[1])
    found = decode(frames[otherwise], inputs.charset, constraints)
    for n, item in zip(otherwise, found, strict=True):
        answers[n] = item.text
    wrong = {
        n: Suspect(files[n], item.text, item.probability)
        for n, item in zip(otherwise, found, strict=True)
        if item.text != files[n].label
    }
    able = 1 - len(wrong) / len(files)
    if not wrong or able < ABLE:
        return ()
    known = _known([file.label for file in files], answers)
    odds = _odds(frames[list(wrong)], list(wrong.values()), inputs.charset)
    doubted = [
        it
        for it, times in zip(wrong.values(), odds, strict=True)
        if (it.probability >= SURE and _characters(it) <= known and not (early and able < _NEARLY_ALL))
        or (times >= _LESS_PROBABLE and is_altogether_other(it.file.label, it.reading))
    ]
    return tuple(sorted(doubted, key=lambda it: (-it.probability, str(it.file.path))))


def _odds(frames: torch.Tensor, wrong: Sequence[Suspect], charset: Charset) -> list[float]:
    """How many times as probable as its label each reading is; frames are (N, T, C)."""
    labels, readings = [it.file.label for it in wrong], [it.reading for it in wrong]
    more = ctc_losses(frames, labels, charset) - ctc_losses(frames, readings, charset)
    odds: list[float] = more.exp().tolist()
    return odds


def _known(labels: Sequence[str], answers: Sequence[str]) -> set[str]:
    """The characters that are mostly read where they stand."""
    occurrences = Counter(char for label in labels for char in label)
    missed = Counter(
        expected
        for label, answer in zip(labels, answers, strict=True)
        if label != answer
        for _, expected, _ in edits_of(label, answer)
    )
    return {char for char, n in occurrences.items() if missed[char] <= (1 - _KNOWN) * n}


def _characters(suspect: Suspect) -> set[str]:
    """What the label says and the reading does not, and the other way round."""
    edits = edits_of(suspect.file.label, suspect.reading)
    return {char for _, expected, given in edits for char in (expected, given) if char}

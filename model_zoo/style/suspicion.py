"""Labels that are probably wrong: what the network surely reads otherwise."""

from __future__ import annotations

import torch
from torch import nn

from model_zoo.constraints import Constraints
from model_zoo.decode import decode
from model_zoo.style.looked_at import Inputs
from model_zoo.style.tuned import Suspect
from model_zoo.training.data import Normalisation
from model_zoo.training.metrics import log_probs

SURE = 0.9  # probability of a reading that is taken for right against its label

# A network that reads fewer than this share of its images cannot accuse a label.
_ABLE = 0.7

# Of more training images a part is looked at, chosen by their sha256 and so always the same: this takes
# time after every round that got better, and training itself takes no more of them an epoch.
MOST_TRAINING = 4_096


def looked_at(inputs: Inputs) -> int:
    """How many images `find_suspects` reads."""
    return min(MOST_TRAINING, len(inputs.training_files)) + len(inputs.validation_files)


def find_suspects(network: nn.Module, inputs: Inputs, normalise: Normalisation) -> tuple[Suspect, ...]:
    """The training and validation images whose label the network surely reads otherwise, surest first.

    Of more than `MOST_TRAINING` training images a part is looked at. They count as well: augmented anew every
    time and few in number, wrong labels contradict what all others teach and are learnt last (Arpit et al.,
    2017, A closer look at memorization in deep networks, arXiv:1706.05394).

    Args:
        network: after a round of training.
        inputs: its images.
        normalise: what it expects.
    """
    numbers = sorted(range(len(inputs.training_files)), key=lambda n: inputs.training_files[n].sha256)
    numbers = sorted(numbers[:MOST_TRAINING])
    files = (*(inputs.training_files[n] for n in numbers), *inputs.validation_files)
    pixels = inputs.training.pixels[numbers]
    if inputs.validation is not None:
        pixels = torch.cat((pixels, inputs.validation.pixels))
    constraints = Constraints(min_length=inputs.length[0], max_length=inputs.length[1])
    found = decode(log_probs(network, pixels, normalise), inputs.charset, constraints)
    wrong = [
        Suspect(file, item.text, item.probability)
        for file, item in zip(files, found, strict=True)
        if item.text != file.label
    ]
    if len(wrong) > (1 - _ABLE) * len(files):
        return ()
    return tuple(
        sorted(
            (it for it in wrong if it.probability >= SURE),
            key=lambda it: (-it.probability, str(it.file.path)),
        )
    )

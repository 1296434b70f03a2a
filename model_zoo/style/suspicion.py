"""Labels that are probably wrong: what the network surely reads otherwise."""

from __future__ import annotations

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


def find_suspects(network: nn.Module, inputs: Inputs, normalise: Normalisation) -> tuple[Suspect, ...]:
    """The training and validation images whose label the network surely reads otherwise, surest first.

    Training images count as well: augmented anew every time and few in number, wrong labels contradict what
    all others teach and are learnt last (Arpit et al., 2017, A closer look at memorization in deep networks,
    arXiv:1706.05394).

    Args:
        network: after a round of training.
        inputs: its images.
        normalise: what it expects.
    """
    images = inputs.training if inputs.validation is None else inputs.training + inputs.validation
    constraints = Constraints(min_length=inputs.length[0], max_length=inputs.length[1])
    found = decode(log_probs(network, images.pixels, normalise), inputs.charset, constraints)
    wrong = [
        Suspect(file, item.text, item.probability)
        for file, item in zip(inputs.files, found, strict=True)
        if item.text != file.label
    ]
    if len(wrong) > (1 - _ABLE) * len(images):
        return ()
    return tuple(
        sorted(
            (it for it in wrong if it.probability >= SURE),
            key=lambda it: (-it.probability, str(it.file.path)),
        )
    )

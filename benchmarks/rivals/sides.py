"""Which readers there are, and in which settings each is tried. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass

from decoders.environments import DDDDOCR, RAPIDOCR
from decoders.sides import OURS


@dataclass(frozen=True)
class Rival:
    """One reader.

    Attributes:
        name: as tables and options call it.
        environment: of `decoders.environments`.
        module: in this package; its `make(variant, threads)` gives the reader.
        variant: which of the module's readers.
        what: it is, in one sentence.
        is_peer: whether somebody would run it instead of ours; else it is a part of ours.
    """

    name: str
    environment: str
    module: str
    variant: str
    what: str
    is_peer: bool = True


@dataclass(frozen=True)
class Setting:
    """How a reader is spread over the cores.

    Attributes:
        processes: of it, each with its share of the files.
        threads: of each one's network; None leaves that to its library.
    """

    processes: int
    threads: int | None

    def __str__(self) -> str:
        return f"{self.processes} x {'default' if self.threads is None else self.threads}"


def settings(cores: int) -> tuple[Setting, ...]:
    """Those that a user would try: one process with all cores, one a core, and both left to the library."""
    tried = (Setting(1, cores), Setting(1, None), Setting(cores, 1), Setting(cores, None))
    return tuple(dict.fromkeys(tried))


RIVALS = (
    Rival(
        "ddddocr",
        DDDDOCR,
        "ddddocr_reader",
        "default",
        "`DdddOcr(show_ad=False).classification(bytes)`: the network that it takes by itself",
    ),
    Rival("ddddocr beta", DDDDOCR, "ddddocr_reader", "beta", "the same with `beta=True`: its other network"),
    Rival(
        "RapidOCR",
        RAPIDOCR,
        "rapidocr_reader",
        "line",
        "`RapidOCR()(bytes, use_det=False, use_cls=False)`: PP-OCRv4, the image taken for one line of text; "
        "looking for the text first, as it does by itself, takes many times as long",
    ),
    Rival(
        "the post's pipeline",
        OURS,
        "post_reader",
        "post",
        'of "From CNN to CRNN" (2022): resnet34 CRNN, one image a forward pass, beam search in Python',
    ),
)

# How many files our image decoding alone reads: no reader of files gets past it.
DECODING = Rival(
    "image decoding alone",
    OURS,
    "decoding_reader",
    "decoding",
    "files to grey pixels of the model's size, as a worker does it, and nothing else",
    is_peer=False,
)

# Looked at and not run; the reason stands in the tables.
NOT_RUN = {
    "EasyOCR 1.7.2": "its weights are not on PyPI: the wheel has none, and fetches them from GitHub",
    "docTR 1.1.0": "its weights are not on PyPI: the wheel has none, and fetches them from a host of its own",
}


def rival(name: str) -> Rival:
    """The reader of that name.

    Raises:
        ValueError: there is none; the message names those that there are.
    """
    for it in (*RIVALS, DECODING):
        if it.name == name:
            return it
    raise ValueError(f"reader {name!r} is unknown; give one of {', '.join(it.name for it in RIVALS)}")

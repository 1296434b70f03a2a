"""What a job is asked for, and what is refused before anything is started."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from glob import escape, glob
from pathlib import Path

from model_zoo.errors import ConstraintError
from model_zoo.lexicon import Lexicon, read_lexicon
from producer.errors import UsageError
from producer.fleet import split_model
from producer.labels import LabelSource, parse_labels_option
from producer.levels import PRIORITIES
from producer.manifest import BatchLimits
from producer.reading import check_decoder, texts_of
from worker.contract import JobOptions

WEIGHTS = ".safetensors"  # the file beside a card, which some name in its place


@dataclass(frozen=True)
class Transport:
    """How a job travels; asked for anew by every submit and resume.

    Attributes:
        broker: URL with its password; None for the embedded default.
        wait_s: patience with an absent worker or broker.
        max_in_flight_bytes: that outstanding images may take in Redis at most.
        job_ttl_s: how long Redis keeps the job without a word from its producer.
    """

    broker: str | None = None
    wait_s: float = 60.0
    max_in_flight_bytes: int = 64 * 2**20
    job_ttl_s: int = 7 * 86400


@dataclass(frozen=True)
class SubmitRequest:
    """What `submit` is asked for.

    Attributes:
        directory: of the images.
        run_dir: where the job's files go; None for runs/JOB in the working directory.
        from_list: a file with the names to send; None for all of the directory.
        model: NAME, NAME@FINGERPRINT, or with the embedded default a path; None for the default.
        labels: `stem`, `none` or a CSV file.
        ignore_case: read upper and lower case as one, and compare labels and answers without case.
        options: how images are read; its `ignore_case` is the one above, its lexicon that of the next field.
        lexicon: a file of the words that an answer may be.
        unconstrained: leave the constraints of the model's card out.
        limits: how much travels together.
        min_probability: answers below it are unsure; None: all are sure.
        priority: `high`, `normal` or `low`: whose batches go first where several jobs wait for a model.
    """

    directory: Path
    run_dir: Path | None = None
    from_list: str | None = None
    model: str | None = None
    labels: str = "stem"
    ignore_case: bool = False
    options: JobOptions = field(default_factory=JobOptions)
    lexicon: Path | None = None
    unconstrained: bool = False
    limits: BatchLimits = field(default_factory=BatchLimits)
    min_probability: float | None = None
    priority: str = "normal"


@dataclass(frozen=True)
class Checked:
    """A request that nothing is wrong with, and its files, read now: they may change while the job runs.

    Attributes:
        request: with what it says of case, and the lexicon's digest, among its options.
        labels: what the images should read.
        lexicon: the words that an answer may be; None without a lexicon.
    """

    request: SubmitRequest
    labels: LabelSource
    lexicon: Lexicon | None = None


def check(request: SubmitRequest, transport: Transport) -> Checked:
    """Refuse early what needs no worker to be refused.

    Raises:
        UsageError: options that mean nothing or contradict each other, labels or a lexicon that cannot be
            read, no such directory.
    """
    try:
        texts_of(request.options).parse()
        lexicon = None if request.lexicon is None else read_lexicon(request.lexicon)
    except ConstraintError as error:
        raise UsageError(str(error)) from error
    options = replace(request.options, ignore_case=request.ignore_case)
    if lexicon is not None:
        options = replace(options, lexicon=lexicon.digest)
    request = replace(request, options=options)
    check_decoder(request.options)
    labels = parse_labels_option(request.labels)
    if request.priority not in PRIORITIES:
        raise UsageError(f"priority {request.priority!r} is none of {', '.join(PRIORITIES)}")
    if not request.directory.is_dir():
        raise UsageError(f"{request.directory} is not a directory; name a folder of images")
    if transport.broker is None:
        request = replace(request, model=_as_path(request.model))
    if is_path(request.model):
        if transport.broker is not None:
            raise UsageError(
                f"model {request.model!r} is a path, which only the embedded default can load; "
                "give the NAME that the workers of this broker serve"
            )
        if str(request.model).endswith(WEIGHTS):
            card = str(request.model).removesuffix(WEIGHTS) + ".json"
            raise UsageError(f"model {request.model!r} is weights alone; give its card, {card}")
    elif request.model is not None:
        split_model(request.model)
    return Checked(request, labels, lexicon)


def _as_path(model: str | None) -> str | None:
    """The same, but a folder of cards in its short form (`zoo`) as a path, for it is no name of a model."""
    if model is None or is_path(model) or not glob(os.path.join(escape(model), "*.json")):
        return model
    return os.path.join(os.curdir, model)


def is_path(model: str | None) -> bool:
    """Whether `--model` names a file or folder rather than a model that workers serve."""
    return model is not None and (os.sep in model or model.endswith((".json", WEIGHTS)))

"""What a job is asked for, and what is refused before anything is started."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from model_zoo.constraints import parse_constraints
from model_zoo.errors import ConstraintError
from producer.errors import UsageError
from producer.fleet import split_model
from producer.labels import LabelSource, parse_labels_option
from producer.manifest import BatchLimits
from worker.contract import JobOptions


@dataclass(frozen=True)
class Transport:
    """How a job travels; asked for anew by every submit and resume.

    Attributes:
        broker: URL with its password; None for the embedded default.
        wait_s: patience with an absent worker or broker.
        max_in_flight_bytes: bytes of images outstanding at most.
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
        ignore_case: compare labels and answers without case.
        options: how images are read.
        limits: how much travels together.
    """

    directory: Path
    run_dir: Path | None = None
    from_list: str | None = None
    model: str | None = None
    labels: str = "stem"
    ignore_case: bool = False
    options: JobOptions = field(default_factory=JobOptions)
    limits: BatchLimits = field(default_factory=BatchLimits)


def check(request: SubmitRequest, transport: Transport) -> LabelSource:
    """Refuse early what needs no worker to be refused.

    Returns:
        The labels, read now: their file may change while the job runs.

    Raises:
        UsageError: options that contradict each other, labels that cannot be read, no such directory.
    """
    options = request.options
    try:
        constraints = parse_constraints(options.charset, options.length)
    except ConstraintError as error:
        raise UsageError(str(error)) from error
    if options.decoder == "greedy" and (constraints.limits_length or options.n_best > 1):
        raise UsageError(
            "--length and --n-best need --decoder beam; greedy decoding knows one reading of any length"
        )
    if options.n_best > options.beam_width:
        raise UsageError(
            f"--n-best {options.n_best} is more than --beam-width {options.beam_width}; "
            "a beam holds no more readings"
        )
    labels = parse_labels_option(request.labels)
    if not request.directory.is_dir():
        raise UsageError(f"{request.directory} is not a directory; name a folder of images")
    if is_path(request.model):
        if transport.broker is not None:
            raise UsageError(
                f"model {request.model!r} is a path, which only the embedded default can load; "
                "give the NAME that the workers of this broker serve"
            )
    elif request.model is not None:
        split_model(request.model)
    return labels


def is_path(model: str | None) -> bool:
    """Whether `--model` names a file or folder rather than a model that workers serve."""
    return model is not None and (os.sep in model or model.endswith(".json"))

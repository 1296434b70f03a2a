"""A job from end to end, for the CLI and for Python: `submit` a directory, `resume` a run folder."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from model_zoo.errors import ConstraintError
from model_zoo.lexicon import Lexicon, read_lexicon
from producer.broker import open_broker
from producer.display import Display
from producer.errors import BrokerUnreachable, Interrupted, UsageError
from producer.image_files import read_image_file
from producer.images import FoundImage, Skipped, find_images, find_listed
from producer.labels import parse_labels_option
from producer.manifest import LexiconFile, Request, read_facts, write_manifest
from producer.name_list import read_list
from producer.report.summary import RunSummary
from producer.report.whole import write_whole
from producer.request import Checked, SubmitRequest, Transport, check, is_path
from producer.results import Journal
from producer.run_folder import RunFolder, new_job_id
from producer.session import JobFiles, Session, report
from worker.contract import AnswerError

# One line or a few about the images of a folder, shown in every report on it ("synthetic images").
NOTE_FILE = "captchafleet.note"
_MAX_NOTE_BYTES = 2000


def submit(request: SubmitRequest, transport: Transport, display: Display) -> RunSummary:
    """Read a directory's images and measure how well that went; the run folder then holds everything.

    Raises:
        UsageError: what was asked cannot be done; nothing is left behind.
        BrokerUnreachable: no broker, or no worker that serves the model; then `resume` may go on.
        Interrupted: stopped before the end; `resume` goes on.
    """
    started = time.monotonic()
    checked = check(request, transport)
    job = _job(checked)
    with RunFolder.create(request.run_dir or Path("runs") / job.job) as folder:
        try:
            with open_broker(job.model, transport, folder.worker_log, display) as broker:
                _keep_lexicon(checked.lexicon, folder)
                _scan(job, folder, display)
                files = JobFiles(checked.labels, checked.lexicon)
                return Session(folder, broker, transport, display, files, started).carry_out()
        except (UsageError, BrokerUnreachable) as error:
            # Kept once anything was sent, and where the scan is done and a worker may still come.
            scanned = folder.manifest.exists()
            if not folder.results.exists() and (isinstance(error, UsageError) or not scanned):
                folder.discard()
            raise


def resume(path: Path, transport: Transport, display: Display) -> RunSummary:
    """Go on with a job, from its scan if that was cut short: send what has no answer, then measure the whole.

    Raises:
        UsageError: no job there, or its labels or its lexicon cannot be read.
        BrokerUnreachable, Interrupted: as for `submit`.
    """
    started = time.monotonic()
    with RunFolder.existing(path) as folder:
        display.run_dir = path
        facts = read_facts(folder.manifest)
        job = facts.request
        if facts.images is None and job.from_list == "-":
            raise UsageError(
                "the list of this job came by standard input and its scan was cut short; submit it again"
            )
        labels = parse_labels_option(job.labels)
        if facts.images is not None and _n_answered(folder) == facts.images:
            display.note("every image has its answer already; only the report is made again")
            return report(folder, labels)
        files = JobFiles(labels, _kept_lexicon(job, folder))
        model = job.model
        if facts.model is not None and not is_path(model):
            model = f"{facts.model['name']}@{facts.model['fingerprint']}"
        with open_broker(model, transport, folder.worker_log, display) as broker:
            if facts.images is None:
                _scan(job, folder, display)
            return Session(folder, broker, transport, display, files, started).carry_out()


def _keep_lexicon(lexicon: Lexicon | None, folder: RunFolder) -> None:
    """A copy for `resume`: the user's file may change, or go."""
    if lexicon is None:
        return
    try:
        write_whole(folder.lexicon, lexicon.text() + "\n")
    except OSError as error:
        raise Interrupted(f"{folder.lexicon} cannot be written: {error.strerror}") from error


def _kept_lexicon(job: Request, folder: RunFolder) -> Lexicon | None:
    """The lexicon of a job that was begun. Raises UsageError where the copy is gone, or not what was sent."""
    if job.options.lexicon is None:
        return None
    try:
        lexicon = read_lexicon(folder.lexicon)
    except ConstraintError as error:
        raise UsageError(f"the job cannot go on without its words: {error}; submit it anew") from error
    if lexicon.digest != job.options.lexicon:
        raise UsageError(
            f"{folder.lexicon} was changed since the job was submitted, and its answers would no longer fit "
            "together; submit it anew"
        )
    return lexicon


def _n_answered(folder: RunFolder) -> int:
    if not folder.results.exists():
        return 0
    with Journal(folder.results) as journal:
        return journal.n_answered


def _job(checked: Checked) -> Request:
    request, lexicon = checked.request, checked.lexicon
    labels, from_list = request.labels, request.from_list
    source = None
    if lexicon is not None:
        source = LexiconFile(os.path.abspath(str(request.lexicon)), len(lexicon.words))
    return Request(
        job=new_job_id(),
        directory=os.path.realpath(request.directory),
        model=os.path.abspath(request.model) if request.model and is_path(request.model) else request.model,
        options=request.options,
        labels=labels if labels in ("stem", "none") else os.path.abspath(labels),
        ignore_case=request.ignore_case,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        notes=_notes(request.directory),
        from_list=from_list if from_list in (None, "-") else os.path.abspath(from_list),
        limits=request.limits,
        lexicon=source,
        unconstrained=request.unconstrained,
        min_probability=request.min_probability,
        priority=request.priority,
    )


def _scan(job: Request, folder: RunFolder, display: Display) -> None:
    directory = Path(job.directory)
    found: Iterator[FoundImage | Skipped]
    if job.from_list is None:
        found = find_images(directory, folder.path)
    else:
        found = find_listed(directory, read_list(job.from_list), folder.path)
    display.run_dir = folder.path
    wanted = (item for item in found if item.file != NOTE_FILE)
    first = next(wanted, None)
    if first is None:
        raise UsageError(f"{directory} holds no file; name a folder of images")
    images = 0
    try:
        with display.busy("scanning") as show:
            for images in write_manifest(folder.manifest, job, chain([first], wanted)):
                if images % 1000 == 0:
                    show(f"scanning: {images:,} images")
    except OSError as error:
        raise Interrupted(f"{folder.manifest} cannot be written: {error.strerror}") from error
    if not images:
        raise UsageError(
            f"{directory} holds no image (PNG, JPEG, GIF, BMP or WebP); its first file is "
            f"{first.file!r}: name a folder of images"
        )


def _notes(directory: Path) -> tuple[str, ...]:
    # Read like an image: what a link out of the directory leads to must not stand in a report that is mailed.
    data = read_image_file(os.path.realpath(directory), NOTE_FILE, _MAX_NOTE_BYTES)
    if isinstance(data, AnswerError):
        return ()
    return tuple(line.strip() for line in data.decode(errors="replace").splitlines() if line.strip())

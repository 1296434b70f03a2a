"""A job from end to end, for the CLI and for Python: `submit` a directory, `resume` a run folder."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from producer import manifest
from producer.broker import open_broker
from producer.display import Display
from producer.errors import BrokerUnreachable, UsageError
from producer.images import FoundImage, Skipped, find_images, find_listed, read_list
from producer.manifest import Request, append_line, read_facts
from producer.report.summary import RunSummary
from producer.request import SubmitRequest, Transport, check, is_path
from producer.results import Journal
from producer.run_folder import RunFolder, new_job_id
from producer.session import Session, report
from producer.summary import killed_session

# One line or a few about the images of a folder, shown in every report on it ("synthetic images").
NOTE_FILE = "captchafleet.note"


def submit(request: SubmitRequest, transport: Transport, display: Display) -> RunSummary:
    """Read a directory's images and measure how well that went; the run folder then holds everything.

    Raises:
        UsageError: what was asked cannot be done; nothing is left behind.
        BrokerUnreachable: no broker, or no worker that serves the model; then `resume` may go on.
        Interrupted: stopped before the end; `resume` goes on.
    """
    started = time.monotonic()
    check(request, transport)
    job_id = new_job_id()
    with RunFolder.create(request.run_dir or Path("runs") / job_id) as folder:
        try:
            with open_broker(request.model, transport, folder.worker_log, display) as broker:
                _scan(request, job_id, folder, display)
                return Session(folder, broker, transport, display, started).carry_out()
        except (UsageError, BrokerUnreachable) as error:
            # Kept only where the scan is done and a worker may still come.
            if isinstance(error, UsageError) or display.run_dir is None:
                folder.discard()
            raise


def resume(path: Path, transport: Transport, display: Display) -> RunSummary:
    """Go on with a job: send what has no answer, then measure the whole.

    Raises:
        UsageError: no job there, or one whose scan was cut short.
        BrokerUnreachable, Interrupted: as for `submit`.
    """
    started = time.monotonic()
    with RunFolder.existing(path) as folder:
        display.run_dir = path
        facts = read_facts(folder.manifest)
        if facts.images is None:
            raise UsageError(f"the scan of {path} was cut short and nothing was sent; submit it again")
        if (killed := killed_session(facts, folder)) is not None:
            append_line(folder.manifest, "session_end", number=killed[0], seconds=killed[1], workers={})
        with Journal(folder.results) as journal:
            complete = journal.n_answered == facts.images
        if complete:
            display.note("every image has its answer already; only the report is made again")
            return report(folder)
        model = facts.request.model
        if facts.model is not None and not is_path(model):
            model = f"{facts.model['name']}@{facts.model['fingerprint']}"
        with open_broker(model, transport, folder.worker_log, display) as broker:
            return Session(folder, broker, transport, display, started).carry_out()


def _scan(request: SubmitRequest, job_id: str, folder: RunFolder, display: Display) -> None:
    directory = request.directory.resolve()
    found: Iterator[FoundImage | Skipped]
    if request.from_list is None:
        found = find_images(directory, folder.path)
    else:
        found = find_listed(directory, read_list(request.from_list))
    labels = request.labels
    job = Request(
        job=job_id,
        directory=os.fspath(directory),
        model=os.path.abspath(request.model) if request.model and is_path(request.model) else request.model,
        options=request.options,
        labels=labels if labels in ("stem", "none") else os.path.abspath(labels),
        ignore_case=request.ignore_case,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        notes=_notes(directory),
    )
    wanted = (item for item in found if item.file != NOTE_FILE)
    first = next(wanted, None)
    if first is None:
        raise UsageError(f"{request.directory} holds no file; name a folder of images")
    images = 0
    with display.busy("scanning") as show:
        for images in manifest.write_manifest(folder.manifest, job, chain([first], wanted), request.limits):
            if images % 1000 == 0:
                show(f"scanning: {images:,} images")
    if not images:
        raise UsageError(
            f"{request.directory} holds no image (PNG, JPEG, GIF, BMP or WebP); its first file is "
            f"{first.file!r}: name a folder of images"
        )


def _notes(directory: Path) -> tuple[str, ...]:
    path = directory / NOTE_FILE
    if not path.is_file():
        return ()
    text = path.read_text(encoding="utf-8", errors="replace")[:1000]
    return tuple(line.strip() for line in text.splitlines() if line.strip())

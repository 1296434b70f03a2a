"""The run folder: where a job lives on the producer's disk, and the lock that keeps a second producer out."""

from __future__ import annotations

import fcntl
import os
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from producer import manifest
from producer.errors import UsageError


def new_job_id() -> str:
    """When the job began, in UTC, and six random digits: sortable, and unique across producers."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


class RunFolder:
    """A run folder, held by one producer at a time, as a context manager.

    Raises:
        UsageError: on entering, where another producer holds it or it cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.manifest = path / manifest.FILE_NAME
        self.results = path / "results.jsonl"
        self.lexicon = path / "lexicon.txt"
        self.report_json = path / "report.json"
        self.report_html = path / "report.html"
        self.worker_log = path / "worker.log"
        # All that a job writes.
        self.files = (
            self.manifest,
            self.results,
            self.lexicon,
            self.report_json,
            self.report_html,
            self.worker_log,
        )
        self._lock: IO[bytes] | None = None

    @classmethod
    def create(cls, path: Path) -> RunFolder:
        """A run folder for a new job; one that is not there yet is made readable by its owner alone.

        Raises:
            UsageError: it holds a job already, or cannot be made.
        """
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"the run folder {path} cannot be made: {error.strerror}") from error
        if (path / manifest.FILE_NAME).exists():
            raise UsageError(
                f"the run folder {path} holds a job already; go on with it by `producer resume {path}`, "
                "or name another with --run-dir"
            )
        folder = cls(path)
        if taken := [file.name for file in folder.files if file.exists()]:
            raise UsageError(
                f"the run folder {path} holds {', '.join(taken)} already, which a job would write; "
                "name another with --run-dir"
            )
        return folder

    @classmethod
    def existing(cls, path: Path) -> RunFolder:
        """The run folder of a job. Raises UsageError where there is no manifest."""
        if not (path / manifest.FILE_NAME).is_file():
            raise UsageError(f"{path} holds no {manifest.FILE_NAME}; name a run folder of `producer submit`")
        return cls(path)

    def __enter__(self) -> RunFolder:
        try:
            self._lock = (self.path / ".lock").open("wb")
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                self._lock.close()
                raise
        except BlockingIOError as error:
            raise UsageError(
                f"another producer works in {self.path}; wait for it, or stop it first"
            ) from error
        except OSError as error:
            raise UsageError(f"the run folder {self.path} cannot be written: {error.strerror}") from error
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            self._lock.close()

    def discard(self) -> None:
        """Take back a folder from `create` in which nothing was sent; what is not ours stays."""
        for path in (*self.files, self.path / ".lock"):
            path.unlink(missing_ok=True)
        if not os.listdir(self.path):
            self.path.rmdir()

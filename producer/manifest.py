"""The manifest: what a job is, written to disk before anything is sent, and only appended to.

manifest.jsonl holds one JSON object a line, told apart by `type`:

    job      the request: id, directory, options, labels; always the first line
    image    an image: its number, file, size, and an error that is known already
    skipped  a file that is no image, with the reason
    batch    a range of images that travels together; cut once, so that its id means the same after a resume
    end      how many of each there are: without this line the scan was cut short and nothing was sent
    model    which model reads them, and how many words of the lexicon it cannot answer
    session  the first sending of one `submit` or `resume`; session_end: its seconds and the workers it met
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from producer.cutting import Cutter
from producer.errors import Interrupted, UsageError
from producer.images import FoundImage, Skipped
from producer.json_lines import parse_line
from worker.contract import AnswerError, JobOptions

MANIFEST_VERSION = 2
# Version 1 knew neither a lexicon nor constraints of a card, and says everything else in the same way.
_READABLE_VERSIONS = (1, MANIFEST_VERSION)
FILE_NAME = "manifest.jsonl"
# Skipped files that a report names; all of them stand in the manifest.
_SKIPPED_KEPT = 1000
# A model line holds a whole card; everything else is far shorter.
_LONGEST_LINE = 2**20
# How the lines begin that stand there for every image, as `write_manifest` writes them.
_IMAGES = (b'{"type": "image",', b'{"type": "batch",')
_encode = json.JSONEncoder().encode


@dataclass(frozen=True)
class BatchLimits:
    """How much travels together.

    Attributes:
        max_images: images a batch; None begins small and grows, so that the first answers come soon.
        max_bytes: bytes a batch, as the scan sees them.
    """

    max_images: int | None = None
    max_bytes: int = 8 * 2**20

    def images_of(self, number: int) -> int:
        """The most images that batch `number`, counted from 0, may hold."""
        # Three batches each of 16, 32, 64 and 128, then 256, where the queue's cost per image is lost in the
        # noise: a small job is shared among workers and shows progress.
        return self.max_images or 16 * 2 ** min(number // 3, 4)


@dataclass(frozen=True)
class LexiconFile:
    """Where the words of a job came from; they themselves are kept in the run folder.

    Attributes:
        file: absolute path, as it was submitted.
        words: how many.
    """

    file: str
    words: int


@dataclass(frozen=True)
class Request:
    """What the user asked for; everything that a resume needs to go on as before.

    Attributes:
        job: the job's id.
        directory: absolute path of the images.
        model: as asked for; None for the default, or the only one served.
        options: how images are read, as asked for: the constraints of the model's card are not among them.
        labels: `stem`, `none`, or the absolute path of a CSV file.
        ignore_case: whether labels and answers are compared without case.
        created: when, ISO 8601 with offset.
        notes: sentences for the report.
        from_list: absolute path of the list of files; `-` for standard input; None for the whole directory.
        limits: how much travels together.
        lexicon: where the words of `options.lexicon` came from; None without a lexicon.
        unconstrained: whether the constraints of the model's card are left out.
        min_probability: answers below it are unsure; None: all are sure.
        priority: one of `producer.levels.PRIORITIES`.
    """

    job: str
    directory: str
    model: str | None
    options: JobOptions
    labels: str = "stem"
    ignore_case: bool = False
    created: str = ""
    notes: tuple[str, ...] = ()
    from_list: str | None = None
    limits: BatchLimits = field(default_factory=BatchLimits)
    lexicon: LexiconFile | None = None
    unconstrained: bool = False
    min_probability: float | None = None
    priority: str = "normal"


@dataclass(frozen=True)
class ManifestImage:
    """An image of the job, under its number."""

    id: int
    file: str
    size: int
    error: AnswerError | None = None


@dataclass(frozen=True)
class BatchRange:
    """Images `first` to `last`, both included, which travel together under one id."""

    job: str
    images: tuple[ManifestImage, ...]

    @property
    def id(self) -> str:
        """JOB:FIRST-LAST; the same after any resume."""
        return f"{self.job}:{self.images[0].id}-{self.images[-1].id}"

    @property
    def size(self) -> int:
        """Bytes of all its images, as the scan saw them."""
        return sum(image.size for image in self.images)

    def halves(self) -> tuple[BatchRange, BatchRange]:
        """The two batches that it is cut into when it ended too many workers."""
        middle = len(self.images) // 2
        return BatchRange(self.job, self.images[:middle]), BatchRange(self.job, self.images[middle:])


@dataclass
class JobFacts:
    """The manifest's lines other than its images and batches; of skipped files, the first thousand."""

    request: Request
    images: int | None = None
    skipped: Counter[str] = field(default_factory=Counter)
    skipped_files: list[tuple[str, str]] = field(default_factory=list)
    model: dict[str, Any] | None = None
    sessions: list[dict[str, Any]] = field(default_factory=list)
    session_ends: list[dict[str, Any]] = field(default_factory=list)


def write_manifest(path: Path, request: Request, found: Iterable[FoundImage | Skipped]) -> Iterator[int]:
    """Write the job's manifest; yields the number of images so far, for a display.

    Raises:
        OSError: the disk is full, say.
    """
    images, skipped = 0, 0
    pending = Cutter(request.limits.images_of, request.limits.max_bytes)
    with path.open("w", encoding="ascii") as stream:

        def put(kind: str, **facts: object) -> None:
            stream.write(json.dumps({"type": kind, **facts}) + "\n")

        put("job", version=MANIFEST_VERSION, **asdict(request))
        for item in found:
            if isinstance(item, Skipped):
                skipped += 1
                put("skipped", file=item.file, reason=item.reason)
                continue
            if cut := pending.before(images, item.size):
                put("batch", first=cut[0], last=cut[1])
            if item.error is None:
                # The same as by `put`, in a third of the time: of these lines there are millions.
                file = _encode(item.file)
                stream.write(f'{{"type": "image", "id": {images}, "file": {file}, "size": {item.size}}}\n')
            else:
                put("image", id=images, file=item.file, size=item.size, error=asdict(item.error))
            images += 1
            yield images
        if cut := pending.rest(images):
            put("batch", first=cut[0], last=cut[1])
        put("end", images=images, skipped=skipped)
        # What results.jsonl will mean stands here alone, and that file is synced too.
        stream.flush()
        os.fsync(stream.fileno())


def append_line(path: Path, kind: str, **facts: object) -> None:
    """Add a line, e.g. the model once it is known; half a line that a kill left at the end gives way.

    Raises:
        Interrupted: the disk is full, say.
    """
    try:
        with path.open("r+b") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - _LONGEST_LINE))
            tail = stream.read()
            stream.seek(size - len(tail) + tail.rfind(b"\n") + 1)
            stream.truncate()
            stream.write((json.dumps({"type": kind, **facts}) + "\n").encode("ascii"))
    except OSError as error:
        raise Interrupted(f"{path} cannot be written: {error.strerror}") from error


def read_facts(path: Path) -> JobFacts:
    """Everything but the images.

    Raises:
        UsageError: no manifest, or one that this version cannot read.
    """
    lines = _lines(path, leave_out=_IMAGES)
    first = next(lines, None)
    if first is None:
        raise UsageError(f"{path} is empty: the scan was cut short and nothing was sent; submit it again")
    if first.get("type") != "job" or first.get("version") not in _READABLE_VERSIONS:
        raise UsageError(
            f"{path} is a manifest of version {first.get('version')!r}, expected {MANIFEST_VERSION}; "
            "use the captchafleet that wrote it"
        )
    try:
        facts = JobFacts(_request(first))
    except (KeyError, TypeError) as error:
        raise UsageError(
            f"{path} is no manifest of this captchafleet ({error}); use the one that wrote it"
        ) from error
    for line in lines:
        kind = line["type"]
        if kind == "skipped":
            facts.skipped[line["reason"]] += 1
            if len(facts.skipped_files) < _SKIPPED_KEPT:
                facts.skipped_files.append((line["file"], line["reason"]))
        elif kind == "end":
            facts.images = line["images"]
        elif kind == "model":
            facts.model = line
        elif kind == "session":
            facts.sessions.append(line)
        elif kind == "session_end":
            facts.session_ends.append(line)
    return facts


def read_batches(path: Path, job: str) -> Iterator[BatchRange]:
    """The batches with their images, in order; holds one batch in memory at a time."""
    images: list[ManifestImage] = []
    for line in _lines(path):
        if line["type"] == "image":
            error = AnswerError(**line["error"]) if "error" in line else None
            images.append(ManifestImage(line["id"], line["file"], line["size"], error))
        elif line["type"] == "batch":
            yield BatchRange(job, tuple(images))
            images = []


def _request(line: dict[str, Any]) -> Request:
    fields = {key: value for key, value in line.items() if key not in ("type", "version")}
    fields["options"] = JobOptions(**fields["options"])
    fields["limits"] = BatchLimits(**fields["limits"])
    fields["notes"] = tuple(fields["notes"])
    if fields.get("lexicon") is not None:
        fields["lexicon"] = LexiconFile(**fields["lexicon"])
    return Request(**fields)


def _lines(path: Path, leave_out: tuple[bytes, ...] = ()) -> Iterator[dict[str, Any]]:
    """The whole lines of a manifest, but for those after the first that begin like this."""
    try:
        stream = path.open("rb")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}; name a run folder of `submit`") from error
    with stream:
        for number, raw in enumerate(stream, 1):
            if not raw.endswith(b"\n"):
                return
            if number > 1 and raw.startswith(leave_out):
                continue
            try:
                yield parse_line(raw)
            except ValueError as error:
                raise UsageError(f"{path}, line {number} is not JSON: {error}") from error

"""The wire between producer and worker: every name, key and message, in one place.

What travels is JSON (never pickle); the bytes of the images travel beside the message, in one Redis value
a batch ("claim check", Hohpe & Woolf, Enterprise Integration Patterns), because kombu would base64 them.

A message of another version is refused with a sentence that names both versions.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
import zlib
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

WIRE_VERSION = 2
TASK_NAME = "captchafleet.solve"
KEY_PREFIX = f"captchafleet:v{WIRE_VERSION}"

# Every way in which one image can fail; the keys of `errors` in report.json. docs/errors.md explains each.
ERROR_CODES: dict[str, str] = {
    "empty_file": "the file has no bytes",
    "not_an_image": "the extension says image, the content does not",
    "truncated": "the image ends before its data does",
    "corrupt": "the image's data cannot be decoded",
    "too_many_pixels": "the header announces more pixels than the limit",
    "too_many_bytes": "the file is larger than the limit",
    "unsupported_format": "an image, but not PNG, JPEG, GIF, BMP or WebP",
    "vanished": "the file was listed, but is no longer there",
    "permission_denied": "the file may not be read",
    "symlink_outside": "the link leads out of the directory",
    "quarantined": "the image ended every worker that touched it",
    "worker_error": "the worker failed on this image",
}

Decoder = Literal["exact", "beam", "greedy", "alignment-beam"]

# Of a lexicon's text: as large as the file that `model_zoo.lexicon` reads, a million words and more.
MAX_LEXICON_BYTES = 64 * 2**20

_BLOB_MAGIC = b"CFB1"
_SHA256 = re.compile(r"[0-9a-f]{64}")
# Fields of an answer that are left out of its JSON where there is nothing to say.
_LEFT_OUT_IF_NONE = frozenset({"proven", "allowed_mass", "probability_high", "seen"})
# Options that are younger than the wire's version: left out where they are not wanted, so that a worker that
# does not know them reads every job without them, and refuses one with them like any option it does not know.
_LEFT_OUT_IF_FALSE = frozenset({"ignore_case"})


class ContractError(Exception):
    """A message does not follow this version of the wire."""


def queue_name(fingerprint: str) -> str:
    """The one queue of a model, so that no worker can take another model's batch."""
    return f"captchafleet.v{WIRE_VERSION}.{fingerprint}"


def job_key(job_id: str, part: str = "") -> str:
    """Redis key of a job, or of a part of it (`options:DIGEST`, `results`, `starts`, `lexicon`)."""
    return f"{KEY_PREFIX}:job:{job_id}" + (f":{part}" if part else "")


def blob_key(batch_id: str) -> str:
    """Redis key of the bytes of a batch."""
    return f"{KEY_PREFIX}:blob:{batch_id}"


def worker_key(name: str) -> str:
    """Redis key under which a worker announces itself."""
    return f"{KEY_PREFIX}:worker:{name}"


WORKERS_KEY = f"{KEY_PREFIX}:workers"
JOBS_KEY = f"{KEY_PREFIX}:jobs"


@dataclass(frozen=True)
class ImageItem:
    """One image of a batch: its number in the manifest, and the file's bytes as they stand on disk."""

    id: int
    data: bytes


@dataclass(frozen=True)
class Batch:
    """Images that travel together. `id` is JOB:FIRST-LAST, the range of the manifest it was cut from."""

    id: str
    job_id: str
    items: tuple[ImageItem, ...]


@dataclass(frozen=True)
class Task:
    """The arguments of one Celery message; under 1 KB as JSON, whatever the size of the batch."""

    job_id: str
    batch_id: str
    attempt: int
    options: str  # hash of the job's options, which are stored once per job
    version: int = WIRE_VERSION


@dataclass(frozen=True)
class JobOptions:
    """How every image of a job is to be read; stored once per job under its hash.

    The constraints are those that hold: what the model's card adds, the producer has put in.
    """

    decoder: Decoder = "exact"
    beam_width: int = 10  # of beam and alignment-beam
    n_best: int = 1
    charset: str | None = None  # as given to --charset; None: the model's own
    length: str | None = None  # as given to --length, "5" or "4-6"; None: any
    pattern: str | None = None  # as given to --pattern; None: any
    regex: str | None = None  # as given to --regex; None: any
    lexicon: str | None = None  # sha256 of the text of the lexicon, which is stored once per job; None: any
    max_image_bytes: int = 10 * 2**20  # larger files are answered too_many_bytes
    ignore_case: bool = False  # read upper and lower case as one, answer in lower case

    def digest(self) -> str:
        """The first 16 hex digits of the sha256 of the canonical JSON."""
        return hashlib.sha256(encode(self).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Candidate:
    """One reading of an image and its probability among all allowed strings."""

    text: str
    probability: float


@dataclass(frozen=True)
class AnswerError:
    """Why an image has no text. `code` is one of ERROR_CODES; `message` is one sentence."""

    code: str
    message: str


@dataclass(frozen=True)
class Answer:
    """What the system says of one image: a text with its probability, or an error.

    Attributes:
        id: number of the image in the manifest.
        text: the most probable of the allowed strings, as far as the decoder found it.
        probability: of the text among all allowed strings; with a lexicon the least that it can be.
        n_best: the most probable readings, best first.
        error: why there is no text.
        proven: whether no allowed string is more probable; None where the decoder does not say.
        allowed_mass: of all allowed strings together under the model itself; the least that it can be.
        probability_high: the most that the probability can be; None where `probability` is exact.
        seen: whether the model was trained on this very file; None where nobody knows.
    """

    id: int
    text: str | None = None
    probability: float | None = None
    n_best: tuple[Candidate, ...] = ()
    error: AnswerError | None = None
    proven: bool | None = None
    allowed_mass: float | None = None
    probability_high: float | None = None
    seen: bool | None = None


# The fields of an `Answer`, in their order.
AnswerFields = tuple[
    int,
    str | None,
    float | None,
    tuple[Candidate, ...],
    AnswerError | None,
    bool | None,
    float | None,
    float | None,
    bool | None,
]

# solved: the answers are there. split: the batch ended too many workers, the producer cuts it in two.
# missing: the worker found no bytes under the batch's id, or no whole lexicon (then `reason` says so); the
# producer sends what is missing again.
# refused: the worker cannot read what the producer sent, and `reason` says why.
BatchStatus = Literal["solved", "split", "missing", "refused"]


@dataclass(frozen=True)
class BatchResult:
    """What one worker says of one batch: one answer per image, in the batch's order."""

    batch_id: str
    attempt: int
    worker: str
    answers: tuple[Answer, ...] = ()
    status: BatchStatus = "solved"
    reason: str = ""
    version: int = WIRE_VERSION


@dataclass(frozen=True)
class WorkerInfo:
    """What a worker announces of itself while it lives.

    Attributes:
        name: of its Celery node.
        model: name of the model it serves.
        fingerprint: of that model.
        card: of that model; at least its `charset` and `time_steps`.
        device: that it runs on.
        host: name of its machine.
        visibility_timeout_s: after this long Redis gives a batch of its to another worker.
        instance: random; tells a restarted worker from the one before it under the same name.
        can_ignore_case: whether it knows `JobOptions.ignore_case`; an older one does not say so.
    """

    name: str
    model: str
    fingerprint: str
    card: dict[str, Any] = field(default_factory=dict)
    device: str = "cpu"
    host: str = ""
    visibility_timeout_s: float = 0.0
    instance: str = ""
    can_ignore_case: bool = False
    version: int = WIRE_VERSION


def encode_blob(batch: Batch) -> bytes:
    """Magic, length of the header (uint32, big endian), JSON header, then the images' bytes end to end."""
    header = _dump(
        {
            "v": WIRE_VERSION,
            "job": batch.job_id,
            "batch": batch.id,
            "ids": [item.id for item in batch.items],
            "sizes": [len(item.data) for item in batch.items],
        }
    ).encode()
    return b"".join([_BLOB_MAGIC, struct.pack(">I", len(header)), header, *(i.data for i in batch.items)])


def decode_blob(blob: bytes) -> Batch:
    """The inverse of `encode_blob`.

    Raises:
        ContractError: the bytes are not a batch of this version, or their lengths do not add up.
    """
    if blob[:4] != _BLOB_MAGIC or len(blob) < 8:
        raise ContractError(f"the blob starts with {blob[:4]!r}, expected {_BLOB_MAGIC!r}: not a batch")
    start = 8 + int(struct.unpack(">I", blob[4:8])[0])
    header = _load(blob[8:start])
    _check_version(header.get("v"))
    try:
        ids, sizes, job, batch = header["ids"], header["sizes"], header["job"], header["batch"]
    except KeyError as error:
        raise ContractError(f"the blob's header lacks {error}") from error
    if not isinstance(ids, list) or not isinstance(sizes, list) or len(ids) != len(sizes):
        raise ContractError("the blob's header does not name one size for each image")
    if not all(type(n) is int and n >= 0 for n in (*ids, *sizes)) or start + sum(sizes) != len(blob):
        raise ContractError(f"the blob has {len(blob) - start} bytes of images, its header names other sizes")
    items = []
    for image_id, size in zip(ids, sizes, strict=True):
        items.append(ImageItem(image_id, blob[start : start + size]))
        start += size
    return Batch(id=str(batch), job_id=str(job), items=tuple(items))


def encode(message: Task | JobOptions | BatchResult | WorkerInfo) -> str:
    """A message as canonical JSON."""
    if isinstance(message, BatchResult):
        # There are as many answers as images; `asdict` would take four times as long for them.
        return _dump(_result_object(message))
    return _dump(asdict(message, dict_factory=lean))


def _result_object(result: BatchResult) -> dict[str, Any]:
    answers = []
    for answer in result.answers:
        content = {
            "id": answer.id,
            "text": answer.text,
            "probability": answer.probability,
            "n_best": candidates_object(answer.n_best),
            "error": None if answer.error is None else error_object(answer.error),
        }
        add_if_known(content, answer.proven, answer.allowed_mass, answer.probability_high, answer.seen)
        answers.append(content)
    return {
        "batch_id": result.batch_id,
        "attempt": result.attempt,
        "worker": result.worker,
        "answers": answers,
        "status": result.status,
        "reason": result.reason,
        "version": result.version,
    }


def candidates_object(candidates: tuple[Candidate, ...]) -> list[dict[str, Any]]:
    """Readings for JSON."""
    return [{"text": each.text, "probability": each.probability} for each in candidates]


def error_object(error: AnswerError) -> dict[str, Any]:
    """An error for JSON."""
    return {"code": error.code, "message": error.message}


def add_if_known(
    content: dict[str, Any],
    proven: bool | None,
    allowed_mass: float | None,
    probability_high: float | None,
    seen: bool | None,
) -> None:
    """Put what is known of an answer into its JSON, in the order of a line; what is None is left out."""
    if proven is not None:
        content["proven"] = proven
    if allowed_mass is not None:
        content["allowed_mass"] = allowed_mass
    if probability_high is not None:
        content["probability_high"] = probability_high
    if seen is not None:
        content["seen"] = seen


def lean(fields_of_one: list[tuple[str, Any]]) -> dict[str, Any]:
    """A `dict_factory` for `dataclasses.asdict`: a message without what there is nothing to say of."""
    return {
        key: value
        for key, value in fields_of_one
        if not (value is None and key in _LEFT_OUT_IF_NONE)
        and not (value is False and key in _LEFT_OUT_IF_FALSE)
    }


def encode_lexicon(text: str) -> bytes:
    """The canonical text of a lexicon, compressed (zlib)."""
    return zlib.compress(text.encode())


def decode_lexicon(data: bytes, digest: str) -> str:
    """The inverse of `encode_lexicon`.

    Args:
        data: what was stored.
        digest: sha256 of the text that is expected.

    Raises:
        ContractError: damaged, larger than `MAX_LEXICON_BYTES`, or another lexicon.
    """
    inflate = zlib.decompressobj()
    try:
        text = inflate.decompress(data, MAX_LEXICON_BYTES + 1)
    except zlib.error as error:
        raise ContractError(f"the lexicon is damaged: {error}") from error
    if len(text) > MAX_LEXICON_BYTES or not inflate.eof:
        raise ContractError(f"the lexicon is cut short, or larger than {MAX_LEXICON_BYTES:,} bytes")
    if (found := hashlib.sha256(text).hexdigest()) != digest:
        raise ContractError(f"the lexicon has sha256 {found}, the job's options name {digest}")
    return text.decode()


def task_arguments(task: Task) -> dict[str, Any]:
    """A task as the keyword arguments of the Celery message."""
    return asdict(task)


def decode_task(arguments: dict[str, Any]) -> Task:
    """The task in the keyword arguments of a Celery message.

    Raises:
        ContractError: another version of the wire, or a field is missing, unknown or of another type.
    """
    _check_version(arguments.get("version"))
    try:
        task = Task(**arguments)
    except TypeError as error:
        raise ContractError(f"the task's arguments do not fit: {error}") from error
    for name, kind in (("job_id", str), ("batch_id", str), ("attempt", int), ("options", str)):
        if not isinstance(getattr(task, name), kind):
            raise ContractError(f"the task's {name} is {getattr(task, name)!r}, expected {kind.__name__}")
    return task


def decode_options(text: str | bytes) -> JobOptions:
    """Job options from JSON. Raises ContractError where they do not fit."""
    try:
        options = JobOptions(**_load(text))
    except TypeError as error:
        raise ContractError(f"the job's options do not fit: {error}") from error
    for name in ("charset", "length", "pattern", "regex", "lexicon"):
        if not isinstance(value := getattr(options, name), str | None):
            raise ContractError(f"the job's {name} is {value!r:.80}, expected a string or null")
    if not isinstance(options.ignore_case, bool):
        raise ContractError(f"the job's ignore_case is {options.ignore_case!r:.80}, expected true or false")
    if options.lexicon is not None and not _SHA256.fullmatch(options.lexicon):
        raise ContractError(f"the job's lexicon is {options.lexicon!r:.80}, expected a sha256 in hex")
    return options


def decode_worker(text: str | bytes) -> WorkerInfo:
    """A worker's announcement from JSON; fields that a newer worker adds are left out.

    Raises:
        ContractError: another version of the wire, or a field that is missing or of another type.
    """
    data = _load(text)
    _check_version(data.get("version"))
    known = {item.name: data[item.name] for item in fields(WorkerInfo) if item.name in data}
    card = data.get("card")
    named = all(isinstance(data.get(name), str) for name in ("name", "model", "fingerprint"))
    timed = type(known.get("visibility_timeout_s", 0.0)) in (int, float)
    if not (named and timed and isinstance(card, dict) and isinstance(card.get("charset"), str)):
        raise ContractError(f"a worker's announcement does not fit: {data!r:.200}")
    if not isinstance(known.get("can_ignore_case", False), bool):
        raise ContractError(
            f"a worker's can_ignore_case is {known['can_ignore_case']!r:.80}, expected true or false"
        )
    if type(card.get("time_steps")) is not int:
        raise ContractError(
            f"a worker's card has {card.get('time_steps')!r:.80} time steps, expected a number"
        )
    return WorkerInfo(**known)


def decode_result(text: str | bytes) -> BatchResult:
    """A batch's result from JSON. Raises ContractError where it does not fit."""
    data = _load(text)
    _check_version(data.get("version"))
    try:
        answers = tuple(decode_answer(answer) for answer in data.pop("answers"))
        result = BatchResult(answers=answers, **data)
    except (TypeError, KeyError) as error:
        raise ContractError(f"the batch's result does not fit: {error}") from error
    texts = (result.batch_id, result.worker, result.status, result.reason)
    if not all(isinstance(text, str) for text in texts) or type(result.attempt) is not int:
        raise ContractError(f"the batch's result does not fit: {data!r:.200}")
    return result


def decode_answer(data: Any) -> Answer:
    """An answer from its JSON object. Raises ContractError where it does not fit."""
    return Answer(*checked_answer(data))


def checked_answer(data: Any) -> AnswerFields:
    """The fields of an answer, in the order of `Answer`, from its JSON object; as `decode_answer`."""
    if not isinstance(data, dict) or type(image_id := data.get("id")) is not int or image_id < 0:
        raise ContractError(f"an answer is an object with an id from 0 on, got {data!r:.80}")
    get = data.get
    if (text := get("text")) is not None and not isinstance(text, str):
        raise ContractError(f"an answer's text is {text!r:.80}, expected a string or null")
    try:
        n_best = tuple([Candidate(**candidate) for candidate in get("n_best", ())])
        error = None if (found := get("error")) is None else AnswerError(**found)
    except TypeError as reason:
        raise ContractError(f"an answer does not fit: {reason}") from reason
    proven, seen, mass, high = get("proven"), get("seen"), get("allowed_mass"), get("probability_high")
    if proven is not None and not isinstance(proven, bool):
        raise ContractError(f"an answer's proven is {proven!r:.80}, expected true, false or null")
    if seen is not None and not isinstance(seen, bool):
        raise ContractError(f"an answer's seen is {seen!r:.80}, expected true, false or null")
    for value in (mass, high):
        if value is not None and type(value) not in (int, float):
            raise ContractError(f"an answer's mass is {value!r:.80}, expected a number or null")
    return image_id, text, get("probability"), n_best, error, proven, mass, high, seen


def _check_version(version: object) -> None:
    if version != WIRE_VERSION:
        raise ContractError(
            f"the message is of wire version {version!r}, this program speaks version {WIRE_VERSION}; "
            "install the same captchafleet on producer and worker"
        )


def _dump(data: object) -> str:
    return json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _load(text: str | bytes) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ContractError(f"not JSON: {error}") from error
    if not isinstance(data, dict):
        raise ContractError(f"expected a JSON object, got {type(data).__name__}")
    return data

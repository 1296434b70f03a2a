"""Ten-fold cross-validation: every image of a folder is read by a network that never saw it.

The folds are the ten parts of `model_zoo.split`. A fold's network is trained by one recipe on the nine other
parts, and its answers to the tenth are out of fold; together they measure the recipe on every image there is
(Stone, M. (1974), Cross-validatory choice and assessment of statistical predictions, JRSS B 36, 111-147).
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from model_zoo.atomic import check_folder, write_whole
from model_zoo.constraints import Constraints, parse_constraints
from model_zoo.decode import NO_CONSTRAINTS, decode
from model_zoo.errors import DataError
from model_zoo.split import N_PARTS, LabelledFile, data_hash, labelled_files
from model_zoo.statistics import wilson_interval
from model_zoo.training.data import load_images
from model_zoo.training.differences import recipe_differences
from model_zoo.training.metrics import log_probs
from model_zoo.training.prepare import DEFAULT_ARCHITECTURE, Prepared, TrainOptions
from model_zoo.training.start import check_unseen, load_start

Frames = NDArray[np.float32]


@dataclass(frozen=True)
class FoldAnswer:
    """What was read from one image by the network that never saw it, with the exact decoder.

    Attributes:
        file: name below the folder.
        label: the right text.
        part: of the image, which is its fold.
        text: the most probable text of all.
        probability: of `text`.
        length_text: the most probable text among those as long as the labels.
        length_probability: of `length_text` among them.
    """

    file: str
    label: str
    part: int
    text: str
    probability: float
    length_text: str
    length_probability: float


@dataclass(frozen=True)
class FoldShare:
    """A share of images read right, out of fold, with its 95 % Wilson interval."""

    right: int
    n: int
    value: float
    low: float
    high: float


def cross_validate(
    options: TrainOptions,
    out: Path,
    on_fold: Callable[[int, Sequence[FoldAnswer]], None] = lambda fold, answers: None,
) -> list[FoldAnswer]:
    """Train ten networks and read every image with the one that never saw it.

    Args:
        options: of each fold's run; its parts, validation and name are set here.
        out: CSV that gets the answers, fold by fold; folds that it already holds are not run again. Beside
            it, `out` with the ending `.json` says how the networks are trained, and with `.npz` it holds the
            log-probabilities (N, T, C) in the order of the lines.
        on_fold: called after each fold with its answers.

    Returns:
        The answers to all images, by part, then by name.

    Raises:
        DataError: data with which no run can start, a CSV of another folder or another training, or a start
            that was fitted to some of the images.
    """
    assert options.data is not None, "cross-validation needs labelled images"
    if out.suffix in (".json", ".npz"):
        raise DataError(f"{str(out)!r} would lie where the files beside it go; give a name with .csv")
    files = labelled_files(options.data)
    lengths = parse_constraints(length=_span(files))
    answers = read_answers(out) if out.exists() else []
    # A kill between its two files leaves the frames of one fold more than there are answers.
    frames = read_frames(out)[: len(answers)]
    _check_same(answers, {(_name(it, options), it.part_number) for it in files}, len(frames), out)
    _check_characters(files)
    _say_how(options, files, out)
    done = {answer.part for answer in answers}
    for fold in range(N_PARTS):
        held = [file for file in files if file.part_number == fold]
        if fold in done or not held:
            continue
        found, said = _run_fold(options, fold, held, lengths)
        answers, frames = [*answers, *found], np.concatenate([frames, said]) if done else said
        done.add(fold)
        _write(out, answers, frames)
        on_fold(fold, found)
    return answers


def share(answers: Sequence[FoldAnswer], *, length_known: bool) -> FoldShare:
    """How many of the answers are right, with or without knowledge of the length."""
    n = len(answers)
    right = sum((it.length_text if length_known else it.text) == it.label for it in answers)
    return FoldShare(right, n, right / n, *wilson_interval(right, n))


def read_answers(path: Path) -> list[FoldAnswer]:
    """The answers in a CSV that `cross_validate` wrote.

    Raises:
        DataError: a file that is no such CSV.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [
                FoldAnswer(
                    row["file"], row["label"], int(row["part"]),
                    row["text"], float(row["probability"]),
                    row["length_text"], float(row["length_probability"]),
                )
                for row in csv.DictReader(file)
            ]  # fmt: skip
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{str(path)!r} holds no out-of-fold answers ({error}); give another file") from error


def read_how(out: Path) -> dict[str, Any]:
    """How the networks behind a CSV of answers were trained: architecture, recipe, data.

    Raises:
        DataError: its `.json` is missing or damaged.
    """
    path = out.with_suffix(".json")
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, TypeError, ValueError) as error:
        raise DataError(f"{str(path)!r} cannot be read ({error}); copy it again") from error


def _say_how(options: TrainOptions, files: Sequence[LabelledFile], out: Path) -> None:
    """Write what the answers will be of; refuse to add to those of another training."""
    start = None if options.start is None else load_start(options.start)
    if start is not None:
        check_unseen(start, files)
    architecture = options.architecture or (start.card.architecture if start else DEFAULT_ARCHITECTURE)
    recipe = options.recipe if start is None else replace(options.recipe, start=start.name)
    how = {
        "architecture": architecture, "height": options.height, "width": options.width,
        "data": data_hash(files), "recipe": asdict(recipe),
    }  # fmt: skip
    path = out.with_suffix(".json")
    if out.exists() or path.exists():
        said = read_how(out)
        if what := _other_training(said, how):
            raise DataError(f"{str(out)!r} holds answers of {what}; give another --out")
    check_folder(out.parent)
    write_whole(path, (json.dumps(how, indent=2) + "\n").encode())


def _other_training(said: dict[str, Any], how: dict[str, Any]) -> str:
    """How the training that wrote `said` is another one, in words; "" where it is the same."""
    # What was written before the size was told has none; a model's card has much besides.
    filled = {**how, **said}
    if filled.keys() != how.keys() or not isinstance(filled["recipe"], dict):
        return "another training or other data"
    plain = [
        f"{key} {filled[key]}, not {how[key]}"
        for key in ("architecture", "height", "width")
        if filled[key] != how[key]
    ]
    if differences := plain + recipe_differences(filled["recipe"], how["recipe"]):
        return f"another training ({', '.join(differences)})"
    return "" if filled["data"] == how["data"] else "other data"


def _name(file: LabelledFile, options: TrainOptions) -> str:
    assert options.data is not None, "checked at the start"
    return file.path.relative_to(options.data).as_posix()


def _span(files: Sequence[LabelledFile]) -> str:
    lengths = {len(file.label) for file in files}
    return f"{min(lengths)}-{max(lengths)}"


def _run_fold(
    options: TrainOptions, fold: int, held: Sequence[LabelledFile], lengths: Constraints
) -> tuple[list[FoldAnswer], Frames]:
    others = ",".join(str(number) for number in range(N_PARTS) if number != fold)
    prepared = Prepared(replace(options, parts=others, validation="none"))
    with closing(prepared.fit):
        prepared.fit.run()
    images = load_images(held, options.height, options.width)
    frames = log_probs(prepared.fit.network, images.pixels, prepared.fit.normalise)
    free, known = (decode(frames, prepared.fit.charset, it) for it in (NO_CONSTRAINTS, lengths))
    found = [
        FoldAnswer(_name(file, options), file.label, fold, *read)
        for file, *read in zip(
            held,
            free.texts, np.exp(free.log_probs[:, 0]).round(6).tolist(),
            known.texts, np.exp(known.log_probs[:, 0]).round(6).tolist(),
            strict=True,
        )
    ]  # fmt: skip
    return found, frames.numpy()


def read_frames(out: Path) -> Frames:
    """The log-probabilities (N, T, C) behind a CSV of answers; none where there is no such file."""
    path = out.with_suffix(".npz")
    if not path.exists():
        return np.empty((0, 0, 0), np.float32)
    try:
        frames: Frames = np.load(path)["log_probs"]
    except (OSError, KeyError, ValueError, BadZipFile) as error:
        raise DataError(f"{str(path)!r} cannot be read ({error}); copy it again") from error
    return frames


def _check_same(answers: Sequence[FoldAnswer], here: set[tuple[str, int]], n_frames: int, out: Path) -> None:
    """Answers of another folder, or without their log-probabilities, cannot be gone on from."""
    if any((answer.file, answer.part) not in here for answer in answers) or len(answers) != n_frames:
        raise DataError(
            f"{str(out)!r} holds answers to other images, or its .npz is missing; give another --out"
        )


def _check_characters(files: Sequence[LabelledFile]) -> None:
    """A character of one part alone would be no class of the network that reads that part."""
    parts: dict[str, set[int]] = {}
    for file in files:
        for char in file.label:
            parts.setdefault(char, set()).add(file.part_number)
    if alone := sorted(char for char, found in parts.items() if len(found) == 1):
        part = parts[alone[0]].pop()
        raise DataError(
            f"character {alone[0]!r} occurs in images of part {part} alone, so no network could learn to "
            "read them; add images with it, or leave these out"
        )


def _write(out: Path, answers: Sequence[FoldAnswer], frames: Frames) -> None:
    table = io.StringIO()
    writer = csv.DictWriter(table, [it.name for it in fields(FoldAnswer)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(answer) for answer in answers)
    arrays = io.BytesIO()
    np.savez_compressed(arrays, log_probs=frames)
    write_whole(out.with_suffix(".npz"), arrays.getvalue())
    write_whole(out, table.getvalue().encode())

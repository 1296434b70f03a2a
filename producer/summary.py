"""From a run folder to the summary that every form of the report shows; offline, from files alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from model_zoo.constraint_texts import ConstraintTexts
from model_zoo.constraints import Constraints
from model_zoo.errors import ConstraintError
from model_zoo.folding import fold_text
from model_zoo.language import compile_language
from model_zoo.lexicon import Lexicon, read_lexicon
from model_zoo.words import DroppedWords
from producer.accuracy import measure
from producer.allowed import Allowed, AllowedTexts, Rule
from producer.decoding import DecodingTally, HeldConstraint, LexiconFacts
from producer.errors import UsageError
from producer.labels import LabelSource
from producer.manifest import JobFacts, read_facts
from producer.reading import Reading, resolve, texts_of
from producer.report.document import json_text
from producer.report.page import shows_answers, write_html
from producer.report.summary import ModelFacts, RunSummary, Skipped, SkippedFile, WorkerFacts
from producer.report.whole import write_whole
from producer.results import ResultLine, read_results
from producer.run_folder import RunFolder


def summarise(
    folder: RunFolder,
    labels: LabelSource,
    ignore_case: bool | None = None,
    min_probability: float | None = None,
) -> RunSummary:
    """Measure a run folder.

    Args:
        folder: of the job.
        labels: what the images should read.
        ignore_case: None as the job was submitted.
        min_probability: None as the job was submitted; 0 makes every answer sure.

    Raises:
        UsageError: no job there, one of which nothing was sent, or one with a charset that is none; or its
            answers have no case and shall be compared with it.
    """
    facts = read_facts(folder.manifest)
    if facts.images is None:
        raise UsageError(
            f"the scan of {folder.path} was cut short and nothing was sent; `producer resume` begins it again"
        )
    ignore_case = facts.request.ignore_case if ignore_case is None else ignore_case
    if facts.request.options.ignore_case and not ignore_case:
        raise UsageError(
            "this job was submitted with --ignore-case, so its answers are all in lower case and cannot be "
            "compared with the case of the labels; leave --match-case out, or submit it anew"
        )
    model, reading = _model(facts), _reading(facts)
    by_worker: Counter[str] = Counter()
    tally = DecodingTally()
    accuracy = measure(
        _counted(folder.results, by_worker, tally),
        labels,
        ignore_case=ignore_case,
        charset=model.charset,
        allowed=_allowed(folder, facts, reading, model),
        min_probability=facts.request.min_probability if min_probability is None else min_probability,
    )
    return RunSummary(
        accuracy=accuracy,
        job_id=facts.request.job,
        directory=facts.request.directory,
        images=facts.images,
        model=model,
        options=facts.request.options,
        seconds=_seconds(facts),
        startup_seconds=sum(float(session["startup_seconds"]) for session in facts.sessions) or None,
        workers=_workers(facts, by_worker),
        skipped=Skipped(facts.skipped, tuple(SkippedFile(*item) for item in facts.skipped_files)),
        note=facts.request.notes,
        versions={"captchafleet": version("captchafleet")},
        decoding=tally.facts(_held(facts, reading), _lexicon(facts)),
        unconstrained=facts.request.unconstrained,
        finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def write_reports(folder: RunFolder, summary: RunSummary) -> None:
    """Write report.json and report.html into the run folder, each whole or not at all. Raises OSError."""
    write_whole(folder.report_json, json_text(summary))
    failed_only = not shows_answers(summary.accuracy)
    lines = read_results(folder.results, failed_only) if folder.results.exists() else iter(())
    write_html(summary, lines, folder.report_html, Path(summary.directory))


def _counted(results: Path, by_worker: Counter[str], tally: DecodingTally) -> Iterator[ResultLine]:
    if not results.exists():
        return
    for line in read_results(results):
        if line.worker is not None:
            # A worker that gave nothing but errors served the job all the same: it is named, with 0.
            by_worker[line.worker] += line.error is None and line.text is not None
        tally.add(line)
        yield line


def _reading(facts: JobFacts) -> Reading:
    """What workers were told; before the model is known, what was asked for."""
    options, model = facts.request.options, facts.model
    if model is None:
        return Reading(options)
    return resolve(options, model["name"], model["card"], facts.request.unconstrained)


def _held(facts: JobFacts, reading: Reading) -> tuple[HeldConstraint, ...]:
    held = [
        HeldConstraint(kind, text, kind in reading.from_card)
        for kind, text in texts_of(reading.options).to_object().items()
    ]
    words = facts.request.lexicon
    return tuple(held) if words is None else (*held, HeldConstraint("lexicon", words.file))


def _lexicon(facts: JobFacts) -> LexiconFacts | None:
    source = facts.request.lexicon
    if source is None:
        return None
    dropped = DroppedWords(**(facts.model or {}).get("dropped_words", {}))
    return LexiconFacts(source.file, source.words, dropped)


def _model(facts: JobFacts) -> ModelFacts:
    if facts.model is None:
        return ModelFacts(facts.request.model or "none yet", "")
    return ModelFacts.from_card(facts.model["name"], facts.model["fingerprint"], facts.model["card"])


def _allowed(folder: RunFolder, facts: JobFacts, reading: Reading, model: ModelFacts) -> Allowed:
    """What job and card let the model answer, as far as it is known."""
    words = _kept_words(folder, facts)
    is_known = reading.options.lexicon is None or words is not None
    others = [constraint for constraint in _held(facts, reading) if constraint.kind != "charset"]
    if model.charset is None:
        return Allowed(rules=_names(others), has_lost_words=not is_known)
    texts, blind = None, reading.options.ignore_case
    try:
        constraints = texts_of(reading.options).parse(words, blind)
        if others and is_known and model.time_steps is not None:
            language = compile_language(constraints, model.charset, model.time_steps)
            texts = AllowedTexts(language)
    except ConstraintError as error:  # `submit` took no such constraint: the manifest was changed since
        raise UsageError(f"the manifest of job {facts.request.job} cannot be used: {error}") from error
    return Allowed(
        charset=None if constraints.charset is None else _among(constraints, model.charset),
        charset_by=HeldConstraint("charset", "", "charset" in reading.from_card).name,
        texts=texts,
        rules=_names(others) if texts is None else _rules(others, words, model, blind),
        ignore_case=blind,
        has_lost_words=not is_known,
    )


def _names(held: list[HeldConstraint]) -> tuple[Rule, ...]:
    return tuple(Rule(constraint.name) for constraint in held)


def _among(constraints: Constraints, charset: str) -> str:
    """The model's characters that a charset allows, in either case where case is ignored."""
    among, fold = constraints.charset or "", fold_text if constraints.ignore_case else str
    return "".join(char for char in charset if fold(char) in fold(among))


def _rules(
    held: list[HeldConstraint], words: Lexicon | None, model: ModelFacts, blind: bool
) -> tuple[Rule, ...]:
    """Each constraint by itself, where there are several to tell apart."""
    charset, time_steps = model.charset, model.time_steps
    if len(held) == 1 or charset is None or time_steps is None:
        return _names(held)
    rules = []
    for constraint in held:
        is_words = constraint.kind == "lexicon"
        texts = ConstraintTexts() if is_words else ConstraintTexts(**{constraint.kind: constraint.text})
        try:
            constraints = texts.parse(words if is_words else None, blind)
            language = compile_language(constraints, charset, time_steps)
        except ConstraintError:  # alone it takes too large an automaton
            rules.append(Rule(constraint.name))
        else:
            rules.append(Rule(constraint.name, AllowedTexts(language)))
    return tuple(rules)


def _kept_words(folder: RunFolder, facts: JobFacts) -> Lexicon | None:
    """The copy of the job's lexicon; None where there is none, or it is no longer what was sent."""
    if facts.request.options.lexicon is None:
        return None
    try:
        words = read_lexicon(folder.lexicon)
    except ConstraintError:
        return None
    return words if words.digest == facts.request.options.lexicon else None


def _workers(facts: JobFacts, by_worker: Counter[str]) -> tuple[WorkerFacts, ...]:
    seen = [*facts.sessions, *facts.session_ends]
    devices = {name: device for line in seen for name, device in line["workers"].items()}
    return tuple(
        WorkerFacts(name, devices.get(name, "unknown"), count) for name, count in sorted(by_worker.items())
    )


def _seconds(facts: JobFacts) -> float | None:
    """Sending time of all sessions; None where one was killed, for nobody knows how long it worked."""
    if len(facts.session_ends) < len(facts.sessions):
        return None
    return sum(float(end["seconds"]) for end in facts.session_ends) or None

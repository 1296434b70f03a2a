"""The words that terminal and HTML share, so that both forms of a report say the same.

Texts from outside stand in them as they came; each form makes them harmless (`model_zoo.visible`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from model_zoo.figures import Share
from model_zoo.told import count as count
from model_zoo.told import percent as percent
from model_zoo.told import percents
from model_zoo.told import probability as probability
from model_zoo.told import seconds as seconds
from producer.decoding import SCANT_MASS, HeldConstraint, LexiconFacts
from producer.figures import AccuracyReport, SureFigures
from producer.report.summary import CardAccuracy, ModelFacts, RunSummary, WorkerFacts

MAX_WORKERS_NAMED = 20
EXACT_MATCH = "Exact match"


@dataclass(frozen=True)
class Fact:
    """One line of "what ran": a name and its value."""

    name: str
    value: str


@dataclass(frozen=True)
class Figure:
    """One figure: its name, its value, and what it is a share of."""

    name: str
    value: str
    of: str


def interval(share: Share) -> str:
    """The 95 % Wilson interval as "94.3 to 98.9 %"."""
    return percents(*share.interval)


def rate(value: float) -> str:
    """Throughput as "3.4 images/s" or "1,234 images/s"."""
    return f"{value:,.0f} images/s" if value >= 100 else f"{value:.1f} images/s"


def figures(accuracy: AccuracyReport) -> tuple[Figure, ...]:
    """The figures of a report with labels, the one that counts first; none without labels."""
    exact, answered = accuracy.exact_match, accuracy.answered_exact_match
    characters, errors = accuracy.character_accuracy, accuracy.character_error_rate
    if exact is None or characters is None or errors is None:
        return ()
    found = [Figure(EXACT_MATCH, percent(exact.value), f"{exact.right:,} of {exact.n:,} labelled images")]
    if answered is not None and answered.n < exact.n:
        of = f"{answered.right:,} of {answered.n:,}"
        found.append(Figure("Exact match of the answered", percent(answered.value), of))
    if accuracy.seen.seen and (unseen := accuracy.seen.exact_match_unseen) is not None:
        of = f"{unseen.right:,} of {unseen.n:,} that were not in the training data, {interval(unseen)}"
        found.append(Figure("Exact match of the unseen", percent(unseen.value), of))
    found.extend(_sure(accuracy))
    total = f"{accuracy.label_characters:,}"
    right = f"{accuracy.characters_right:,} of {total} label positions"
    edits = f"{count(accuracy.edits, 'edit')} for {total} label characters"
    found.append(Figure("Character accuracy", percent(characters), right))
    found.append(Figure("Character error rate", percent(errors), edits))
    return tuple(found)


def _sure(accuracy: AccuracyReport) -> Iterator[Figure]:
    """What `--min-probability` left, where it was given."""
    if (sure := accuracy.sure) is None or sure.coverage is None:
        return
    if sure.precision is not None:
        share = sure.precision
        of = f"{share.right:,} of {share.n:,} labelled answers with P >= {least(sure)}"
        yield Figure("Precision of sure answers", percent(share.value), f"{of}, {interval(share)}")
    told = f"{sure.coverage.right:,} of {count(sure.coverage.n, 'image')}; {unsure(accuracy)}"
    yield Figure("Coverage", percent(sure.coverage.value), told)


def least(sure: SureFigures) -> str:
    """P as it was given: "0.99999", which six digits would turn into 1 a little later."""
    return f"{sure.min_probability:.15g}"


def unsure(accuracy: AccuracyReport) -> str:
    """How many answers are unsure, and how many of them would have been right."""
    if accuracy.sure is None:
        return ""
    told = f"{count(accuracy.sure.answers, 'unsure answer')}"
    if accuracy.sure.right is None or not accuracy.sure.answers:
        return told
    return f"{told}, {accuracy.sure.right:,} of them with the right text"


def unmeasured(summary: RunSummary) -> str:
    """Why there is no accuracy."""
    if summary.accuracy.labels == "none":
        return "not measured: there are no labels (--labels none)"
    if not summary.images:
        return "not measured: there are no images"
    if not summary.accuracy.images:
        return "not measured: no image has an answer yet"
    return f"not measured: no image has a label (--labels {summary.accuracy.labels})"


def partial(summary: RunSummary) -> str:
    """What an interrupted job's report has to say first."""
    verb = "has" if summary.unanswered == 1 else "have"
    return (
        f"Partial report: {summary.unanswered:,} of {count(summary.images, 'image')} {verb} no answer yet. "
        f"All figures are about the other {summary.accuracy.images:,}; 'producer resume' sends the rest."
    )


def run_facts(summary: RunSummary) -> tuple[Fact, ...]:
    """What ran, where and how, line by line."""
    facts = [
        Fact("Directory", summary.directory),
        Fact("Images", _images(summary)),
        Fact("Speed", _speed(summary)),
        *_model_facts(summary.model, summary.options.decoder),
        Fact("Workers", _workers(summary.workers)),
        Fact("Decoding", _decoding(summary)),
        *_certainty(summary),
        *_min_probability(summary.accuracy),
        *_seen_in_training(summary.accuracy),
        Fact("Labels", _labels(summary)),
        Fact("Job", summary.job_id),
    ]
    if summary.finished_at is not None:
        facts.append(Fact("Finished", summary.finished_at))
    if summary.versions:
        facts.append(Fact("Versions", ", ".join(f"{name} {v}" for name, v in summary.versions.items())))
    return tuple(facts)


def _images(summary: RunSummary) -> str:
    parts = [f"{summary.answered:,} answered"]
    if failed := sum(summary.errors.values()):
        parts.append(f"{failed:,} could not be answered")
    if summary.unanswered:
        parts.append(f"{summary.unanswered:,} have no answer yet")
    text = f"{summary.images:,} ({', '.join(parts)})"
    return text + (f"; {count(summary.skipped.count, 'other file')} skipped" if summary.skipped.count else "")


def _speed(summary: RunSummary) -> str:
    startup = "" if summary.startup_seconds is None else f"start-up took {seconds(summary.startup_seconds)}"
    if not summary.answered:
        return "; ".join(filter(None, ("nothing was answered", startup)))
    if summary.images_per_second is None or summary.seconds is None:
        # The loop itself always knows; only a kill leaves a session without its end.
        return "; ".join(filter(None, ("unknown, because a run of this job was killed", startup)))
    took = f"{summary.answered:,} answered in {seconds(summary.seconds)}"
    more = f"; {startup} more" if startup else ""
    return f"{rate(summary.images_per_second)} ({took}{more})"


def _model_facts(model: ModelFacts, decoder: str) -> list[Fact]:
    details = []
    if model.width is not None and model.height is not None:
        details.append(f"{model.width} x {model.height} px")
    if model.time_steps is not None:
        details.append(f"{model.time_steps} time steps")
    if model.parameters is not None:
        details.append(count(model.parameters, "parameter"))
    name = f"{model.name}@{model.fingerprint}" if model.fingerprint else model.name
    facts = [Fact("Model", ", ".join([name, *details]))]
    if model.charset is not None:
        facts.append(Fact("Model reads", f"{count(len(model.charset), 'character')}: {model.charset}"))
    if (row := _promised(model.accuracy, decoder)) is not None:
        facts.append(Fact("Model's card", _card(row)))
    return facts


def _promised(rows: tuple[CardAccuracy, ...], decoder: str) -> CardAccuracy | None:
    """The one figure of a card to hold a job against: out-of-fold first, then the job's own decoder.

    What a card says of other parts (the training images, say) promises nothing about new images. Of several
    seeds it is the worst, and it is none with knowledge that the job may not have.
    """
    for part in ("out-of-fold", "test", "validation"):
        if found := [row for row in rows if row.part == part and row.constraints is None]:
            own = [row for row in found if row.decoder == decoder]
            return min(own, key=lambda row: row.value) if own else found[0]
    return None


def _card(row: CardAccuracy) -> str:
    low = percent(row.low).removesuffix(" %")
    seed = "" if row.seed is None else f", seed {row.seed}, the worst there is"
    return (
        f"{percent(row.value)} exact match ({low} to {percent(row.high)}, n = {row.n:,}) "
        f"on its {row.part} images, {row.decoder}{seed}"
    )


def _workers(workers: tuple[WorkerFacts, ...]) -> str:
    if not workers:
        return "none"
    named = [
        f"{worker.name} ({worker.device}): {worker.answered:,} answered"
        for worker in workers[:MAX_WORKERS_NAMED]
    ]
    if more := len(workers) - len(named):
        named.append(f"and {more} more")
    return ", ".join(named)


def _decoding(summary: RunSummary) -> str:
    options = summary.options
    width = f", width {options.beam_width}" if options.decoder in ("beam", "alignment-beam") else ""
    held = [_constraint(constraint, summary.decoding.lexicon) for constraint in summary.decoding.constraints]
    allowed = ", ".join(held) or "any text of the model's characters"
    case = "; case ignored, answers in lower case" if options.ignore_case else ""
    return f"{options.decoder}{width}, {options.n_best} best; {allowed}{case}"


def _constraint(constraint: HeldConstraint, lexicon: LexiconFacts | None) -> str:
    words = f" ({count(lexicon.words, 'word')})" if lexicon and constraint.kind == "lexicon" else ""
    source = " (the model's card)" if constraint.from_card else ""
    return f"{constraint.kind} {constraint.text}{words}{source}"


def _certainty(summary: RunSummary) -> list[Fact]:
    """What the decoder proved, and how much of the model's belief the constraints leave."""
    facts, decoding = [], summary.decoding
    total = decoding.proven + decoding.unproven
    if total and summary.options.decoder == "exact":
        are = "is" if decoding.proven == 1 else "are"
        surely = f"{are} certainly" if decoding.unproven else are
        text = "the most probable allowed text to the model, which may still be wrong"
        facts.append(Fact("Proven", f"{decoding.proven:,} of {count(total, 'answer')} {surely} {text}"))
    if decoding.constraints and decoding.mean_allowed_mass is not None:
        scant = decoding.mean_allowed_mass < SCANT_MASS
        mean = f"< {100 * SCANT_MASS:g} %" if scant else percent(decoding.mean_allowed_mass)
        facts.append(Fact("Allowed mass", f"the model gives the allowed texts {mean} on average"))
    return facts


def _min_probability(accuracy: AccuracyReport) -> list[Fact]:
    if accuracy.sure is None:
        return []
    below = f"answers below {least(accuracy.sure)} are unsure and count as not right"
    return [Fact("Least probability", f"{below}: {unsure(accuracy)}")]


def _seen_in_training(accuracy: AccuracyReport) -> list[Fact]:
    return [] if accuracy.seen.assurance is None else [Fact("Seen in training", accuracy.seen.assurance)]


def _labels(summary: RunSummary) -> str:
    case = ", upper and lower case alike" if summary.accuracy.ignore_case else ", matched exactly"
    source = summary.accuracy.labels
    return {"none": "none", "stem": f"from the file names{case}"}.get(source, f"from {source}{case}")

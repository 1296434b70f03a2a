"""How well the answers of a job fit its labels. A pure function of the journal's lines and the labels.

Every figure is defined in docs/report.md. One pass, memory bounded by the alphabet and a few caps, and no
figure depends on the order of the lines: which worker was faster must not change a report.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Container, Iterable

from model_zoo.figures import Edit, Share, edits_of, most_frequent, most_missed
from producer.allowed import Allowed
from producer.decoding import listed
from producer.figures import (
    MAX_CONFUSIONS_KEPT,
    MAX_OUTSIDE_KEPT,
    MAX_WRONG_KEPT,
    AccuracyReport,
    CharacterRow,
    LengthRow,
    WrongAnswer,
)
from producer.labels import LabelSource, StemLabels
from producer.results import ResultLine
from producer.seen import SeenTally
from producer.smallest import Smallest
from producer.sure import SureTally

FEW_LABELS = 100  # below it, an exact match of 100 % still leaves 3.7 points and more to chance

# Probabilities are summed in whole units, this many to 1, because a sum of floats depends on its order.
_PROBABILITY_UNITS = 10**12


def measure(
    lines: Iterable[ResultLine],
    labels: LabelSource,
    *,
    ignore_case: bool = False,
    charset: str | None = None,
    allowed: Allowed | None = None,
    min_probability: float | None = None,
) -> AccuracyReport:
    """Compare the answers of a job with its labels.

    Args:
        lines: of the journal, in any order, one an image.
        labels: what the images should read.
        ignore_case: compare casefolded texts; without it, matching is exact, code point by code point.
        charset: the characters the model can answer; None where that is unknown.
        allowed: what the job's constraints let the model answer; None allowed everything.
        min_probability: answers below it are unsure and count as not right; None: all are sure.
    """
    tally = _Tally(ignore_case, charset, allowed or Allowed(), min_probability)
    for line in lines:
        tally.add(line, labels.label_of(line.file))
    return tally.report(labels)


class _Tally:
    """The sums of one pass."""

    def __init__(
        self, ignore_case: bool, charset: str | None, allowed: Allowed, min_probability: float | None
    ) -> None:
        self._ignore_case = ignore_case
        self._sure = SureTally(min_probability)
        self._charset = None if charset is None else frozenset(self._fold(charset))
        self._answerable = self._charset
        if self._charset is not None and allowed.charset is not None:
            self._answerable = self._charset & frozenset(self._fold(allowed.charset))
        self._allowed = allowed
        self.images = self.answered = self.edits = 0
        self.outside, self.beyond_model, self.left_out = 0, 0, 0  # labels that could not be answered
        self.ruled_out = 0
        self.ruled_out_by: set[str] = set()
        self.labelled, self.labelled_answered, self.right = 0, 0, 0
        self.errors: Counter[str] = Counter()
        self.outside_characters: Counter[str] = Counter()
        self.lengths: Counter[int] = Counter()
        self.lengths_right: Counter[int] = Counter()
        self.characters: Counter[str] = Counter()
        self.characters_right: Counter[str] = Counter()
        self.confusions: Counter[Edit] = Counter()
        self.probability_units: Counter[bool] = Counter()  # summed over right and over wrong answers
        self.probabilities: Counter[bool] = Counter()
        self._wrong: Smallest[WrongAnswer] = Smallest(MAX_WRONG_KEPT)
        self._seen = SeenTally()

    def add(self, line: ResultLine, label: str | None) -> None:
        """Count one image."""
        right = self.right
        self._add(line, label)
        self._seen.add(line.seen, None if label is None else self.right > right)

    def _add(self, line: ResultLine, label: str | None) -> None:
        self.images += 1
        text = None if line.error is not None else line.text
        if text is None:
            # A line with neither text nor error breaks the contract: the worker failed on it.
            self.errors[line.error.code if line.error is not None else "worker_error"] += 1
        else:
            self.answered += 1
        unsure = self._sure.add(text, line.probability)
        if label is not None:
            self._compare(line, label, text, unsure)

    def _compare(self, line: ResultLine, label: str, text: str | None, unsure: bool) -> None:
        folded = self._fold(label)
        self.labelled += 1
        self.lengths[len(folded)] += 1
        self.characters.update(folded)
        self._count_outside(folded, label)
        if text is None:
            self.edits += len(folded)
            return
        self.labelled_answered += 1
        answer = self._fold(text)
        right = folded == answer
        self.characters_right.update(
            folded if right else [a for a, b in zip(folded, answer, strict=False) if a == b]
        )
        self._sure.add_labelled(unsure, right)
        if (probability := _finite(line.probability)) is not None:
            self.probability_units[right] += round(probability * _PROBABILITY_UNITS)
            self.probabilities[right] += 1
        if not right:
            self._add_edits(folded, answer)
        if unsure:
            return
        if right:
            self.right += 1
            self.lengths_right[len(folded)] += 1
        else:
            self._add_wrong(line, label, text)

    def _count_outside(self, folded: str, label: str) -> None:
        """Count a label that the model, or the job's constraints, made impossible to answer."""
        if self._charset is None or self._answerable is None:
            return
        outside = set(folded) - self._answerable
        if outside:
            beyond_model = outside - self._charset
            self.beyond_model += bool(beyond_model)
            self.left_out += len(outside) > len(beyond_model)
            self.outside += 1
            self.outside_characters.update(outside)
        texts = self._allowed.texts
        # Without case a label stands for many texts, of which some may be allowed; where the job was read
        # without case as well, it is known of all of them at once.
        is_known = self._allowed.ignore_case or not self._ignore_case
        if texts is not None and is_known and not outside:
            self._count_ruled_out(label, texts)

    def _count_ruled_out(self, label: str, texts: Container[object]) -> None:
        if label in texts:
            return
        self.ruled_out += 1
        self.ruled_out_by.update(
            rule.name for rule in self._allowed.rules if rule.texts is None or label not in rule.texts
        )

    def _add_edits(self, label: str, answer: str) -> None:
        edits = edits_of(label, answer)
        self.edits += len(edits)
        self.confusions.update(edits)

    def _add_wrong(self, line: ResultLine, label: str, text: str) -> None:
        probability = _finite(line.probability)
        wrong = WrongAnswer(line.id, line.file, label, text, probability, line.n_best)
        self._wrong.offer((1.0 if probability is None else -probability, line.id), wrong)

    def _fold(self, text: str) -> str:
        return text.casefold() if self._ignore_case else text

    def _mean(self, right: bool) -> float | None:
        if not (answers := self.probabilities[right]):
            return None
        return self.probability_units[right] / (answers * _PROBABILITY_UNITS)

    def report(self, labels: LabelSource) -> AccuracyReport:
        """The sums as a report."""
        return AccuracyReport(
            images=self.images,
            answered=self.answered,
            errors=dict(_ranked(self.errors)),
            labels=labels.name,
            ignore_case=self._ignore_case,
            exact_match=_share(self.right, self.labelled),
            answered_exact_match=_share(self.right, self.labelled_answered),
            label_characters=self.characters.total(),
            characters_right=self.characters_right.total(),
            edits=self.edits,
            by_length=tuple(
                LengthRow(n, Share(self.lengths_right[n], self.lengths[n])) for n in sorted(self.lengths)
            ),
            by_character=tuple(
                CharacterRow(c, share) for c, share in most_missed(self.characters_right, self.characters)
            ),
            confusions=tuple(most_frequent(self.confusions, self.characters)[:MAX_CONFUSIONS_KEPT]),
            confusions_total=self.confusions.total(),
            wrong=self._wrong.items(),
            wrong_total=self.labelled_answered - self._sure.unsure_labelled - self.right,
            outside_charset=None if self._charset is None else self.outside,
            ruled_out=None if self._allowed.has_lost_words else self.ruled_out,
            outside_characters=tuple(c for c, _ in _ranked(self.outside_characters)[:MAX_OUTSIDE_KEPT]),
            mean_probability_right=self._mean(True),
            mean_probability_wrong=self._mean(False),
            notes=tuple(self._notes(labels)),
            sure=self._sure.figures(),
            seen=self._seen.figures(),
        )

    def _notes(self, labels: LabelSource) -> Iterable[str]:
        if self.images and (note := labels.note(self.images, self.labelled)) is not None:
            yield note
        # File names are taken for labels unasked, so they may be none; a CSV was written to be labels.
        doubt = isinstance(labels, StemLabels)
        unless = "if the file names are no labels, use --labels none; if they are, " if doubt else ""
        if self.beyond_model:
            why = "that this model cannot answer"
            advice = "train a model on such images (model-zoo train)"
            yield f"{self._labels_using(self.beyond_model)} {why}; {unless}{advice}"
        if self.left_out:
            why, advice = f"that {self._allowed.charset_by} leaves out", "give a wider --charset"
            yield f"{self._labels_using(self.left_out)} {why}; {unless}{advice}"
        rules = [rule.name for rule in self._allowed.rules]
        if self.ruled_out:
            verb = "is" if self.ruled_out == 1 else "are"
            # Each rule by itself may allow what all of them together do not.
            by = listed([name for name in rules if name in self.ruled_out_by] or rules)
            counted = f"{self.ruled_out:,} of {self.labelled:,} labels {verb} ruled out by {by}"
            yield f"{counted}; {unless}allow them"
        if self._allowed.has_lost_words and self.labelled:
            yield (
                "the words of this job (lexicon.txt in its run folder) are missing or are not those it was "
                f"sent with, so labels ruled out by {listed(rules or ['--lexicon'])} are not counted"
            )
        if 0 < self.labelled < FEW_LABELS:
            noun = "label" if self.labelled == 1 else "labels"
            yield f"exact match rests on {self.labelled} {noun}: trust its interval, not the figure alone"

    def _labels_using(self, number: int) -> str:
        return f"{number} of {self.labelled} labels {'uses' if number == 1 else 'use'} characters"


def _finite(probability: float | None) -> float | None:
    """None for what JSON readers accept beyond numbers (NaN, Infinity), so that no mean is spoilt."""
    return probability if probability is not None and math.isfinite(probability) else None


def _share(right: int, n: int) -> Share | None:
    return Share(right, n) if n else None


def _ranked(counts: Counter[str]) -> list[tuple[str, int]]:
    """Largest count first; equal counts in the order of their keys, so that no order of lines shows."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))

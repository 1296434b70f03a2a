"""What protects a captcha and what does not: sentences that measurements on its own images carry."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from model_zoo.figures import Share
from model_zoo.statistics import wilson_interval
from model_zoo.style.appearance import Appearance
from model_zoo.style.audit_runner import TARGET
from model_zoo.style.audit_verdict import BROKEN, targets_in_words
from model_zoo.style.audit_verdict import Verdict as OfAudit
from model_zoo.style.curve_text import in_words, share_in_words
from model_zoo.style.figures import Answer, Figures
from model_zoo.style.texts import Texts
from model_zoo.told import count, percent, percents
from model_zoo.visible import visible_character

Verdict = Literal["protects", "helps", "does not", "measured"]

# So many samples anyone labels in an afternoon.
_FEW_SAMPLES = 200

# Below so many occurrences a character's share says too little to name it.
_FEW = 10


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        title: what it is.
        verdict: `protects`, `helps` (some), `does not`, or `measured` (a fact that alone decides nothing).
        text: what was measured and what follows from it.
    """

    title: str
    verdict: Verdict
    text: str


def findings(
    texts: Texts,
    appearance: Appearance,
    sizes: int,
    figures: Figures,
    answers: Sequence[Answer],
    verdict: OfAudit,
) -> tuple[Finding, ...]:
    """Everything that was looked at, in the order of a report.

    Args:
        texts: of all labels.
        appearance: of the images.
        sizes: how many different sizes in pixels the images have.
        figures: of the median run with the most samples.
        answers: of that run.
        verdict: of the audit.
    """
    return (
        _samples(verdict),
        _guessing(texts, figures),
        *([_repeats(texts)] if texts.repeats else []),
        _length(texts, figures),
        _look(appearance, sizes, verdict),
        _confusable(figures, answers),
        _characters(figures),
        *([_position(figures)] if len(figures.by_position) > 1 else []),
        *([_choosy(answers)] if len(answers) >= 2 * _FEW else []),
    )


def _samples(verdict: OfAudit) -> Finding:
    title = "Many samples needed"
    curve, most = verdict.curve, verdict.curve.levels[-1]
    broken = verdict.at(BROKEN)
    breaks = f"{share_in_words(BROKEN)}, which breaks a scheme"
    read = f"{count(most.size, 'sample')} {percent(most.value)} are read ({percents(most.low, most.high)})"
    unknown = "What more samples or longer training would do was not measured."
    if verdict.kind == "broken":
        further = f"Samples for {targets_in_words(verdict, (0.1, 0.5, TARGET))}."
        if not broken.samples:
            told = (
                f"None are needed: {percent(verdict.zero_shot.value)} are read without any, and "
                f"{share_in_words(BROKEN)} breaks a scheme. {further}"
            )
            return Finding(title, "does not", told)
        told = (
            f"{_first_upper(in_words(broken, curve))} are enough to read {breaks}; labelled by hand, they "
            f"take about {_minutes(broken.samples)} at ten seconds each. {further}"
        )
        return Finding(title, "does not" if broken.samples <= _FEW_SAMPLES else "helps", told)
    if verdict.made:
        return Finding(title, "measured", f"No answer yet: {verdict.made}.")
    if verdict.kind == "holds":
        return Finding(title, "protects", f"Even with {read}, and not {breaks}. {unknown}")
    told = f"With {read}; the test images are too few to tell that from {breaks}. {unknown}"
    return Finding(title, "measured", told)


def _first_upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _minutes(samples: int) -> str:
    minutes = max(round(samples / 6), 1)
    return count(minutes, "minute") if minutes < 100 else count(round(minutes / 60), "hour")


def _guessing(texts: Texts, figures: Figures) -> Finding:
    most_bits = math.log2(texts.alphabet)
    even = "about equally often" if texts.bits > 0.97 * most_bits else "not equally often"
    text = (
        f"{texts.alphabet} characters, used {even} ({texts.bits:.2f} of at most {most_bits:.2f} bits each). "
        f"A blind guess is right once in {_rounded(1 / texts.guess)}."
    )
    if texts.guess > 0.001:
        return Finding("Number of possible texts", "does not", f"{text} Guessing alone gets in.")
    if figures.exact_match.interval[0] <= texts.guess:
        return Finding("Number of possible texts", "protects", text)
    times = _rounded(figures.exact_match.value / texts.guess)
    told = f"{text} Against guessing that is enough; the reader is right {times} times as often."
    return Finding("Number of possible texts", "helps", told)


def _rounded(value: float) -> str:
    """A large number that nobody wants in full: "10,000", "2.2 billion"."""
    for size, name in ((10**12, " trillion"), (10**9, " billion"), (10**6, " million")):
        if value >= size:
            return f"{value / size:,.1f}{name}"
    return f"{value:,.0f}"


def _repeats(texts: Texts) -> Finding:
    return Finding(
        "Texts that come again",
        "does not",
        f"{count(texts.same, 'pair')} of the {texts.labels:,} images show the same text; chance alone would "
        f"give about {texts.same_expected:.1g}. The texts seem to be drawn from a list, which can be learnt.",
    )


def _length(texts: Texts, figures: Figures) -> Finding:
    if len(texts.lengths) == 1:
        return Finding(
            "Length of the text",
            "does not",
            f"All texts have {next(iter(texts.lengths))} characters, which a reader need not find out.",
        )
    tested = [(length, share) for length, share in figures.by_length if share.n >= _FEW]
    shown = ", ".join(f"{length}: {percent(share.value)} of {share.n}" for length, share in tested)
    text = f"{min(texts.lengths)} to {max(texts.lengths)} characters. Read right by length: {shown}."
    if len(tested) > 1 and _apart([share for _, share in tested]):
        return Finding("Length of the text", "helps", f"{text} Some lengths are read less well.")
    return Finding("Length of the text", "does not", f"{text} No difference beyond chance.")


def _apart(shares: Sequence[Share]) -> bool:
    """Whether the worst and the best differ by more than their intervals leave open.

    The worst of many is bad by chance too, so the intervals are as wide as Bonferroni asks for so many.
    """
    worst, best = min(shares, key=lambda it: it.value), max(shares, key=lambda it: it.value)
    return _strict(worst, len(shares))[1] < _strict(best, len(shares))[0]


def _strict(share: Share, of: int) -> tuple[float, float]:
    """The interval that holds for all of so many shares at once, 95 % of the time."""
    return wilson_interval(share.right, share.n, 1 - 0.05 / of)


def _look(appearance: Appearance, sizes: int, verdict: OfAudit) -> Finding:
    size = "one size" if sizes == 1 else f"{sizes} sizes"
    low, high, common = appearance.ground_low, appearance.ground_high, percent(appearance.common)
    ground = (
        f"the ground is of one grey ({low:.0f} of 255)"
        if high - low < 10
        else f"the ground's grey lies between {low:.0f} and {high:.0f} of 255"
    )
    text = (
        f"Images of {size}; {ground}; {common} of what differs between pixels is the same in "
        f"all of {appearance.images} images."
    )
    half = verdict.at(0.5)
    if half.samples is not None and half.samples <= _FEW_SAMPLES:
        enough = f"with {in_words(half, verdict.curve)}" if half.samples else "without samples"
        return Finding("Variety of the look", "does not", f"{text} All the same, half are read {enough}.")
    return Finding("Variety of the look", "measured", text)


def _confusable(figures: Figures, answers: Sequence[Answer]) -> Finding:
    title = "Characters that look alike"
    pairs: Counter[frozenset[str]] = Counter()
    for it in figures.confusions:
        if it.kind == "replaced":
            pairs[frozenset((it.label_character, it.answer_character))] += it.count
    edits = sum(it.count for it in figures.confusions)
    ranked = sorted(pairs.items(), key=lambda item: (-item[1], sorted(item[0])))
    often = [pair for pair, times in ranked[:3] if times > 1]
    if not often:
        return Finding(title, "does not", "No two characters were taken for each other more than once.")
    shown = ", ".join(
        f"{' and '.join(visible_character(char) for char in sorted(pair))} ({pairs[pair]} times)"
        for pair in often
    )
    repaired = sum(_same_but_for(it.file.label, it.text, often) for it in answers)
    text = (
        f"Taken for each other most often: {shown}, {sum(pairs[pair] for pair in often)} of {edits} wrong "
        f"characters. Without these, {percent(repaired / len(answers))} would be read right instead of "
        f"{percent(figures.exact_match.value)}. Whether people confuse them too was not measured."
    )
    return Finding(title, "helps", text)


def _same_but_for(label: str, text: str, pairs: Sequence[frozenset[str]]) -> bool:
    return len(label) == len(text) and all(
        a == b or frozenset((a, b)) in pairs for a, b in zip(label, text, strict=True)
    )


def _characters(figures: Figures) -> Finding:
    known = [(char, share) for char, share in figures.by_character if share.n >= _FEW]
    title = "Single hard characters"
    if not known:
        return Finding(title, "measured", "No character stands in the test part often enough to tell.")
    if all(share.right == share.n for _, share in known):
        return Finding(title, "does not", f"None: of {len(known)} characters not one was missed.")
    char, worst = min(known, key=lambda row: (row[1].value, row[0]))
    low, high = worst.interval
    text = (
        f"The hardest is {visible_character(char)}: in place {percent(worst.value)} of {worst.n} times "
        f"({percents(low, high)}), against {percent(figures.characters.value)} of all characters."
    )
    helps = _strict(worst, len(known))[1] < figures.characters.interval[0]
    return Finding(
        title, "helps" if helps else "does not", text + ("" if helps else " That is within chance.")
    )


def _position(figures: Figures) -> Finding:
    shares = figures.by_position
    if all(share.right == share.n for share in shares):
        return Finding("Place in the text", "does not", "No place is harder than another: none was missed.")
    worst = min(range(len(shares)), key=lambda at: shares[at].value)
    best = max(range(len(shares)), key=lambda at: shares[at].value)
    text = (
        f"The hardest place is number {worst + 1} ({percent(shares[worst].value)} in place), the easiest "
        f"number {best + 1} ({percent(shares[best].value)})."
    )
    helps = _apart([share for share in shares if share.n >= _FEW] or shares)
    more = "" if helps else " The difference is within chance."
    return Finding("Place in the text", "helps" if helps else "does not", text + more)


def _choosy(answers: Sequence[Answer]) -> Finding:
    surest = sorted(answers, key=lambda it: -it.probability)[: len(answers) // 2]
    share = Share(sum(it.text == it.file.label for it in surest), len(surest))
    text = (
        f"Of the half of the images that the reader is surest of, it reads {percent(share.value)} right "
        f"({percents(*share.interval)}). A bot that may ask for another image has that rate."
    )
    verdict: Verdict = "does not" if share.interval[0] >= 0.5 else "measured"
    return Finding("Asking for another image", verdict, text)

"""The worked example of docs/decoding.md, in exact fractions and the standard library alone.

    python examples/decoding_by_hand.py

prints every table and every sum of the example as Markdown. The code is the decoder in its plainest form: no
cap, no batch, no rounding. A test holds the document to what this prints, and this to `model_zoo.decode`.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

Frames = Sequence[Sequence[Fraction]]  # (T, C), class 0 the blank
Text = tuple[int, ...]

SYMBOLS = "-ab"  # the blank, a, b
A, B = 1, 2
TENTHS = ((6, 3, 1), (5, 3, 2), (5, 4, 1))
FRAMES: Frames = [[Fraction(n, 10) for n in row] for row in TENTHS]


@dataclass(frozen=True)
class Automaton:
    """Allowed strings: the state after each character, and the states in which a string may end."""

    moves: tuple[dict[int, int], ...]
    ends: tuple[bool, ...]


EVERYTHING = Automaton(({A: 0, B: 0},), (True,))
LENGTH_2 = Automaton(({A: 1, B: 1}, {A: 2, B: 2}, {}), (False, False, True))


@dataclass(frozen=True)
class Step:
    """One prefix that the search looked at: its own probability (0 if not allowed), the masses behind its
    children, the best string so far and the largest mass that waits."""

    prefix: Text
    own: Fraction
    children: dict[Text, Fraction]
    best: tuple[Text, Fraction] | None
    waiting: tuple[Text, Fraction] | None


def collapse(path: Sequence[int]) -> Text:
    """Merge what repeats without a break, then drop the blanks."""
    return tuple(c for t, c in enumerate(path) if c != 0 and (t == 0 or path[t - 1] != c))


def all_strings(frames: Frames) -> dict[Text, dict[Text, Fraction]]:
    """Every string with its paths, and the probability of each path."""
    found: dict[Text, dict[Text, Fraction]] = {}
    for path in product(range(len(frames[0])), repeat=len(frames)):
        probability = Fraction(1)
        for frame, symbol in zip(frames, path, strict=True):
            probability *= frame[symbol]
        found.setdefault(collapse(path), {})[path] = probability
    return found


def forward(frames: Frames, prefix: Text) -> tuple[list[Fraction], list[Fraction]]:
    """label[t], blank[t]: the first t frames spell the prefix and end in its last character, in the blank."""
    T = len(frames)
    blank = [Fraction(1)]
    for frame in frames:
        blank.append(blank[-1] * frame[0])
    label = [Fraction(0)] * (T + 1)
    for i, symbol in enumerate(prefix):
        repeats = i > 0 and prefix[i - 1] == symbol
        entering = [b if repeats else b + a for b, a in zip(blank, label, strict=True)]
        label, blank = [Fraction(0)], [Fraction(0)]
        for t, frame in enumerate(frames):
            before = label[-1]
            label.append((before + entering[t]) * frame[symbol])
            blank.append((blank[-1] + before) * frame[0])
    return label, blank


def completions(frames: Frames, rule: Automaton) -> list[list[dict[int, Fraction]]]:
    """entry[state][t][c]: frame t is c, and the frames behind it then complete an allowed string."""
    T, states = len(frames), range(len(rule.moves))
    entry: list[list[dict[int, Fraction]]] = [[{} for _ in range(T)] for _ in states]
    # What follows, where the frame before was a blank, and where it was character c: that may go on.
    opened = [Fraction(end) for end in rule.ends]
    closed = [dict.fromkeys((A, B), Fraction(end)) for end in rule.ends]
    for t in reversed(range(T)):
        frame = frames[t]
        for q in states:
            entry[q][t] = {c: frame[c] * closed[target][c] for c, target in rule.moves[q].items()}
        after_blank = [frame[0] * opened[q] for q in states]
        closed = [
            {
                c: after_blank[q]
                + frame[c] * closed[q][c]
                + sum((p for d, p in entry[q][t].items() if d != c), Fraction(0))
                for c in (A, B)
            }
            for q in states
        ]
        opened = [after_blank[q] + sum(entry[q][t].values(), Fraction(0)) for q in states]
    return entry


def child_terms(
    frames: Frames, rule: Automaton, prefix: Text, symbol: int
) -> list[tuple[Fraction, Fraction]]:
    """Summed products: the mass behind a child, by the frame in which its last character begins."""
    label, blank = forward(frames, prefix)
    repeats = prefix[-1:] == (symbol,)
    entry = completions(frames, rule)[state_of(rule, prefix)]
    reached = [b if repeats else b + a for b, a in zip(blank, label, strict=True)]
    return [(reached[t], entry[t].get(symbol, Fraction(0))) for t in range(len(frames))]


def state_of(rule: Automaton, prefix: Text) -> int:
    """The state that a prefix leads to."""
    state = 0
    for symbol in prefix:
        state = rule.moves[state][symbol]
    return state


def search(frames: Frames, rule: Automaton) -> Iterator[Step]:
    """Best first; the last step's best string is the answer."""
    heap: list[tuple[Fraction, Text]] = [(Fraction(-1), ())]
    best: tuple[Text, Fraction] | None = None
    while heap and (best is None or -heap[0][0] >= best[1]):
        prefix = heapq.heappop(heap)[1]
        state = state_of(rule, prefix)
        label, blank = forward(frames, prefix)
        own = (label[-1] + blank[-1]) * rule.ends[state]
        if own and (best is None or own > best[1]):
            best = (prefix, own)
        children = {}
        for symbol in rule.moves[state]:
            mass = sum((p * q for p, q in child_terms(frames, rule, prefix, symbol)), Fraction(0))
            children[(*prefix, symbol)] = mass
            if mass:
                heapq.heappush(heap, (-mass, (*prefix, symbol)))
        waiting = (heap[0][1], -heap[0][0]) if heap else None
        yield Step(prefix, own, children, best, waiting)


def mask(frames: Frames, kept: Sequence[int]) -> tuple[Frames, Fraction]:
    """The kept classes of each frame, made to sum to one, the others 0; and the share of paths kept."""
    share, masked = Fraction(1), []
    for frame in frames:
        total = sum((frame[c] for c in kept), Fraction(0))
        share *= total
        masked.append([frame[c] / total if c in kept else Fraction(0) for c in range(len(frame))])
    return masked, share


def number(value: Fraction) -> str:
    """Three decimals where that is exact, else four."""
    return f"{float(value):.3f}" if (value * 1000).denominator == 1 else f"{float(value):.4f}"


def spell(text: Text) -> str:
    """A string in code marks; the empty one in words."""
    return f"`{''.join(SYMBOLS[c] for c in text)}`" if text else "(empty)"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def frames_table() -> str:
    rows = [[str(t), *map(number, frame)] for t, frame in enumerate(FRAMES, 1)]
    return table(["frame", "blank", "`a`", "`b`"], rows)


def strings_table() -> str:
    rows = []
    for text, paths in sorted(all_strings(FRAMES).items(), key=lambda it: -sum(it[1].values())):
        terms = ", ".join(f"`{''.join(SYMBOLS[c] for c in path)}` {number(p)}" for path, p in paths.items())
        rows.append([spell(text), terms, number(sum(paths.values(), Fraction(0)))])
    return table(["text", "its paths", "probability"], rows)


def forward_table() -> str:
    rows = []
    for prefix in ((), (A,)):
        label, blank = forward(FRAMES, prefix)
        if prefix:
            rows.append([spell(prefix), f"in {spell(prefix)}", *map(number, label)])
        rows.append([spell(prefix), "in the blank", *map(number, blank)])
    return table(["prefix", "ends", "after 0 frames", "after 1", "after 2", "after 3"], rows)


def mass_line(rule: Automaton, prefix: Text, symbol: int) -> str:
    terms = [(p, q) for p, q in child_terms(FRAMES, rule, prefix, symbol) if p and q]
    total = sum((p * q for p, q in terms), Fraction(0))
    products = " + ".join(f"{number(p)} * {number(q)}" for p, q in terms)
    name = "".join(SYMBOLS[c] for c in (*prefix, symbol))
    return f"mass({name}){' ' * (2 - len(name))} = {products} = {number(total)}"


def masses_block(rule: Automaton) -> str:
    children = [((), A), ((), B), ((A,), A), ((A,), B)]
    return "\n".join(["```", *(mass_line(rule, prefix, c) for prefix, c in children), "```"])


def search_table(rule: Automaton) -> str:
    rows = []
    for i, step in enumerate(search(FRAMES, rule), 1):
        children = ", ".join(f"{spell(text)} {number(mass)}" for text, mass in step.children.items())
        best = f"{spell(step.best[0])} {number(step.best[1])}" if step.best else "none"
        waiting = f"{spell(step.waiting[0])} {number(step.waiting[1])}" if step.waiting else "none"
        own = number(step.own) if step.own else "not allowed"
        rows.append([str(i), spell(step.prefix), own, children or "none", best, waiting])
    head = ["step", "prefix", "as a text", "masses behind its children", "best so far", "largest waiting"]
    return table(head, rows)


def entry_table() -> str:
    entry = completions(FRAMES, LENGTH_2)
    rows = [
        [f"{q}, `{SYMBOLS[c]}`", *(number(entry[q][t][c]) if t >= q else "-" for t in range(len(FRAMES)))]
        for q in (1, 0)
        for c in (A, B)
    ]
    return table(["characters before, character", "frame 1", "frame 2", "frame 3"], rows)


def length_line() -> str:
    strings = {text: sum(paths.values()) for text, paths in all_strings(FRAMES).items() if len(text) == 2}
    total = Fraction(sum(strings.values()))
    *_, last = search(FRAMES, LENGTH_2)
    assert last.best is not None
    terms = " + ".join(number(Fraction(p)) for p in strings.values())
    name = "".join(SYMBOLS[c] for c in last.best[0])
    ratio = f"P({name} | two characters) = {number(last.best[1])} / {number(total)}"
    return f"```\nallowed mass = {terms} = {number(total)}\n{ratio} = {number(last.best[1] / total)}\n```"


def charset_table() -> str:
    masked, share = mask(FRAMES, (0, A))
    free, kept = all_strings(FRAMES), all_strings(masked)
    rows = []
    for text in ((), (A,), (A, A)):
        before, after = sum(free[text].values()), sum(kept[text].values())
        assert before == after * share
        rows.append([spell(text), number(Fraction(before)), number(share), number(Fraction(after))])
    return table(["text", "among all", "share of the paths kept", "among those kept"], rows)


def blocks() -> list[str]:
    """The example's tables and sums, in the document's order."""
    return [
        frames_table(),
        strings_table(),
        forward_table(),
        masses_block(EVERYTHING),
        search_table(EVERYTHING),
        entry_table(),
        masses_block(LENGTH_2),
        search_table(LENGTH_2),
        length_line(),
        charset_table(),
    ]


if __name__ == "__main__":
    print("\n\n".join(blocks()))

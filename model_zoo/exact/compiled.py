"""The exact search, compiled by numba: one item after the other, in float64, without the GIL.

docs/decoding.md explains what is computed. Probabilities are linear, so an item can only lose to underflow:
one that comes near it, or whose scores are not ordinary numbers, is left to the logarithms of
`model_zoo.exact.levels`.

All of it stands in one file because numba's cache on the disk only notices changes of the file itself; arrays
go into functions whole, with an index, because a view of a row costs more than the work on it.
"""

from __future__ import annotations

import math

import numpy as np
from numba import types
from numba.extending import intrinsic

from model_zoo.exact.tables import CAPPED, HOPELESS, LEAST, LEFT, NOWHERE, PROVEN, SLACK, TIE
from model_zoo.jit import compiled as _compiled

# Sums may be reordered and fused (for vector instructions); NaN keeps its meaning.
_SUMS = {"contract", "reassoc", "nsz", "arcp"}
_NUMBERS = _SUMS | {"nnan"}  # lets a maximum be found in vectors
_EXACT = {"contract"}  # in the exponential: a - n * b - n * c must not become a - n * (b + c)

# After so many prefixes a search that is far from its end goes no further.
_PATIENCE, _TIMES = 256, math.exp(-HOPELESS)

# Scores below -708 are taken for zero: of a frame with this much, 1e-267, so no string of 1e-250 is lost.
_FAINT = 1e-40
_ROUNDING = 1e-12  # of a mass, relative: generous


@intrinsic
def _bits_of(_context, _value):
    """The 64 bits of a float as an integer."""

    def codegen(context, builder, _signature, arguments):
        return builder.bitcast(arguments[0], context.get_value_type(types.int64))

    return types.int64(types.float64), codegen


@intrinsic
def _float_of(_context, _bits):
    """The float that 64 bits are."""

    def codegen(context, builder, _signature, arguments):
        return builder.bitcast(arguments[0], context.get_value_type(types.float64))

    return types.float64(types.int64), codegen


@_compiled(_EXACT)
def _exp(x: float) -> float:
    """exp(x) to the last bit or two, in instructions that vectorise (Cody and Waite's reduction, Taylor).

    Zero below -708, where normal numbers end; NaN above 700 and for NaN, so that sums show what is no score.
    """
    shifted = max(x, -708.0) * 1.4426950408889634 + 6755399441055744.0  # 1.5 * 2**52: rounds to an integer
    n = shifted - 6755399441055744.0
    r = max(x, -708.0) - n * 6.93147180369123816490e-01
    r = r - n * 1.90821492927058770002e-10
    y = 1.6059043836821613e-10
    y = y * r + 2.08767569878681e-09
    y = y * r + 2.505210838544172e-08
    y = y * r + 2.755731922398589e-07
    y = y * r + 2.7557319223985893e-06
    y = y * r + 2.48015873015873e-05
    y = y * r + 1.984126984126984e-04
    y = y * r + 1.388888888888889e-03
    y = y * r + 8.333333333333333e-03
    y = y * r + 4.1666666666666664e-02
    y = y * r + 1.6666666666666666e-01
    y = y * r + 0.5
    y = y * r + 1.0
    y = y * r + 1.0
    y = y * _float_of((_bits_of(shifted) + 1023) << 52)
    y = 0.0 if x < -708.0 else y
    return y if x <= 700.0 else math.nan


@_compiled(_EXACT)
def _exponentials(scores, item, w):
    for j in range(w.size):
        w[j] = _exp(np.float64(scores[item, j]))


@_compiled(_SUMS)
def _sums(w, sums):
    for t in range(w.shape[0]):
        total = 0.0
        for c in range(w.shape[1]):
            total += w[t, c]
        sums[t] = total


@_compiled(_EXACT)
def _prepare(scores, item, columns, flat, all_columns, p, sums):
    """The frames of one item as probabilities over the columns, into the upper left of p.

    Returns:
        The logarithm of the columns' share in what the model says; NaN where the scores are no numbers.
    """
    T, C = all_columns.shape
    K = columns.size
    _exponentials(scores, item, flat)  # fills all_columns, which is the same memory
    _sums(all_columns, sums)
    share = 0.0
    good = True
    if K == C:
        for t in range(T):
            good = good and sums[t] > _FAINT and sums[t] < 1e290
            inverse = 1.0 / sums[t]
            for k in range(K):
                p[t, k] = all_columns[t, k] * inverse
    else:
        for t in range(T):
            chosen = 0.0
            for k in range(K):
                p[t, k] = all_columns[t, columns[k]]
                chosen += p[t, k]
            good = good and chosen > _FAINT and sums[t] < 1e290
            share += math.log(chosen / sums[t])
            inverse = 1.0 / chosen
            for k in range(K):
                p[t, k] *= inverse
    return min(share, 0.0) if good else math.nan


@_compiled(_EXACT)
def _forward(p, T, label, blank, parent, node, column, parent_column, start):
    """Forward probabilities of a prefix from those of its parent; its own probability as a whole string.

    label[node, t], blank[node, t]: of the paths of t frames that spell the prefix and end in its last
    character, in the blank (Graves et al. 2006, section 4.1). They are zero before frame `start`, the
    parent's length.
    """
    in_label = 0.0
    in_blank = 0.0
    for t in range(start + 1):
        label[node, t] = 0.0
        blank[node, t] = 0.0
    repeats = column == parent_column
    for t in range(start, T):
        entering = blank[parent, t]
        if not repeats:  # the same character again is a new one only behind a blank
            entering += label[parent, t]
        p_label, p_blank = p[t, column], p[t, 0]
        in_blank = p_blank * in_blank + p_blank * in_label
        in_label = p_label * in_label + p_label * entering
        label[node, t + 1] = in_label
        blank[node, t + 1] = in_blank
    for t in range(T + 1, label.shape[1]):
        label[node, t] = 0.0
        blank[node, t] = 0.0
    return in_label + in_blank


@_compiled(_SUMS)
def _child_masses(entry, state, label, blank, node, column, start, rows):
    """The allowed mass behind each child of a prefix, into its row; column 0 is the blank and means nothing.

    entry[q, t, c]: probability that frame t is c, times the allowed mass after it. The number of frames is a
    multiple of four, the last ones zero.
    """
    T, K = entry.shape[1], entry.shape[2]
    for c in range(K):
        rows[node, c] = 0.0
    for t in range(start & ~3, T, 4):
        first = blank[node, t] + label[node, t]
        second = blank[node, t + 1] + label[node, t + 1]
        third = blank[node, t + 2] + label[node, t + 2]
        fourth = blank[node, t + 3] + label[node, t + 3]
        for c in range(K):
            rows[node, c] += (
                first * entry[state, t, c]
                + second * entry[state, t + 1, c]
                + third * entry[state, t + 2, c]
                + fourth * entry[state, t + 3, c]
            )
    rows[node, 0] = -1.0
    if column > 0:  # summed on its own: subtracting would lose every digit where this class is nearly certain
        again = 0.0
        for t in range(start, T):
            again += blank[node, t] * entry[state, t, column]
        rows[node, column] = again


@_compiled(_NUMBERS)
def _best_column(rows, node):
    """The largest entry of a node's row, the first of several."""
    largest = rows[node, 0]
    for c in range(rows.shape[1]):
        largest = max(largest, rows[node, c])
    column = 0
    while rows[node, column] != largest:
        column += 1
    return column


@_compiled(_NUMBERS)
def _completions(p, T, automaton, entry, totals, opened, closed, normal):
    """The allowed mass behind every state and frame, backwards; returns that of all allowed strings.

    opened[q]: the mass of completing an allowed string from a state, where the frame before was the blank (or
    none); closed[q, c]: where it was class c, which then goes on instead of entering again.
    entry[q, t, c]: probability that frame t is class c and leads to state q, times the mass behind it. What
    leads out of a state stands in entry[source[q]]; for an irregular one it is gathered there.
    """
    following, source, accepting, depth, rest, entered, irregular = automaton
    S = accepting.size
    K = p.shape[1]
    for q in range(S):
        opened[q] = accepting[q]
        for c in range(K):
            closed[q, c] = accepting[q]
    for t in range(T - 1, -1, -1):
        for c in range(K):
            normal[c] = p[t, c]
        p_blank = normal[0]
        normal[0] = 0.0
        for q in range(S):
            total = 0.0
            if depth[q] > t + 1 or rest[q] > T - t - 1:  # not to be reached yet, or too late to be completed
                for c in range(K):
                    entry[q, t, c] = 0.0
            elif entered[q]:
                for c in range(K):
                    value = normal[c] * closed[q, c]
                    entry[q, t, c] = value
                    total += value
            totals[q] = total
        for i in range(irregular.size):
            q = irregular[i]
            total = 0.0
            for c in range(following.shape[1]):
                goal = following[q, c]
                value = entry[goal, t, c] if goal >= 0 else 0.0
                entry[S + i, t, c] = value
                total += value
            totals[S + i] = total
        for q in range(S):
            if depth[q] > t or rest[q] > T - t:
                continue
            base = p_blank * opened[q]
            out = source[q]
            if out == NOWHERE:
                opened[q] = base
                for c in range(K):
                    closed[q, c] = base + entry[q, t, c]
                continue
            total = totals[out]
            whole = base + total
            opened[q] = whole
            if not entered[q]:
                continue
            for c in range(K):
                closed[q, c] = (whole - entry[out, t, c]) + entry[q, t, c]
            if total > 1000.0 * base:
                # One class may have nearly all of the total: then its others are summed, not subtracted.
                largest = 0.0
                for c in range(K):
                    largest = max(largest, entry[out, t, c])
                if largest > 0.999 * total:
                    top = 0
                    while entry[out, t, top] != largest:
                        top += 1
                    others = 0.0
                    for c in range(K):
                        others += entry[out, t, c] if c != top else 0.0
                    closed[q, top] = base + others + entry[q, t, top]
    return opened[0]


@_compiled(_EXACT)
def _push(heap_mass, heap_node, heap_column, size, mass, node, column):
    i = size
    while i > 0:
        above = (i - 1) >> 1
        if heap_mass[above] >= mass:
            break
        heap_mass[i] = heap_mass[above]
        heap_node[i] = heap_node[above]
        heap_column[i] = heap_column[above]
        i = above
    heap_mass[i] = mass
    heap_node[i] = node
    heap_column[i] = column


@_compiled(_EXACT)
def _sink(heap_mass, heap_node, heap_column, size, mass, node, column):
    """Put an entry in the place of the first of `size`."""
    i = 0
    below = 1
    while below < size:
        if below + 1 < size and heap_mass[below + 1] > heap_mass[below]:
            below += 1
        if heap_mass[below] <= mass:
            break
        heap_mass[i] = heap_mass[below]
        heap_node[i] = heap_node[below]
        heap_column[i] = heap_column[below]
        i = below
        below = 2 * i + 1
    heap_mass[i] = mass
    heap_node[i] = node
    heap_column[i] = column


@_compiled(_EXACT)
def _spell(node, parents, columns, lengths, out, i, j):
    """The columns of a prefix's characters into out[i, j]; its length."""
    length = lengths[node]
    for at in range(length - 1, -1, -1):
        out[i, j, at] = columns[node]
        node = parents[node]
    return length


@_compiled(_EXACT)
def _comes_first(a, b, parents, columns, lengths, spelt):
    """Whether prefix a is the smaller tuple of class ids (columns ascend with them)."""
    n = _spell(a, parents, columns, lengths, spelt, 0, 0)
    m = _spell(b, parents, columns, lengths, spelt, 0, 1)
    for at in range(min(n, m)):
        if spelt[0, 0, at] != spelt[0, 1, at]:
            return spelt[0, 0, at] < spelt[0, 1, at]
    return n < m


@_compiled(_EXACT)
def _has_nothing(rows, following, states, n):
    """Whether a child that the automaton allows has no mass at all."""
    for node in range(n):
        if rows[node, 0] < 0.0:
            for c in range(1, following.shape[1]):
                if rows[node, c] == 0.0 and following[states[node], c] >= 0:
                    return True
    return False


@_compiled(_EXACT)
def _is_hopeless(n, mass, best):
    """Whether there may be more prefixes before the best string than any search looks at."""
    return n >= _PATIENCE and 0.0 < best < mass * _TIMES


@_compiled(_SUMS)
def _untaken(rows, n):
    """The mass behind all children of n prefixes that were not looked at."""
    total = 0.0
    for node in range(n):
        for c in range(rows.shape[1]):
            total += max(rows[node, c], 0.0)
    return total


@_compiled(_EXACT)
def search(
    scores,
    columns,
    automaton,
    is_free,
    trie,
    n_best,
    limits,
    readings,
    lengths,
    chances,
    masses,
    shares,
    bounds,
    expanded,
    outcomes,
) -> None:
    """The `n_best` most probable allowed strings of each item.

    Args:
        scores: log-probabilities or raw scores, (N, T, C).
        columns: class ids that may occur, the blank's 0 first, ascending, (K,).
        automaton: of `Tables`, over the columns.
        is_free: every string over the columns is allowed.
        trie: of `Tables`; one node without words where there is no lexicon.
        n_best: readings wanted.
        limits: prefixes stored at most; expanded at most once none of 1e-3 or more waits; for a lexicon how
            many more are to narrow its mass, and how far, relative.
        readings: columns of the characters, (N, n_best, T), out.
        lengths: (N, n_best), -1 where there is no such reading, out.
        chances: probabilities among the strings over `columns`, (N, n_best), out.
        masses: of all allowed strings among those, lower and upper, (N, 2), out.
        shares: of the columns in what the model says, as a logarithm, (N,), out.
        bounds: no string outside `readings` has more, (N,), out.
        expanded: prefixes looked at, (N,), out.
        outcomes: PROVEN, CAPPED or LEFT, (N,), out.
    """
    N, T, C = scores.shape
    K = columns.size
    following, source, accepting, _depth, _rest, _entered, irregular = automaton
    first_child, child_column, is_word = trie
    has_words = child_column.size > 0
    stored, cap, narrowing, tolerance = limits
    S = following.shape[0]
    # Rounded up with zeros, so that the loops that matter run in whole vectors.
    T4, K8 = (T + 3) & ~3, (K + 7) & ~7
    p_all = np.empty((T, C))
    p = np.zeros((T4, K8))
    flat_scores, flat_p, sums = scores.reshape(N, T * C), p_all.reshape(T * C), np.empty(T)
    # Where all is allowed, what follows an entry is certain, and the frames themselves do.
    entry = p.reshape(1, T4, K8) if is_free else np.zeros((S + irregular.size, T4, K8))
    totals, opened = np.empty(S + irregular.size), np.empty(S)
    closed, normal = np.empty((S, K8)), np.empty(K8)
    label, blank = np.empty((stored, T4 + 1)), np.empty((stored, T4 + 1))
    rows = np.empty((stored, K8))
    parents, node_columns, node_lengths = (
        np.empty(stored, np.int32),
        np.empty(stored, np.int32),
        np.empty(stored, np.int32),
    )
    states, words = np.empty(stored, np.int32), np.empty(stored, np.int32)
    heap_mass, heap_node, heap_column = (
        np.empty(stored),
        np.empty(stored, np.int32),
        np.empty(stored, np.int32),
    )
    # A few more than wanted, so that of strings that tie for the last place the right one stays.
    kept = n_best + 16
    best_chance, best_node = np.empty(kept), np.empty(kept, np.int32)
    spelt = np.empty((1, 2, T), np.int32)
    children = np.empty(K, np.int32)

    for i in range(N):
        outcomes[i] = LEFT
        share = _prepare(flat_scores, i, columns, flat_p, p_all, p, sums)
        if not share <= 0.0:
            continue
        mass = 1.0
        if not is_free:
            mass = _completions(p, T, automaton, entry, totals, opened, closed, normal)
            if mass < LEAST:
                continue

        masses[i, 0], masses[i, 1], shares[i] = mass, mass, share
        # The empty prefix.
        label[0, :] = 0.0
        blank[0, :] = 0.0
        blank[0, 0] = 1.0
        chance = 1.0
        for t in range(T):
            chance *= p[t, 0]
            blank[0, t + 1] = chance
        parents[0], node_columns[0], node_lengths[0], states[0], words[0] = -1, 0, 0, 0, 0
        node, n, heap, found, cut = 0, 1, 0, 0, 0.0
        best_chance[0] = 0.0
        vanished = False
        total = 0.0  # of the allowed strings met
        open_mass = 0.0  # behind children not yet taken
        extra = 0
        outcomes[i] = PROVEN
        bounds[i] = 0.0
        while True:
            # `node` is new: the prefix as a string of its own, then the masses behind its children.
            rows[node, 0] = 0.0  # no masses yet
            state, length = states[node], node_lengths[node]
            allowed = is_word[words[node]] if has_words else accepting[state] > 0
            behind = mass
            if allowed:
                total += chance
                behind = mass - chance
                vanished = vanished or chance == 0.0
                if chance > 0.0 and (found < kept or chance >= best_chance[found - 1] * (1 - TIE)):
                    at = found
                    while at > 0:
                        other = best_chance[at - 1]
                        if abs(other - chance) <= TIE * max(other, chance):
                            if not _comes_first(
                                node, best_node[at - 1], parents, node_columns, node_lengths, spelt
                            ):
                                break
                        elif chance < other:
                            break
                        if at < kept:
                            best_chance[at], best_node[at] = other, best_node[at - 1]
                        at -= 1
                    if at < kept:
                        best_chance[at], best_node[at] = chance, node
                        found = min(found + 1, kept)
                    if found >= n_best:
                        # Strings that tie with the last are wanted too; twice the tie, for what rounding
                        # adds.
                        cut = best_chance[n_best - 1] * SLACK
            if length < T and source[state] >= 0 and (has_words or behind + _ROUNDING * mass >= cut):
                _child_masses(entry, source[state], label, blank, node, node_columns[node], length, rows)
                if has_words:
                    children[:] = -1
                    for child in range(first_child[words[node]], first_child[words[node] + 1]):
                        children[child_column[child]] = child
                    for k in range(K):
                        if children[k] < 0:
                            rows[node, k] = -1.0
                        else:
                            open_mass += rows[node, k]
                column = _best_column(rows, node)
                best = rows[node, column]
                if best > 0.0 and (has_words or best >= cut):
                    _push(heap_mass, heap_node, heap_column, heap, best, node, column)
                    heap += 1

            elif has_words:
                rows[node, :] = -1.0  # no child, and so no mass behind any

            # The next prefix: that with the most mass behind it.
            if heap == 0:
                break
            if heap_mass[0] < cut:
                if not has_words or extra >= narrowing:
                    break
                if open_mass <= tolerance * total:
                    # Taking away has left it inexact where it fell far: summed anew, it may not be so small.
                    open_mass = _untaken(rows, n)
                    if open_mass <= tolerance * total:
                        break
                extra += 1
            # Nothing is cut short while a string of 1e-3 or more may come: no length has 1000 such prefixes.
            if n == stored or (
                heap_mass[0] < 1e-3
                and (n >= cap or (not has_words and _is_hopeless(n, heap_mass[0], best_chance[0])))
            ):
                if heap_mass[0] >= cut:
                    outcomes[i] = CAPPED
                    bounds[i] = heap_mass[0]
                break
            mass, parent, column = heap_mass[0], heap_node[0], heap_column[0]
            rows[parent, column] = -1.0
            open_mass -= mass
            sibling = _best_column(rows, parent)
            best = rows[parent, sibling]
            if best > 0.0 and (has_words or best >= cut):
                _sink(heap_mass, heap_node, heap_column, heap, best, parent, sibling)
            else:
                heap -= 1
                _sink(
                    heap_mass,
                    heap_node,
                    heap_column,
                    heap,
                    heap_mass[heap],
                    heap_node[heap],
                    heap_column[heap],
                )
            node = n
            n += 1
            parents[node], node_columns[node], node_lengths[node] = parent, column, node_lengths[parent] + 1
            states[node] = following[states[parent], column]
            if has_words:
                at = first_child[words[parent]]
                while child_column[at] != column:
                    at += 1
                words[node] = at + 1
            chance = _forward(
                p, T, label, blank, parent, node, column, node_columns[parent], node_lengths[parent]
            )

        expanded[i] = n
        if (
            outcomes[i] == PROVEN
            and found < n_best
            and (vanished or _has_nothing(rows, following, states, n))
        ):
            # There may be more strings, whose probabilities are too small for a float.
            outcomes[i] = LEFT
            continue
        if outcomes[i] == PROVEN and (found == 0 or best_chance[min(found, n_best) - 1] < LEAST):
            outcomes[i] = LEFT
            continue
        if has_words:
            masses[i, 0] = total
            masses[i, 1] = (total + _untaken(rows, n)) * (1 + _ROUNDING)
        for j in range(n_best):
            lengths[i, j] = -1
            if j < found:
                chances[i, j] = best_chance[j]
                lengths[i, j] = _spell(best_node[j], parents, node_columns, node_lengths, readings, i, j)


@_compiled(_EXACT)
def best_paths(scores, columns, readings, lengths, chances, shares, outcomes) -> None:
    """The best class of each frame, collapsed, and the probability of that string over all its paths.

    Args and results as for `search`, with n_best of 1; `outcomes` is LEFT, or CAPPED: nothing is proven.
    """
    N, T, C = scores.shape
    K = columns.size
    p_all = np.empty((T, C))
    p = np.empty((T, K))
    flat_scores, flat_p, sums = scores.reshape(N, T * C), p_all.reshape(T * C), np.empty(T)
    in_label, in_blank = np.empty(T + 1), np.empty(T + 1)
    for i in range(N):
        outcomes[i] = LEFT
        shares[i] = _prepare(flat_scores, i, columns, flat_p, p_all, p, sums)
        if not shares[i] <= 0.0:
            continue
        length = 0
        before = 0
        for t in range(T):
            best = _best_column(p, t)
            if best != before and best > 0:
                readings[i, 0, length] = best
                length += 1
            before = best
        # Forward probabilities of all prefixes of the string at once (Graves et al. 2006, section 4.1).
        in_label[: length + 1] = 0.0
        in_blank[: length + 1] = 0.0
        in_blank[0] = 1.0
        for t in range(T):
            p_blank = p[t, 0]
            for j in range(min(length, t + 1), 0, -1):
                column = readings[i, 0, j - 1]
                entering = in_blank[j - 1]
                if j == 1 or column != readings[i, 0, j - 2]:
                    entering += in_label[j - 1]
                in_blank[j] = p_blank * (in_blank[j] + in_label[j])
                in_label[j] = p[t, column] * (in_label[j] + entering)
            in_blank[0] *= p_blank
        lengths[i, 0] = length
        chances[i, 0] = in_label[length] + in_blank[length]
        if chances[i, 0] >= LEAST:
            outcomes[i] = CAPPED

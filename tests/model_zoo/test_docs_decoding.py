"""docs/decoding.md says what the code computes: its example, its sums, its tables, its commands."""

from __future__ import annotations

import doctest
import importlib.util
import json
import math
import pkgutil
import re
import shlex
import sys
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest
import torch
from click.testing import CliRunner

from model_zoo.charset import Charset
from model_zoo.cli import main as zoo_main
from model_zoo.constraints import Constraints
from model_zoo.decode import decode
from model_zoo.errors import ConstraintError
from model_zoo.exact import host, tables
from model_zoo.exact.completions import completions
from model_zoo.exact.tables import tabulate
from model_zoo.language import compile_language
from model_zoo.pattern import KINDS
from model_zoo.regex import parse_regex
from producer.cli import main as producer_main

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "decoding.md").read_text(encoding="utf-8")
EXAMPLE, REST = DOCUMENT.split("## Saying what is allowed")

COMPILED = pytest.param(
    "compiled", marks=pytest.mark.skipif(not host.has_compiled(), reason="numba is not installed")
)
ENGINES = [COMPILED, "torch"]
AB = Charset("ab")
RULES = [("EVERYTHING", Constraints()), ("LENGTH_2", Constraints(None, 2, 2))]


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # its dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


HAND: Any = _load(ROOT / "examples" / "decoding_by_hand.py")
FRAMES = torch.tensor([[[float(p) for p in frame] for frame in HAND.FRAMES]], dtype=torch.float64).log()


def _fences(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", DOCUMENT, re.DOTALL | re.MULTILINE)


def _prose(text: str) -> str:
    """Paragraphs alone, each on one line."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"^\|.*$", "", text, flags=re.MULTILINE)
    return re.sub(r"(?<!\n)\n(?!\n)", " ", text)


def _text(symbols: tuple[int, ...]) -> str:
    return AB.decode(symbols)


def _sums(frames: Any) -> dict[tuple[int, ...], Fraction]:
    return {text: sum(paths.values()) for text, paths in HAND.all_strings(frames).items()}


def test_the_examples_tables_and_sums_are_what_the_script_prints() -> None:
    at = 0
    for block in HAND.blocks():
        at = EXAMPLE.index(block, at)
    printed = "\n".join(HAND.blocks())
    tables = [line for line in EXAMPLE.splitlines() if line.startswith("|")]
    assert [line for line in tables if line not in printed.splitlines()] == []


def test_every_number_in_the_examples_prose_is_one_of_the_scripts() -> None:
    printed = set(re.findall(r"\d\.\d+", "\n".join(HAND.blocks())))
    kept = {f"{float(frame[0] + frame[1]):.3f}" for frame in HAND.FRAMES}
    assert set(re.findall(r"\d\.\d{3,}", _prose(EXAMPLE))) <= printed | kept


def test_sums_in_the_prose_are_right() -> None:
    sums = re.findall(r"((?:\(?\d\.\d{3}\)?[ ]?[+*]?[ ]?)+) = (\d\.\d{3})", _prose(EXAMPLE))
    assert len(sums) == 2
    spelt = re.findall(
        r"(0\.\d{3}) for `a` as the \w+ one(?: in frame 2)? is ([\d.*+() ]+):", _prose(EXAMPLE)
    )
    assert len(spelt) == 2
    for terms, total in [*sums, *((terms, total) for total, terms in spelt)]:
        exactly = re.sub(r"\d\.\d+", lambda number: f"Fraction('{number[0]}')", terms.strip())
        assert eval(exactly, {"Fraction": Fraction}) == Fraction(total)


def test_the_example_has_as_many_paths_and_texts_as_it_says() -> None:
    found = HAND.all_strings(HAND.FRAMES)
    paths = sum(map(len, found.values()))
    *_, last = steps = list(HAND.search(HAND.FRAMES, HAND.EVERYTHING))
    prose = _prose(EXAMPLE)
    assert f"{paths} paths make {len(found)} texts" in prose
    assert f"{len(found) - len(steps)} of the {len(found)} were never looked at" in prose
    assert f"4/{HAND.number(last.best[1])}, at most {math.floor(4 / last.best[1])}" in prose


@pytest.mark.parametrize(("name", "constraints"), RULES)
def test_the_masses_by_hand_are_sums_over_all_allowed_texts(name: str, constraints: Constraints) -> None:
    rule = getattr(HAND, name)
    high = constraints.max_length or 3
    allowed = {t: p for t, p in _sums(HAND.FRAMES).items() if constraints.min_length <= len(t) <= high}
    for step in HAND.search(HAND.FRAMES, rule):
        assert step.own == allowed.get(step.prefix, 0)
        for prefix, mass in step.children.items():
            assert mass == sum(p for text, p in allowed.items() if text[: len(prefix)] == prefix)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("name", "constraints"), RULES)
def test_the_decoder_finds_what_the_search_by_hand_finds(
    name: str, constraints: Constraints, engine: str
) -> None:
    *_, last = steps = list(HAND.search(HAND.FRAMES, getattr(HAND, name)))
    found = decode(FRAMES, AB, constraints, engine=engine)
    assert found.texts == [_text(last.best[0])]
    assert found.proven.tolist() == [True]
    mass = sum(p for text, p in _sums(HAND.FRAMES).items() if len(text) == 2 or constraints.is_free)
    assert found[0].allowed_mass == pytest.approx(float(mass), rel=1e-12)
    assert found[0].probability == pytest.approx(float(last.best[1] / mass), rel=1e-12)
    if engine == "compiled":
        assert found.expanded.tolist() == [len(steps)]


def test_the_codes_completions_are_those_by_hand() -> None:
    language = compile_language(Constraints(None, 2, 2), AB.chars, 3)
    entry = completions(FRAMES, tabulate(language, AB.chars))[0][0].exp()
    by_hand = HAND.completions(HAND.FRAMES, HAND.LENGTH_2)
    for state in (0, 1):
        for t in range(3):
            expected = [float(by_hand[state][t][c]) for c in (HAND.A, HAND.B)]
            assert entry[state, t, 1:].tolist() == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_charset_divides_every_text_by_the_share_of_its_paths(engine: str) -> None:
    masked, share = HAND.mask(HAND.FRAMES, (0, HAND.A))
    found = decode(FRAMES, AB, Constraints("a"), n_best=3, engine=engine)[0]
    truth = {_text(text): float(p) for text, p in _sums(masked).items() if p}
    assert {c.text: c.probability for c in found.candidates} == pytest.approx(truth, rel=1e-12)
    assert found.allowed_mass == pytest.approx(float(share), rel=1e-12)


def test_the_documents_python_does_what_it_shows() -> None:
    names: dict[str, Any] = {}
    failures: list[str] = []
    runner = doctest.DocTestRunner()
    for block in _fences("python"):
        example = doctest.DocTestParser().get_doctest(block, names, "docs/decoding.md", None, None)
        assert example.examples
        runner.run(example, out=failures.append, clear_globs=False)
        names = example.globs
    assert failures == []


def test_every_option_in_a_command_exists() -> None:
    groups = {"producer": producer_main, "model-zoo": zoo_main}
    (block,) = _fences("sh")
    for line in block.splitlines():
        program, name, *words = shlex.split(line)
        group = groups[program]
        assert isinstance(group, click.Group)
        known = {option for parameter in group.commands[name].params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known, line


def test_the_zoos_command_reads_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    (line,) = [line for line in _fences("sh")[0].splitlines() if line.startswith("model-zoo")]
    result = CliRunner().invoke(zoo_main, shlex.split(line)[1:])
    assert result.exit_code == 0, result.output
    (answer,) = json.loads(result.output)
    assert (answer["text"], len(answer["n_best"]), answer["proven"]) == ("23ewe", 2, True)


def test_the_signs_of_a_pattern_are_those_of_the_code() -> None:
    (table,) = re.findall(r"^\| sign .*?\n\n", REST, re.DOTALL | re.MULTILINE)
    rows = re.findall(r"^\| `(.)` \| (.*) \|$", table, re.MULTILINE)
    *signs, (escape, _) = rows
    assert signs == [(sign, words) for sign, (words, _) in KINDS.items()]
    assert escape == "\\"


def test_regexes_are_read_or_refused_as_the_table_says() -> None:
    (table,) = re.findall(r"^\| example .*?\n\n", REST, re.DOTALL | re.MULTILINE)
    rows = re.findall(r"^\| (`.*`) \| (.*) \|$", table, re.MULTILINE)
    assert len(rows) == 5
    for cells, verdict in rows:
        expressions = [cell.replace("\\|", "|") for cell in re.findall(r"`([^`]+)`", cells)]
        if verdict == "as in `re.fullmatch`":
            for expression in expressions:
                parse_regex(expression)
            continue
        reasons = verdict.removeprefix("refused: ").split(", ")
        if len(reasons) == 1:
            reasons *= len(expressions)
        for expression, reason in zip(expressions, reasons, strict=True):
            with pytest.raises(ConstraintError) as refusal:
                parse_regex(expression)
            assert f" has {reason}" in str(refusal.value), expression


@pytest.mark.parametrize(
    ("sentence", "name"),
    [
        ("stops at {} prefixes", "model_zoo.exact.host.MAX_EXPANDED"),
        ("at most {} of a length", "model_zoo.exact.WIDTHS.usual"),
        ("{} on flat frames", "model_zoo.exact.WIDTHS.hopeless"),
        ("{} for texts of 1e-3", "model_zoo.exact.WIDTHS.sure"),
        ("takes up to {} more prefixes", "model_zoo.exact.host._NARROWING"),
        ("Larger than {} words", "model_zoo.lexicon.MAX_WORDS"),
        ("{} parts of a regex", "model_zoo.regex.MAX_PARTS"),
        ("an automaton of {} states", "model_zoo.automaton.MAX_STATES"),
        ("keeps the {} best *paths*", "model_zoo.alignment_beam.BEAM_WIDTH"),
        ("without classes below {}", "model_zoo.alignment_beam.THRESHOLD"),
    ],
)
def test_a_limit_is_the_codes(sentence: str, name: str) -> None:
    assert sentence.format(f"{pkgutil.resolve_name(name):,}") in " ".join(DOCUMENT.split())


def test_small_numbers_are_the_codes() -> None:
    from model_zoo.exact.ranking import TIE

    flat = " ".join(DOCUMENT.split())
    assert f"agree within {TIE:.0e}".replace("e-09", "e-9") in flat
    assert host._NARROW_TO == 1e-3  # "narrow it to 0.1 %"
    assert "to narrow it to 0.1 %" in flat
    assert tables.LEAST == 1e-250
    assert "is below 1e-250" in flat
    assert f"with a lexicon at {host.MAX_EXPANDED * host._WORDS_TIMES:,}" in flat
    assert round(math.exp(tables.HOPELESS)) == 1_000_000  # "more than a million times"
    if host.has_compiled():
        from model_zoo.exact import compiled

        assert f"at {compiled._PATIENCE} where one" in flat
    assert 1000.0**-110 == 0.0  # "float64 holds nothing so small"


def test_flat_frames_are_answered_rightly() -> None:
    # A text of L characters without repeats has C(T + L, 2 L) paths, and one with repeats fewer.
    paths = [math.comb(13 + length, 2 * length) for length in range(14)]
    assert paths.index(max(paths)) == 6
    found = decode(torch.zeros(1, 13, 37), Charset("0123456789abcdefghijklmnopqrstuvwxyz"))[0]
    assert found.text == "010101"
    assert found.probability == pytest.approx(max(paths) / 37**13, rel=1e-9)


@pytest.mark.parametrize(
    ("engine", "last", "proven"),
    [
        pytest.param("compiled", 5, True, marks=COMPILED.marks),
        pytest.param("torch", 5, False),
        pytest.param("torch", 2, True),
    ],
)
def test_below_one_in_a_thousand_the_torch_engine_may_not_prove(engine: str, last: int, proven: bool) -> None:
    # Given 300 first characters of nearly equal chances, each followed by one of the `last` classes,
    charset = Charset("".join(chr(0x4E00 + i) for i in range(310)))
    log_probs = torch.full((1, 2, 311), -torch.inf, dtype=torch.float64)
    log_probs[0, 0, 1:301] = torch.linspace(1, 1.1, 300, dtype=torch.float64).log()
    log_probs[0, 1, 301 : 301 + last] = 0.0
    # when it is read, then the best is found, and proven if it has 1e-3 or if nothing was left out.
    found = decode(log_probs, charset, engine=engine)
    assert found.texts == [charset.chars[299:301]]
    assert found[0].probability == pytest.approx(1.1 / 1.05 / 300 / last, rel=1e-9)
    assert found.proven.tolist() == [proven]


@pytest.mark.skipif(not host.has_compiled(), reason="numba is not installed")
def test_a_text_of_one_in_a_thousand_keeps_the_search_going(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "MAX_EXPANDED", 1)
    assert decode(FRAMES, AB).proven.tolist() == [True]
    assert decode(torch.zeros(1, 60, 3), AB).proven.tolist() == [False]


def test_lines_fit_and_links_lead_somewhere() -> None:
    assert [line for line in DOCUMENT.splitlines() if len(line) > 110] == []
    for target in re.findall(r"\]\(([^)#]+)\)", DOCUMENT):
        assert (ROOT / "docs" / target).is_file(), target

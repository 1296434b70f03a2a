"""The same captchas, cores and run: `producer submit` beside what a user would run instead.

    .venv/bin/python benchmarks/versus.py --setup                # the others' environments, 800 MB
    .venv/bin/python benchmarks/versus.py --json docs/runs/performance/versus.json
    .venv/bin/python benchmarks/versus.py --rounds 1 --images 3000 --seconds 1      # does it run?

Ours is end to end: files on the disk, a private Redis, one worker, results.jsonl; the rate is that of the
steady state, on the images of CAPTCHAFLEET_DATA/captcha_images_v2 under many names. The others read the
same files by their own Python interface, in as many processes and with as many threads as make them
fastest: every setting is tried in the same run, and all sides take turns. Accuracy is of all the originals,
once each.

Exit codes: 0; 1 if one of our sides failed; 2 for wrong options or missing images.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import reproduction
from decoders.environments import set_up, why_missing
from fleet.images import link_tree
from rivals.accuracy import Accuracy, as_it_comes, out_of_fold, told
from rivals.ours import end_to_end
from rivals.report import fastest, show
from rivals.sides import DECODING, NOT_RUN, RIVALS, Rival, Setting, settings
from rivals.team import ReaderFailedError, Team
from speed.common import Runs, add_options, describe, in_turns, progress, ratio, this_machine, write
from speed.journal import JobEndedError

from model_zoo.cards import ModelCard, find_card
from model_zoo.errors import ZooError
from model_zoo.split import LabelledFile, labelled_files

ROOT = Path(__file__).parent.parent
DATA = Path(os.environ.get("CAPTCHAFLEET_DATA", ROOT / "../shared/data")) / "captcha_images_v2"
POST = "the post's pipeline"
FEWEST = 1000  # images of ours: with fewer there is no steady state


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; the exit code."""
    options = _parser().parse_args(arguments)
    if options.setup:
        return _set_up_all()
    machine = this_machine()
    if options.images < FEWEST:
        print(f"versus.py: {options.images} images are too few, {FEWEST:,} are the least", file=sys.stderr)
        return 2
    print(describe(machine))
    try:
        files = labelled_files(options.originals)
        cards = [find_card(name)[0] for name in options.models]
        asked = {it: ask(it, files, machine.cores) for it in RIVALS if it.name in options.rivals}
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            progress(f"{options.images:,} names")
            tree = link_tree(Path(folder) / "images", options.images, options.originals)
            ours = {
                card.name: partial(end_to_end, tree, options.images, name, Path(folder))
                for name, card in zip(options.models, cards, strict=True)
            }
            theirs = others(asked, files, machine.cores, options.seconds)
            rates = in_turns({**ours, **theirs}, options.rounds)
    except ZooError as error:
        print(f"versus.py: {error}", file=sys.stderr)
        return 2
    except (JobEndedError, ReaderFailedError) as error:
        print(f"versus.py: {error}", file=sys.stderr)
        return 1
    figures: dict[str, Any] = {
        "images": options.images,
        "cores": machine.cores,
        "ours": [_ours(card, rates[card.name], files) for card in cards],
        "decoding": rates[DECODING.name].to_object(),
        "rivals": [_theirs(it, asked[it], rates, machine.cores) for it in asked],
        "not_run": NOT_RUN,
    }
    figures["ratios"] = _ratios(figures, rates)
    print(f"\n{show(figures)}")
    write(options.json, "versus", machine, figures)
    return 0


def others(
    asked: Mapping[Rival, Mapping[str, Any]], files: Sequence[LabelledFile], cores: int, seconds: float
) -> dict[str, Callable[[], float]]:
    """What is timed beside our own sides: our image decoding alone, and every reader that runs, as it may
    be set.

    Args:
        asked: each reader, and what `ask` found of it.
        files: to read.
        cores: of the machine.
        seconds: of each measurement.
    """
    sides = {DECODING.name: partial(timed, DECODING, Setting(cores, 1), files, seconds)}
    for rival, found in asked.items():
        if found["failure"] is None:
            for setting in settings(cores):
                sides[_side(rival, setting)] = partial(timed, rival, setting, files, seconds)
    return sides


def timed(rival: Rival, setting: Setting, files: Sequence[LabelledFile], seconds: float) -> float:
    """Files a second of a reader in a setting, its processes started and ended."""
    with Team(rival, setting) as team:
        return team.rate([str(file.path) for file in files], seconds)


def ask(rival: Rival, files: Sequence[LabelledFile], cores: int) -> dict[str, Any]:
    """What a reader makes of every image, or why it does not run.

    Returns:
        `versions`, `accuracy` (a list) and `failure`, which is None where it runs.
    """
    failure = why_missing(rival.environment)
    if failure is None:
        progress(f"{rival.name}: every image once")
        try:
            with Team(rival, Setting(cores, 1)) as team:
                quoted = rival.name == POST
                # The post's network is not trained here, so what it reads is no figure; see
                # rivals.post_reader.
                texts = team.read([str(file.path) for file in files[: 2 if quoted else None]])
                found = published() if quoted else [as_it_comes(texts, files), told(texts, files)]
                return {
                    "versions": team.versions,
                    "accuracy": [it.to_object() for it in found],
                    "failure": None,
                }
        except ReaderFailedError as error:
            failure = str(error)
    return {"versions": {}, "accuracy": [], "failure": failure}


def published() -> list[Accuracy]:
    """Of the post's network after its last epoch: as the post tells it, and as trained here, on other
    images."""
    name = "crnn-resnet34"
    theirs = reproduction.read_published(reproduction.DOCS / "runs/post-published.csv")[name]
    here = reproduction.read_own(reproduction.DOCS / f"runs/post-{name}.csv", name)
    told_of = (
        (theirs, reproduction.PUBLISHED_N, "as published, on its own validation images"),
        (here, reproduction.OWN_N, "trained here, on its own validation images (docs/reproduction.md)"),
    )
    return [Accuracy(round(run[-1].exact_match * n), n, where) for run, n, where in told_of]


def _ours(card: ModelCard, rate: Runs, files: Sequence[LabelledFile]) -> dict[str, Any]:
    found = out_of_fold(card.name, files)
    return {
        "model": f"{card.name}@{card.fingerprint}",
        "rate": rate.to_object(),
        "accuracy": None if found is None else found.to_object(),
    }


def _theirs(rival: Rival, asked: Mapping[str, Any], rates: Mapping[str, Runs], cores: int) -> dict[str, Any]:
    sides = {str(it): rates.get(_side(rival, it)) for it in settings(cores)}
    tried = [{"setting": it, "rate": runs.to_object()} for it, runs in sides.items() if runs is not None]
    return {"name": rival.name, "what": rival.what, "settings": tried, **asked}


def _ratios(figures: Mapping[str, Any], rates: Mapping[str, Runs]) -> dict[str, dict[str, Any]]:
    """Model -> reader -> ours over the reader's fastest setting, round by round."""
    measured = [it for it in figures["rivals"] if it["failure"] is None]
    best = {it["name"]: rates[f"{it['name']}, {fastest(it)['setting']}"] for it in measured}
    return {
        it["model"]: {
            name: ratio(rates[it["model"].partition("@")[0]], runs).to_object() for name, runs in best.items()
        }
        for it in figures["ours"]
    }


def _side(rival: Rival, setting: Setting) -> str:
    return f"{rival.name}, {setting}"


def _set_up_all() -> int:
    for environment in dict.fromkeys(it.environment for it in RIVALS):
        if why_missing(environment) is None:
            print(f"{environment}: there already")
            continue
        print(f"{environment}: installing, about 400 MB on disk", flush=True)
        if reason := set_up(environment):
            print(f"{environment}: not installed: {reason}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--setup", action="store_true", help="make the others' environments, then end")
    parser.add_argument("--models", nargs="+", default=["kaptcha", "nano"], metavar="NAME", help="ours")
    names = [it.name for it in RIVALS]
    parser.add_argument(
        "--rivals", nargs="*", default=names, choices=names, metavar="NAME", help=f"of {names}"
    )
    parser.add_argument("--images", type=int, default=50_000, help="of our jobs (default 50,000)")
    parser.add_argument(
        "--seconds", type=float, default=8.0, help="of each measurement of another (default 8)"
    )
    parser.add_argument("--originals", type=Path, default=DATA, metavar="DIR", help="labelled by their names")
    parser.add_argument(
        "--folder", type=Path, metavar="DIR", help="for images and logs (default: the system's)"
    )
    add_options(parser, rounds=3)
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""Make a shipped model anew, with the figure in its card: `make train-default`.

    python benchmarks/train_default.py                  # kaptcha, about half an hour on one core
    python benchmarks/train_default.py --model nano

Four steps, each a command of `model-zoo` that can be run by hand: pretraining on generated images alone, ten
folds for each seed, the model on every image, its card. What is done already in `--out` is not done again, so
a stopped run goes on with the same command. At the end the new figure stands beside the shipped card's.
Data: CAPTCHAFLEET_DATA/captcha_images_v2.

Exit codes: 0 done; 1 no data; 130 after Ctrl-C; those of `model-zoo` where a step fails.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from model_zoo.cards import BUILT_IN, ModelCard, read_card

ROOT = Path(__file__).parent.parent
DATA = Path(os.environ.get("CAPTCHAFLEET_DATA", ROOT / "../shared/data")) / "captcha_images_v2"
ARCHITECTURES = {"kaptcha": "crnn-plain", "nano": "crnn-nano"}
SEEDS = (0, 1, 2)
SOURCE = "Wilhelmy and Rosas 2013, as packed in github.com/AakashKumarNain/CaptchaCracker"


def steps(model: str, out: Path) -> list[list[str]]:
    """The arguments of `model-zoo`, step by step."""
    start = out / f"{model}-zero.json"
    # Not beside the cards: a folder of the zoo holds no other .json.
    answers = [out / "folds" / f"{model}-seed-{seed}.csv" for seed in SEEDS]
    common = ["--device", "cpu"]
    fitted = ["--data", str(DATA), "--start-from", str(start), "--recipe", "kaptcha", *common]
    return [
        [
            *("train", "--recipe", "kaptcha-zero", "--architecture", ARCHITECTURES[model], *common),
            *("--name", f"{model}-zero", "--out", str(out), "--licence", "MIT"),
            *("--source", "generated images alone, no real one"),
        ],
        *(
            ["cross-validate", *fitted, "--seed", str(seed), "--out", str(path)]
            for seed, path in zip(SEEDS, answers, strict=True)
        ),
        [
            *("train", *fitted, "--parts", "all", "--name", model, "--out", str(out)),
            *("--licence", "MIT", "--source", SOURCE),
        ],
        ["record-folds", str(out / f"{model}.json"), *(f"--answers={path}" for path in answers)],
    ]


def run(arguments: Sequence[str], out: Path) -> int:
    """One step, unless its model is there; a stopped training goes on."""
    if arguments[0] == "train":
        name = arguments[arguments.index("--name") + 1]
        if (out / f"{name}.json").exists():
            print(f"{out / name}.json is there already", file=sys.stderr)
            return 0
        if (out / f"{name}.checkpoint").exists():
            arguments = [*arguments, "--resume"]
    print("model-zoo", *arguments, file=sys.stderr, flush=True)
    # One thread: the networks are small, and the same number of threads gives the same bits.
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.call([sys.executable, "-m", "model_zoo.cli", *arguments], env=environment)


def comparison(new: ModelCard, shipped: ModelCard) -> str:
    """The two cards' figures, seed by seed."""
    lines = []
    for title, card in (("here", new), ("shipped", shipped)):
        figures = ", ".join(
            f"{it.value:.2%}{' with the length' if it.constraints else ''} (seed {it.seed})"
            for it in card.accuracy
        )
        lines.append(f"{title:8} {card.name}@{card.fingerprint}  out of fold: {figures}")
    same = new.sha256 == shipped.sha256
    said = "the same to the last bit" if same else "others: another machine rounds differently"
    return "\n".join([*lines, f"the weights are {said}"])


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", choices=sorted(ARCHITECTURES), default="kaptcha")
    parser.add_argument("--out", type=Path, default=Path("zoo"), help="zoo folder of the new models")
    options = parser.parse_args(arguments)
    if not DATA.is_dir():  # before the hours of the first step, which needs none
        print(f"train_default: {DATA} is no folder; name its parent in CAPTCHAFLEET_DATA", file=sys.stderr)
        return 1
    try:
        for step in steps(options.model, options.out):
            if code := run(step, options.out):
                return code
    except KeyboardInterrupt:  # the step itself has said how far it came
        return 130
    name = f"{options.model}.json"
    print(comparison(read_card(options.out / name), read_card(BUILT_IN / name)))
    return 0


if __name__ == "__main__":
    sys.exit(main())

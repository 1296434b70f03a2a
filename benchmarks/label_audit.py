"""Are the labels right? A blind second reading of every image that two networks dispute.

    model-zoo cross-validate ... --out docs/runs/audit-nano.csv       # two networks' out-of-fold answers
    python benchmarks/label_audit.py sheets --out sheets               # numbered images, no names, no answers
    python benchmarks/label_audit.py report                            # docs/label-audit.md

An image is disputed where either network's out-of-fold answer is not the label. The sheets mix these with as
many undisputed controls, drawn and shuffled with a seed, so that a reader cannot tell which is which. Two
readers who know nothing of each other read them (docs/label-audit/readings-N.csv: number, reading, certain,
note), and their readings are committed before any final run. A reading is certain where both are and see the
same. A label counts as wrong only where the reading is certain and differs; an uncertain one is
"undecidable".

Exit codes: 0 done, 1 files that do not belong together.
"""

from __future__ import annotations

import argparse
import csv
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from model_zoo.errors import DataError
from model_zoo.training.folds import FoldAnswer, read_answers

ROOT = Path(__file__).parent.parent
ANSWERS = (ROOT / "docs/runs/audit-nano.csv", ROOT / "docs/runs/audit-residual.csv")
READINGS = tuple(ROOT / f"docs/label-audit/readings-{reader}.csv" for reader in (1, 2))
REPORT = ROOT / "docs/label-audit.md"
SEED = 7

COLUMNS, ROWS, SCALE, CAPTION = 2, 8, 3, 34  # of a sheet; the last in pixels


@dataclass(frozen=True)
class Item:
    """An image on a sheet.

    Attributes:
        number: on the sheets, from 1.
        file: its name.
        label: as published.
        answers: of the two networks.
    """

    number: int
    file: str
    label: str
    answers: tuple[str, ...]

    @property
    def disputed(self) -> bool:
        """Whether a network read something else than the label."""
        return any(answer != self.label for answer in self.answers)


@dataclass(frozen=True)
class Reading:
    """What the blind reader saw: `reading` may offer alternatives, as in `a[nm]c`."""

    number: int
    reading: str
    certain: bool
    note: str


def items(answers: Sequence[Sequence[FoldAnswer]], seed: int) -> list[Item]:
    """The disputed images and as many others, in the order of the sheets.

    Raises:
        DataError: answers to different images.
    """
    by_file = [{it.file: it for it in each} for each in answers]
    if any(set(each) != set(by_file[0]) for each in by_file):
        raise DataError("the two files answer different images; run both over the same folder")
    found = [
        Item(0, file, it.label, tuple(each[file].text for each in by_file))
        for file, it in sorted(by_file[0].items())
    ]
    source = random.Random(f"label audit:{seed}")
    disputed = [it for it in found if it.disputed]
    others = source.sample([it for it in found if not it.disputed], len(disputed))
    chosen = disputed + others
    source.shuffle(chosen)
    return [Item(number, it.file, it.label, it.answers) for number, it in enumerate(chosen, 1)]


def write_sheets(chosen: Sequence[Item], data: Path, out: Path) -> int:
    """Sheets of enlarged, numbered images; returns how many."""
    out.mkdir(parents=True, exist_ok=True)
    per_sheet = COLUMNS * ROWS
    for first in range(0, len(chosen), per_sheet):
        sheet = _sheet([(it.number, data / it.file) for it in chosen[first : first + per_sheet]])
        sheet.save(out / f"sheet-{first // per_sheet + 1:02d}.png")
    return -(-len(chosen) // per_sheet)


def _sheet(images: Sequence[tuple[int, Path]]) -> Image.Image:
    width, height = 200 * SCALE + 20, 50 * SCALE + CAPTION
    sheet = Image.new("RGB", (COLUMNS * width, ROWS * height), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(24)
    for place, (number, path) in enumerate(images):
        x, y = place % COLUMNS * width, place // COLUMNS * height
        with Image.open(path) as image:
            rgba = image.convert("RGBA")
        flat = Image.new("RGBA", rgba.size, "white")
        flat.alpha_composite(rgba)
        large = flat.convert("RGB").resize((200 * SCALE, 50 * SCALE), Image.Resampling.LANCZOS)
        sheet.paste(large, (x + 10, y + CAPTION - 4))
        draw.text((x + 10, y + 2), str(number), fill="blue", font=font)
    return sheet


def read_readings(paths: Sequence[Path]) -> dict[int, Reading]:
    """Number -> what was read; certain where every reader is and all see the same."""
    readers = [_read(path) for path in paths]
    first = readers[0]
    return {
        number: replace(it, certain=all(same.get(number) == it.reading for same in map(_certain, readers)))
        for number, it in first.items()
    }


def _read(path: Path) -> dict[int, Reading]:
    with path.open(newline="", encoding="utf-8") as file:
        rows = [(int(row["number"]), row) for row in csv.DictReader(file)]
    return {n: Reading(n, row["reading"], row["certain"] == "yes", row["note"]) for n, row in rows}


def _certain(readings: dict[int, Reading]) -> dict[int, str]:
    return {number: it.reading for number, it in readings.items() if it.certain}


def verdict(item: Item, reading: Reading) -> str:
    """`stands`, `wrong` or `undecidable`."""
    if not reading.certain:
        return "undecidable"
    return "stands" if reading.reading == item.label else "wrong"


def report(chosen: Sequence[Item], readings: dict[int, Reading]) -> str:
    """docs/label-audit.md.

    Raises:
        DataError: readings of other sheets.
    """
    if set(readings) != {it.number for it in chosen}:
        raise DataError("the readings are not those of these sheets; make the sheets again and read them")
    disputed, controls = (
        [(it, readings[it.number]) for it in chosen if it.disputed == wanted] for wanted in (True, False)
    )
    counts = {
        name: sum(verdict(*pair) == name for pair in disputed) for name in ("stands", "wrong", "undecidable")
    }
    agreed = sum(verdict(*pair) == "stands" for pair in controls)
    lines = [
        "| file | label | networks read | blind reading | verdict | note |",
        "|---|---|---|---|---|---|",
        *(_row(*pair) for pair in sorted(disputed, key=lambda pair: pair[0].file)),
    ]
    odd = [
        _row(*pair) for pair in sorted(controls, key=lambda pair: pair[0].file) if verdict(*pair) != "stands"
    ]
    return HEAD.format(
        n=len(disputed), table="\n".join(lines), agreed=agreed, controls=len(controls), **counts,
        odd="\n".join(["", *lines[:2], *odd]) if odd else "",
    )  # fmt: skip


def _row(item: Item, reading: Reading) -> str:
    read = ", ".join(dict.fromkeys(answer or "nothing" for answer in item.answers))
    return (
        f"| `{item.file}` | {item.label} | {read} | {reading.reading} | {verdict(item, reading)} "
        f"| {reading.note} |"
    )


HEAD = """# Label audit of captcha_images_v2

Written by `python benchmarks/label_audit.py report`; how it was done stands in that file.

Two networks of different kinds read all 884 images out of fold. **{n} images** were disputed: a network's
answer was not the label. They were mixed with as many undisputed ones and read again from enlarged sheets,
without names, labels or answers, by two readers who did not know of each other.

Verdicts on the {n} labels: **{stands} right, {wrong} wrong, {undecidable} undecidable**. Controls on which
the reading agreed with the label: {agreed} of {controls}.

{table}
{odd}
The published labels stay what the figures of this project are measured against; figures on audited labels
stand beside them as a finding. There a label that is wrong is replaced by the reading, and one that cannot be
decided counts as an error whatever was answered.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=("sheets", "report"))
    parser.add_argument("--answers", type=Path, nargs=2, default=ANSWERS)
    parser.add_argument("--data", type=Path, default=ROOT / "../shared/data/captcha_images_v2")
    parser.add_argument("--out", type=Path, default=Path("sheets"), help="folder of the sheets")
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args(arguments)
    try:
        chosen = items([read_answers(path) for path in options.answers], options.seed)
        if options.what == "sheets":
            count = write_sheets(chosen, options.data, options.out)
            print(f"{options.out}: {count} sheets of {len(chosen)} images")
        else:
            REPORT.write_text(report(chosen, read_readings(READINGS)), encoding="utf-8")
            print(REPORT)
    except DataError as error:
        print(f"label_audit: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

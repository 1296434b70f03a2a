"""How fast image files become grey pixels: ours, Pillow, and what else installs; on one thread and on two.

    .venv/bin/python benchmarks/image_decoding.py --json docs/runs/performance/image_decoding.json
    .venv/bin/python benchmarks/image_decoding.py --kinds png jpeg --threads 1 --rounds 3

Ours and `read_image` go from a file's bytes to its grey pixels over white paper, all checks included. The
other libraries only decode: no check that Pillow would make, no paper, no grey; so they are flattered. Three
sides are ours with another inflater. Files: `png` are those of captcha_images_v2 in CAPTCHAFLEET_DATA, or the
examples without it; `styles` are the other sets there, `jpeg` those of swust_b, or `png` written by Pillow as
JPEG. `gif` always is `png` written as GIF, and `indexed` as a PNG with a palette. A side that is missing says
so; all are on PyPI: opencv-python-headless, pyspng, isal, deflate.

Exit codes: 0; 1 if our pixels are not those of `read_image`; 2 for wrong options.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from PIL import Image
from speed.common import Runs, add_options, describe, in_turns, ratio, table, this_machine, write

from model_zoo.images import batch, png
from model_zoo.preprocess import DEFAULT_LIMITS, PILLOW_ERRORS, read_image

EXAMPLES = Path(__file__).parent.parent / "examples" / "captchas"
KINDS = ("png", "styles", "jpeg", "gif", "indexed")
OURS, PLAIN = "ours", "read_image"
_BEST_ZLIB = png._best_zlib()

Read = Callable[[bytes], Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; the exit code."""
    options = _parser().parse_args(arguments)
    machine = this_machine()
    torch.set_num_threads(1)
    print(describe(machine))
    figures: dict[str, Any] = {"kinds": []}
    batch.warm_up()
    for kind in options.kinds:
        files = files_of(kind, options.images)
        if not files:
            print(f"\n{kind}: no files; set CAPTCHAFLEET_DATA to the folder of the labelled captchas")
            continue
        differing = sum(not np.array_equal(batch.read_grey(data), read_image(data)) for data in files)
        if differing:
            print(f"image_decoding.py: {kind}: {differing} of {len(files)} images differ", file=sys.stderr)
            return 1
        figures["kinds"].append(measure(kind, files, options.threads, options.rounds))
        print(f"\n{show(figures['kinds'][-1])}")
    missing = [name for name, side in sides().items() if side is None]
    figures["not_installed"] = missing
    if missing:
        print(f"\nnot installed: {', '.join(missing)}")
    write(options.json, "image_decoding", machine, figures)
    return 0


def files_of(kind: str, images: int) -> list[bytes]:
    """So many files of a kind at most, spread over what there is; none where the data is missing."""
    data = Path(os.environ.get("CAPTCHAFLEET_DATA", "nowhere"))
    pngs = sorted((data / "captcha_images_v2").glob("*.png")) or sorted(EXAMPLES.glob("*.png"))
    if kind == "styles":
        paths = sorted(path for path in data.glob("styles/*/*") if path.is_file())
        return [path.read_bytes() for path in _spread([p for p in paths if p.suffix == ".png"], images)]
    jpegs = sorted(path for path in data.glob("styles/swust_b/*.jpg"))
    if kind == "jpeg" and jpegs:
        return [path.read_bytes() for path in _spread(jpegs, images)]
    files = [path.read_bytes() for path in _spread(pngs, images)]
    return files if kind == "png" else [_written(data, kind) for data in files]


def _spread(paths: Sequence[Path], count: int) -> list[Path]:
    step = max(1, len(paths) // count)
    return list(paths[::step][:count])


def _written(data: bytes, kind: str) -> bytes:
    """The image as Pillow writes it: a JPEG, a GIF, or a PNG with a palette of 64 colours."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    file = io.BytesIO()
    if kind == "jpeg":
        image.save(file, "JPEG")
    else:
        image.quantize(64).save(file, "GIF" if kind == "gif" else "PNG")
    return file.getvalue()


def sides() -> dict[str, Read | None]:
    """Every side; None where it is not installed."""
    return {
        PLAIN: read_image,
        OURS: _ours,
        "ours, zlib": partial(_inflated_by, import_module("zlib")),
        "ours, ISA-L": _made("isal.isal_zlib", lambda isal: partial(_inflated_by, isal)),
        "ours, libdeflate": _made("deflate", lambda deflate: partial(_inflated_by, _like_zlib(deflate))),
        "Pillow": _pillow,
        "OpenCV": _made("cv2", _opencv),
        "torchvision": _made("torchvision.io", _torchvision),
        "pyspng": _made("pyspng", lambda pyspng: pyspng.load),
        "simplejpeg": _made("simplejpeg", lambda simplejpeg: simplejpeg.decode_jpeg),
    }


def _made(module: str, make: Callable[[Any], Read]) -> Read | None:
    try:
        return make(import_module(module))
    except ImportError:
        return None


def _ours(data: bytes) -> Any:
    png._zlib = _BEST_ZLIB
    return batch.read_grey(data)


def _inflated_by(inflater: Any, data: bytes) -> Any:
    png._zlib = inflater
    return png.read_png(data, DEFAULT_LIMITS.max_pixels)


def _like_zlib(deflate: Any) -> Any:
    """libdeflate with the names that zlib has, as far as small files need them."""
    return SimpleNamespace(
        crc32=_BEST_ZLIB.crc32,
        decompress=lambda stream, bufsize: deflate.zlib_decompress(stream, bufsize),
        decompressobj=_BEST_ZLIB.decompressobj,
        error=deflate.DeflateError,
    )


def _pillow(data: bytes) -> Any:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def _opencv(cv2: Any) -> Read:
    cv2.setNumThreads(1)

    def read(data: bytes) -> Any:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        if pixels is None:
            raise ValueError("OpenCV does not read it")
        return pixels

    return read


def _torchvision(io_module: Any) -> Read:
    decoders = {
        b"\x89P": io_module.decode_png,
        b"\xff\xd8": io_module.decode_jpeg,
        b"GI": io_module.decode_gif,
    }
    return lambda data: decoders[data[:2]](torch.from_numpy(np.frombuffer(bytearray(data), np.uint8)))


def measure(kind: str, files: Sequence[bytes], threads: Sequence[int], rounds: int) -> dict[str, Any]:
    """Images a second of every side that reads these files."""
    able = {name: side for name, side in sides().items() if side is not None and _reads(side, files[0])}
    rates = {
        count: in_turns({name: partial(_rate, side, files, count) for name, side in able.items()}, rounds)
        for count in threads
    }
    png._zlib = _BEST_ZLIB
    return {
        "kind": kind,
        "images": len(files),
        "mean_bytes": sum(map(len, files)) / len(files),
        "sides": [_figures(name, rates) for name in able],
    }


def _figures(name: str, rates: Mapping[int, Mapping[str, Runs]]) -> dict[str, Any]:
    return {
        "name": name,
        "threads": [
            {
                "threads": count,
                "images_per_second": runs[name].to_object(),
                "ratio": ratio(runs[name], runs[PLAIN]).to_object(),
            }
            for count, runs in rates.items()
        ],
    }


def _reads(side: Read, data: bytes) -> bool:
    """Whether it can read such a file at all."""
    try:
        return side(data) is not None
    except PILLOW_ERRORS:  # theirs are among them
        return False


def _rate(side: Read, files: Sequence[bytes], threads: int) -> float:
    """Images a second of so many threads together, each with all files, for a fifth of a second or more."""
    passes = 0
    with ThreadPoolExecutor(threads) as pool:
        began = time.perf_counter()
        while True:
            list(pool.map(partial(_read_all, side), [files] * threads))
            passes += 1
            seconds = time.perf_counter() - began
            if seconds >= 0.2:
                return passes * threads * len(files) / seconds


def _read_all(side: Read, files: Sequence[bytes]) -> None:
    for data in files:
        side(data)


def show(figures: Mapping[str, Any]) -> str:
    """The table of a kind."""
    counts = [entry["threads"] for entry in figures["sides"][0]["threads"]]
    header = [figures["kind"], *(f"{what}, {n} threads" for n in counts for what in ("images/s", "ratio"))]
    rows = [
        [side["name"], *(cell for entry in side["threads"] for cell in _cells(entry))]
        for side in figures["sides"]
    ]
    size = f"{figures['images']} files of {figures['mean_bytes']:,.0f} bytes; ratios to read_image"
    return f"{size}\n{table(header, rows)}"


def _cells(entry: Mapping[str, Any]) -> tuple[str, str]:
    return f"{entry['images_per_second']['median']:,.0f}", f"{entry['ratio']['median']:.2f}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS, help=f"of {', '.join(KINDS)}")
    parser.add_argument(
        "--threads", type=int, nargs="+", choices=(1, 2), default=(1, 2), help="1, 2, or both"
    )
    parser.add_argument("--images", type=int, default=200, help="of each kind (default 200)")
    add_options(parser, 7)
    return parser


if __name__ == "__main__":
    sys.exit(main())

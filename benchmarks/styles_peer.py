"""ddddocr's side of styles.py: runs in the peer's own environment, and needs nothing else of this project.

Standard input is one JSON object: `files` (paths), `characters` (the classes to keep) and `out` (a path).
Standard output is one line of JSON: for each of its two networks the texts and the processor seconds they
took, and the versions. `out` gets the log-probabilities, for each network `NETWORK_frames` (N,), the time
steps T of each image, and `NETWORK_log_probs` (sum of T, 1 + K): the blank and the kept classes in the order
of `characters`, log-softmax over all 8,210 classes, -inf for a character that the peer does not know.

The peer gets every image as RGB, transparency over white: as bytes it would resize 1-bit images without
smoothing. One thread: onnxruntime asks no variable for their number, so its session is made anew.
"""

from __future__ import annotations

import json
import os
import sys
import time
from importlib.metadata import version
from typing import Any

import ddddocr
import numpy as np
import onnxruntime
from PIL import Image

# As its constructor calls them.
NETWORKS = {"default": False, "beta": True}
WARM_UPS = 3


def on_white(path: str) -> Image.Image:
    """The image as RGB, transparency over white."""
    with Image.open(path) as image:
        if not image.has_transparency_data:
            return image.convert("RGB")
        rgba = image.convert("RGBA")
    paper = Image.new("RGBA", rgba.size, "white")
    paper.alpha_composite(rgba)
    return paper.convert("RGB")


def single_threaded(beta: bool) -> Any:
    """The peer with one of its networks."""
    peer = ddddocr.DdddOcr(beta=beta, show_ad=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    engine = peer.ocr_engine
    network = os.path.join(os.path.dirname(ddddocr.__file__), "common.onnx" if beta else "common_old.onnx")
    engine.session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    return peer


def texts_of(peer: Any, files: list[str]) -> tuple[list[str], float]:
    """What it reads, as it comes, and the processor seconds from files to texts."""
    for path in files[:WARM_UPS]:
        peer.classification(on_white(path))
    began = time.process_time()
    texts = [peer.classification(on_white(path)) for path in files]
    return texts, time.process_time() - began


def log_probs_of(peer: Any, path: str, characters: str) -> np.ndarray:
    """(T, 1 + K): the blank, then `characters`."""
    answer = peer.classification(on_white(path), probability=True)
    probabilities = np.array(answer["probabilities"], dtype=np.float64)[:, 0]  # (T, 1, 8210) -> (T, 8210)
    places = {char: place for place, char in enumerate(answer["charset"])}
    kept = np.zeros((len(probabilities), 1 + len(characters)))
    kept[:, 0] = probabilities[:, 0]  # its class 0 is the blank as well
    for column, char in enumerate(characters, 1):
        if char in places:
            kept[:, column] = probabilities[:, places[char]]
    with np.errstate(divide="ignore"):
        return np.log(kept)


def main() -> None:
    """Answer the request on standard input."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever the library prints is no answer
    request = json.load(sys.stdin)
    arrays: dict[str, np.ndarray] = {}
    found: dict[str, Any] = {}
    for name, beta in NETWORKS.items():
        peer = single_threaded(beta)
        texts, seconds = texts_of(peer, request["files"])
        frames = [log_probs_of(peer, path, request["characters"]) for path in request["files"]]
        arrays[f"{name}_frames"] = np.array([len(each) for each in frames])
        arrays[f"{name}_log_probs"] = np.concatenate(frames)
        found[name] = {"texts": texts, "seconds": seconds}
    np.savez(request["out"], **arrays)
    versions = {name: version(name) for name in ("ddddocr", "onnxruntime", "numpy", "pillow")}
    print(json.dumps({"networks": found, "versions": versions}), file=answers, flush=True)


if __name__ == "__main__":
    main()

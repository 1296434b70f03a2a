"""A card in words, for `model-zoo list` and `show`. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from model_zoo.card_parts import Accuracy, Calibration, Precision, Threshold, answers_needed
from model_zoo.cards import ModelCard

Row = tuple[str, str]

# Parts whose images a model was not fitted to, the most telling first.
_HONEST = ("out-of-fold", "test", "validation")

# Of a recipe, in this order; the card itself has the rest.
_TOLD_OF_RECIPE = ("epochs", "batch_size", "learning_rate", "precision", "seed")


def best_figure(card: ModelCard) -> str:
    """The one figure to judge a model by; one on images it was fitted to says nothing of others.

    Of out-of-fold figures of several seeds, the lowest: the mean of an ensemble of figures is nobody's.
    """
    honest = [it for it in card.accuracy if it.part in _HONEST and it.constraints is None]
    if not honest:
        return ""
    ranked = ((_HONEST.index(it.part), it.decoder != card.decoder, it.value) for it in honest)
    _, best = min(zip(ranked, honest, strict=True), key=lambda pair: pair[0])
    return f" Exact match {best.value:.1%} on {best.n} {best.part} images ({best.decoder})."


def described(card: ModelCard) -> str:
    """Every fact of a card, a line each."""
    rows = [
        ("name", f"{card.name}@{card.fingerprint}"),
        ("", card.description),
        ("architecture", f"{card.architecture}, {card.parameters:,} parameters"),
        ("work", f"{card.flops_per_image / 1e6:.0f} million operations an image"),
        ("input", f"{card.width}x{card.height} grey, {card.time_steps} time steps"),
        ("characters", card.charset),
        ("lengths seen", _span(card.min_length, card.max_length)),
        ("decoder", f"{card.decoder}, beam width {card.beam_width}"),
        *([("temperature", f"{card.temperature:g}")] if card.temperature is not None else []),
        *((f"answers keep {kind}", text) for kind, text in _constraints(card).items()),
        *_data(card),
        *_recipe(card),
        *((f"exact match, {it.part}", _figure(it)) for it in card.accuracy),
        *(row for it in card.calibration for row in _calibration(it)),
        *(row for it in card.precision for row in _precision(it)),
        *_weights(card),
        ("licence", card.licence),
    ]
    return "\n".join(f"{key:24} {value}" for key, value in rows)


def _data(card: ModelCard) -> Iterator[Row]:
    data = card.data
    counts = f"{data.train} training, {data.validation} validation, {data.test} test images"
    yield "data", f"{data.name}: {counts}, {data.synthetic} generated an epoch"
    yield "source of the data", data.source or "not said"
    yield "split", data.split
    if card.training_images is not None:
        yield "training images", f"{card.training_images}, sha256 {card.training_images_sha256}"


def _recipe(card: ModelCard) -> Iterator[Row]:
    """What the training began with and its main settings; an ensemble has none, an older card fewer."""
    if start := card.recipe.get("start"):
        yield "started from", str(start)
    told = [f"{key.replace('_', ' ')} {card.recipe[key]}" for key in _TOLD_OF_RECIPE if key in card.recipe]
    if told:
        yield "recipe", ", ".join(told)


def _weights(card: ModelCard) -> Iterator[Row]:
    for member in card.members:
        yield "member", f"{member.name}@{member.fingerprint}, sha256 {member.sha256}"
    if not card.members:
        yield "weights", f"{card.weights}, sha256 {card.sha256}"


def _constraints(card: ModelCard) -> dict[str, str]:
    """Kind -> text of what every answer keeps."""
    return {} if card.constraints is None else card.constraints.to_object()


def _span(low: int, high: int) -> str:
    return f"{low}" if low == high else f"{low}-{high}"


def _figure(row: Accuracy) -> str:
    interval = f"{row.low:.2%} to {row.high:.2%}, 95 % Wilson"
    return f"{row.value:.2%} ({interval}, n = {row.n}, {', '.join([row.decoder, *_circumstances(row)])})"


def _circumstances(row: Accuracy | Calibration | Precision) -> Sequence[str]:
    """The seed and the constraints, where there are any."""
    seed = [] if row.seed is None else [f"seed {row.seed}"]
    held = {} if row.constraints is None else row.constraints.to_object()
    return [*seed, *(f"{kind} {text}" for kind, text in held.items())]


def _calibration(row: Calibration) -> Iterator[Row]:
    """The errors, then the reliability table: what was said, and what was right."""
    told = ", ".join([f"n = {row.n}", row.decoder, *_circumstances(row)])
    before, after = row.before, row.after
    yield (
        f"calibration, {row.part}",
        f"expected error {after.equal_width:.2%}, by equal mass {after.equal_mass:.2%}; at temperature 1 "
        f"{before.equal_width:.2%} and {before.equal_mass:.2%} ({told})",
    )
    for it in row.table:
        said = f"{it.low:.3f} to {it.high:.3f}: said {it.mean_probability:.2%}, right {it.right / it.n:.2%}"
        yield "  probability", f"{said} ({it.right} of {it.n})"


def _precision(row: Precision) -> Iterator[Row]:
    told = ", ".join([f"n = {row.n}", row.decoder, *_circumstances(row)])
    for it in row.thresholds:
        yield f"precision, {row.part}", f"{_threshold(it, row)} ({told})"


def _threshold(it: Threshold, row: Precision) -> str:
    target, sure = f"{100 * it.target:.6g} %", f"{row.confidence:.0%}"
    if it.probability is None:
        fewest = answers_needed(it.target, row.confidence)
        if it.kept >= fewest:
            bound = f"at least {it.low:.2%} right with {sure} confidence"
            return f"{target} not proven: {it.errors} wrong of the {it.kept} surest, {bound}"
        told = f"not supported by n: {it.errors} wrong of {it.kept}"
        return f"{target} {told}; it takes at least {fewest:,} answers without an error"
    proven = f"at least {it.low:.2%} right with {sure} confidence, coverage {it.kept / row.n:.1%}"
    return f"{target} from P = {it.probability:g} on: {it.errors} wrong of {it.kept}, {proven}"

"""What is said where images were measured that the model was trained on. Standard library only."""

from __future__ import annotations


def overlap_warning(seen: int, images: int) -> str | None:
    """A sentence where the model was trained on any of the images; None where on none.

    Args:
        seen: images that it was trained on.
        images: all, at least `seen`.
    """
    if not seen:
        return None
    were = "image was" if images == 1 else "images were"
    told = f"{seen:,} of {images:,} {were} in this model's training data"
    if seen == images:
        return f"{told}; these figures say nothing about new images"
    return f"{told}; only how the other {images - seen:,} were read says something about new images"

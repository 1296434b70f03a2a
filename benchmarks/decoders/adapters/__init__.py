"""One file a decoder: from float32 log-probabilities (n, T, C) to strings, in the decoder's fastest way.

Each has `make(chars, variant)`: `chars` has the blank first, as the empty string; `variant` is one of the
names that `decoders.sides` gives. The result decodes an array. They run in environments of their own, so each
imports its library alone.
"""

"""Synthetic captchas: one style a file, and the rule that keeps examples out of training.

A style renders a text with a random source to a grey image; `labels` draws the texts. Nothing here is cut
or traced from anyone's images.
"""

"""Captchas of many styles: a style is drawn at random, then images in it are.

Written from general knowledge of what captcha libraries do to text (fonts, colours, backgrounds, rotation,
overlap, outlines, waves, strokes, dots, blur, compression), not from the images of any one site.
"""

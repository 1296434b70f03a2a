"""From a PNG's scanlines, or from RGB, to grey pixels: compiled by numba, without the GIL.

All arithmetic is Pillow's, to the last bit; tests compare every case of it with Pillow. A pixel of up to four
channels is one integer of 32 bits, its first channel in the lowest byte: most filters are then sums of whole
pixels. Sources: PNG specification (third edition), chapter 9; Pillow's Convert.c, Paste.c and ZipDecode.c.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from model_zoo.jit import compiled

Bytes = NDArray[np.uint8]
U8, U32, U64, I64 = np.uint8, np.uint32, np.uint64, np.int64

# Pillow's weights of red, green and blue (ITU-R 601-2), in 65536ths.
_RED, _GREEN, _BLUE, _HALF = U32(19595), U32(38470), U32(7471), U32(0x8000)
_BYTE = U32(255)
_LOW_BITS, _HIGH_BIT, _NO_LOW_BIT = U32(0x7F7F7F7F), U32(0x80808080), U32(0xFEFEFEFE)  # of each byte
_LOW_BYTES = U64(0x00FF00FF00FF00FF)  # of each lane of 16 bits

NONE, SUB, UP, AVERAGE, PAETH = range(5)  # the types of filters


@intrinsic
def _paeth(_context, _left, _above, _corner):
    """Of three neighbours the one next to left + above - corner; each four lanes of 16 bits, as vectors."""

    def codegen(_context, builder, _signature, arguments):
        lanes = ir.VectorType(ir.IntType(16), 4)
        left, above, corner = (builder.bitcast(argument, lanes) for argument in arguments)
        nothing = ir.Constant(lanes, [0] * 4)

        def distance(value):
            negative = builder.sub(nothing, value)
            return builder.select(builder.icmp_signed(">", value, negative), value, negative)

        to_left, to_above = builder.sub(above, corner), builder.sub(left, corner)
        to_corner = distance(builder.add(to_left, to_above))
        to_left, to_above = distance(to_left), distance(to_above)
        is_above = builder.icmp_signed("<=", to_above, to_corner)
        nearest = builder.select(is_above, above, corner)
        is_left = builder.icmp_signed("<=", to_left, builder.select(is_above, to_above, to_corner))
        return builder.bitcast(builder.select(is_left, left, nearest), ir.IntType(64))

    return types.uint64(types.uint64, types.uint64, types.uint64), codegen


@compiled()
def _spread(pixel):
    """Its four bytes in four lanes of 16 bits."""
    lanes = U64(pixel)
    lanes = (lanes | (lanes << U64(16))) & U64(0x0000FFFF0000FFFF)
    return (lanes | (lanes << U64(8))) & _LOW_BYTES


@compiled()
def _packed(lanes):
    """What was spread."""
    lanes = (lanes | (lanes >> U64(8))) & U64(0x0000FFFF0000FFFF)
    return U32(lanes | (lanes >> U64(16)))


@compiled()
def _sum(a, b):
    """Byte by byte, modulo 256."""
    return ((a & _LOW_BITS) + (b & _LOW_BITS)) ^ ((a ^ b) & _HIGH_BIT)


@compiled()
def _mean(a, b):
    """Byte by byte, rounded down."""
    return (a & b) + (((a ^ b) & _NO_LOW_BIT) >> U32(1))


@compiled()
def _gather(line, channels, here):
    """The bytes behind the filter's type as pixels."""
    if channels == 4:
        for x in range(here.size):
            i = 4 * x + 1
            low = U32(line[i]) | U32(line[i + 1]) << U32(8)
            here[x] = low | U32(line[i + 2]) << U32(16) | U32(line[i + 3]) << U32(24)
    elif channels == 3:
        for x in range(here.size):
            i = 3 * x + 1
            here[x] = U32(line[i]) | U32(line[i + 1]) << U32(8) | U32(line[i + 2]) << U32(16)
    elif channels == 2:
        for x in range(here.size):
            here[x] = U32(line[2 * x + 1]) | U32(line[2 * x + 2]) << U32(8)
    else:
        for x in range(here.size):
            here[x] = U32(line[x + 1])


@compiled()
def _unfilter(line, channels, above, here):
    """One scanline as pixels, given the one above it; whether there is such a filter."""
    _gather(line, channels, here)
    left = U32(0)
    if line[0] == SUB:
        for x in range(here.size):
            left = _sum(left, here[x])
            here[x] = left
    elif line[0] == UP:
        for x in range(here.size):
            here[x] = _sum(above[x], here[x])
    elif line[0] == AVERAGE:
        for x in range(here.size):
            left = _sum(_mean(left, above[x]), here[x])
            here[x] = left
    elif line[0] == PAETH:
        before, corner = U64(0), U64(0)
        for x in range(here.size):
            over = _spread(above[x])
            before = (_paeth(before, over, corner) + _spread(here[x])) & _LOW_BYTES
            here[x] = _packed(before)
            corner = over
    return line[0] <= PAETH


@compiled()
def _ink(pixel):
    """The grey of RGB."""
    red, green, blue = pixel & _BYTE, (pixel >> U32(8)) & _BYTE, (pixel >> U32(16)) & _BYTE
    return (red * _RED + green * _GREEN + blue * _BLUE + _HALF) >> U32(16)


@compiled()
def _on_paper(ink, alpha, paper):
    """A grey ink of some opacity over paper."""
    blended = paper * (_BYTE - alpha) + ink * alpha + U32(128)
    return U8((blended + (blended >> U32(8))) >> U32(8))


@compiled()
def _colour_row(here, channels, paper, out):
    if channels == 4:
        for x in range(out.size):
            out[x] = _on_paper(_ink(here[x]), here[x] >> U32(24), paper)
    elif channels == 3:
        for x in range(out.size):
            out[x] = U8(_ink(here[x]))
    else:
        for x in range(out.size):
            out[x] = _on_paper(here[x] & _BYTE, here[x] >> U32(8), paper)


@compiled()
def _index_row(here, bits, shades, colours, out):
    """Through the palette; whether it has all these colours."""
    known = True
    if bits == 8:
        for x in range(out.size):
            known = known and here[x] < colours
            out[x] = shades[here[x]]
        return known
    in_a_byte = 8 // bits
    mask = U32((1 << bits) - 1)
    for x in range(out.size):
        shift = U32(8 - bits * (x % in_a_byte + 1))
        index = (here[x // in_a_byte] >> shift) & mask
        known = known and index < colours
        out[x] = shades[index]
    return known


@compiled()
def _shades_of(palette, alphas, paper, shades):
    """The grey of each of the palette's colours on the paper."""
    for index in range(palette.size // 3):
        i = 3 * index
        ink = _ink(U32(palette[i]) | U32(palette[i + 1]) << U32(8) | U32(palette[i + 2]) << U32(16))
        shades[index] = _on_paper(ink, U32(alphas[index]), paper) if index < alphas.size else U8(ink)


@compiled()
def _contrast(out):
    """The lightest less the darkest pixel."""
    darkest, lightest = U8(255), U8(0)
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            darkest, lightest = min(darkest, out[y, x]), max(lightest, out[y, x])
    return I64(lightest) - I64(darkest)


@compiled()
def grey_of_scanlines(
    scanlines: Bytes, channels: int, bits: int, palette: Bytes, alphas: Bytes, paper: int, out: Bytes
) -> int:
    """A PNG's pixels in grey.

    Args:
        scanlines: inflated, uint8: for each row the filter's type and the row's bytes, nothing else.
        channels: 1 (an index into the palette), 2 (grey, alpha), 3 (RGB) or 4 (RGBA).
        bits: of a channel: 8, with one channel also 1, 2 or 4.
        palette: uint8, three a colour.
        alphas: uint8, of the first colours of the palette; empty where all are opaque.
        paper: grey, what is under transparent pixels.
        out: uint8 (H, W), to be filled.

    Returns:
        The lightest less the darkest pixel; -1 where a filter or a colour does not exist.
    """
    height, width = out.shape
    bytes_of_row = (width * channels * bits + 7) // 8
    above = np.zeros(bytes_of_row // channels, U32)
    here = np.empty(bytes_of_row // channels, U32)
    shades = np.empty(256, U8)
    colours = U32(palette.size // 3)
    _shades_of(palette, alphas, U32(paper), shades)
    for y in range(height):
        line = scanlines[y * (bytes_of_row + 1) : (y + 1) * (bytes_of_row + 1)]
        if not _unfilter(line, channels, above, here):
            return -1
        if channels > 1:
            _colour_row(here, channels, U32(paper), out[y])
        elif not _index_row(here, bits, shades, colours, out[y]):
            return -1
        above, here = here, above
    return _contrast(out)


@compiled()
def grey_of_rgb(pixels: Bytes, out: Bytes) -> None:
    """uint8 (H, W, 3) as grey, into uint8 (H, W)."""
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            red, green, blue = U32(pixels[y, x, 0]), U32(pixels[y, x, 1]), U32(pixels[y, x, 2])
            out[y, x] = U8((red * _RED + green * _GREEN + blue * _BLUE + _HALF) >> U32(16))

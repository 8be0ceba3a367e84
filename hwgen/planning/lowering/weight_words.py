"""Weight words: a layer's weights in the order in which its array reads them."""

__all__ = ["weight_beats", "weight_words"]

from collections.abc import Iterator

import numpy as np

from hwgen.families.memories import weight_style
from hwgen.network.fields import IntArray
from hwgen.planning.layers.folding import Folding, columns
from hwgen.planning.layers.layer import Layer
from hwgen.planning.lowering.encodings import Codes
from hwgen.targets import Target
from hwgen_rtl_templates.encodings import Encoding
from hwgen_rtl_templates.weights import WeightParameters
from hwgen_rtl_templates.window import WindowParameters


def weight_beats(
    layer: Layer, folding: Folding, window: WindowParameters, matrix: IntArray
) -> Iterator[IntArray]:
    """Yield the weights, (groups, rows, inputs), of each group as (rows, beats, columns), as they
    follow one another when the sequencer calls for them: slices of the channels, groups of `pe`
    outputs, beats of the window."""
    pe = folding.pe
    simd = columns(layer, folding)
    blocks = matrix.reshape(len(matrix), pe, len(window.taps), -1)
    live = window.live or (range(len(window.taps)),)
    for group, rows in enumerate(blocks):
        read = rows[:, live[group % len(live)]].reshape(pe, -1)
        yield np.pad(read, ((0, 0), (0, -read.shape[1] % simd))).reshape(pe, -1, simd)


def weight_words(
    layer: Layer,
    folding: Folding,
    window: WindowParameters,
    encoding: Encoding,
    matrix: IntArray,
    target: Target,
) -> WeightParameters:
    """Return the weights, (groups, rows, inputs), in words, in the memory that suits them."""
    pe = folding.pe
    simd = columns(layer, folding)
    codes = Codes(encoding, matrix)
    words = [
        word
        for read in weight_beats(layer, folding, window, matrix)
        for word in codes.words(read.swapaxes(0, 1).reshape(read.shape[1], -1))
    ]
    style = weight_style(pe * simd * encoding.bits, len(words), target)
    return WeightParameters(pe, simd, encoding, tuple(words), style)

"""Windows: what of its input a layer's engine reads on each clock, and where that is kept."""

__all__ = ["element_of", "window_for", "with_ring_memory"]

from dataclasses import replace
from functools import lru_cache

from hwgen.families.memories import ring_style
from hwgen.formats import bits_for
from hwgen.planning.layers.folding import Folding, word_size
from hwgen.planning.layers.layer import Layer
from hwgen.planning.layers.sparsity import Words, live_words
from hwgen.targets import Target
from hwgen_rtl_templates.window import WindowParameters


def element_of(layer: Layer, position: int = 0) -> tuple[int, bool]:
    """Return (bits, signed) of an element that a layer takes at one of its inputs, its padding
    included."""
    x = layer.xs[position]
    pads = [layer.pad_value] if layer.padded else []
    return bits_for(min([x.lo, *pads]), max([x.hi, *pads]))


def window_for(layer: Layer, folding: Folding, target: Target) -> WindowParameters:
    """Return the window of a folding, with the memory that suits its ring on the target."""
    lanes = folding.pe if layer.depthwise else folding.simd
    live = None
    if folding.skip:
        live = live_words(layer, folding.pe, *word_size(layer, folding.pe, folding.simd))
    return _window(layer, lanes, live, target)


@lru_cache(maxsize=1024)  # foldings of equal columns have the same
def _window(layer: Layer, lanes: int, live: Words | None, target: Target) -> WindowParameters:
    bits, is_signed = element_of(layer)
    channels, height, width = layer.x_frame
    window = WindowParameters(
        channels=channels,
        height=height,
        width=width,
        kernel=layer.kernel,
        stride=layer.stride,
        padding=layer.padding,
        dilation=layer.dilation,
        lanes=lanes,
        bits=bits,
        signed=is_signed,
        pad_value=layer.pad_value & ((1 << bits) - 1),
        slices=channels // lanes if layer.depthwise else layer.groups,
        live=live,
    )
    return with_ring_memory(window, target)


def with_ring_memory(window: WindowParameters, target: Target) -> WindowParameters:
    """Return the window with the memory that suits its ring on the target."""
    return replace(window, style=ring_style(window.word * window.bits, window.depth, target))

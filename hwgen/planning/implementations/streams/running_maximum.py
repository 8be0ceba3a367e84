"""Running maxima: pools of windows side by side, of which only the maxima so far are kept."""

__all__ = ["RUNNING_MAXIMUM"]

from collections.abc import Iterator
from dataclasses import replace

from hwgen.families.memories import queue_shifts, ring_style
from hwgen.planning.implementations.implementation import Conditions, Implementation
from hwgen.planning.layers.folding import Folding, divisors
from hwgen.planning.layers.layer import Layer
from hwgen.planning.lowering.window import element_of
from hwgen.targets import Target
from hwgen_rtl_templates.running_maximum import RunningMaximumParameters

NAME = "running"


def _candidates(layer: Layer, conditions: Conditions) -> Iterator[Folding]:
    """Yield lanes, where windows neither overlap nor reach beyond the image, and where nothing is
    left to do with a maximum."""
    apart = layer.kernel == layer.stride and layer.dilation == (1, 1)
    if apart and not layer.padded and not layer.epilogue:
        for lanes in divisors(layer.x_frame[0]):
            yield Folding(lanes, 1, lanes, implementation=NAME)


def _min_cycles(layer: Layer, folding: Folding) -> int:
    channels, height, width = layer.x_frame
    return height * width * (channels // folding.lanes)


def _lower(layer: Layer, folding: Folding, target: Target) -> RunningMaximumParameters:
    channels, height, width = layer.x_frame
    bits, is_signed = element_of(layer)
    bare = RunningMaximumParameters(
        channels=channels,
        height=height,
        width=width,
        kernel=layer.kernel,
        lanes=folding.lanes,
        bits=bits,
        signed=is_signed,
        shifts=queue_shifts(target),
    )
    across, down = (
        ring_style(folding.lanes * bits, words, target) if words else None
        for words in (bare.across, bare.down)
    )
    return replace(bare, styles=(across, down))


RUNNING_MAXIMUM = Implementation(
    name=NAME,
    title="running maximum",
    candidates=_candidates,
    min_cycles=_min_cycles,
    lower=_lower,
)

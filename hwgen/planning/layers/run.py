"""Run: layers that one component computes one after the other, as a layer.

A plan has a stage for each of them all the same: whoever asks a stage for its sources, its frames
or the beats that leave is told those of the run, and `inside` are its layers, for an implementation
that shares an array or a memory among them.
"""

__all__ = ["Run", "run_of"]

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hwgen.errors import PlanError
from hwgen.planning.layers.layer import Layer


@dataclass(frozen=True, eq=False)
class Run:
    """What a run of layers computes, in the place of an op.

    inside : its layers, each after those that it takes its inputs from
    """

    inside: tuple[Layer, ...]


def run_of(layers: Sequence[Layer]) -> Layer:
    """Return layers as one: what enters is all that they take from outside, what leaves is what the
    last one makes.

    Raises
    ------
    PlanError : there are fewer than two, or another one's values are left to nobody in the run
    """
    if len(layers) < 2:
        raise PlanError(f"A run must have at least two layers, not {len(layers)}")
    last, names = layers[-1], {layer.name for layer in layers}
    taken = {source for layer in layers for source in layer.sources}
    unused = [layer.name for layer in layers[:-1] if layer.name not in taken]
    if unused:
        raise PlanError(f"{unused[0]}: what a run computes must be used by a later layer of it")
    outer = [
        (source, layer.xs[place], layer.x_frames[place], layer.x_encodings[place])
        for layer in layers
        for place, source in enumerate(layer.sources)
        if source not in names
    ]
    first = {entering[0]: entering for entering in reversed(outer)}  # each source enters once
    sources, xs, frames, encodings = zip(*dict(reversed(first.items())).values(), strict=True)
    return replace(
        last,
        nodes=tuple(node for layer in layers for node in layer.nodes),
        op=Run(tuple(layers)),
        sources=sources,
        xs=xs,
        x_frames=frames,
        x_encodings=encodings,
        weight=None,
        bias=None,
        epilogue=None,
    )

"""Run: layers that one component computes one after the other, as one layer.

A stage then holds several layers: its sources, frames and beats are those of the run, so that the
dataflow and the timing see one component, and an implementation that shares an array or a memory
among the layers finds them in `inside`. None does yet.
"""

__all__ = ["Run", "run_of"]

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hwgen.errors import PlanError
from hwgen.planning.layers.layer import NONE, Layer


@dataclass(frozen=True, eq=False)
class Run:
    """What a run of layers computes, in the place of an op.

    inside : its layers, each after those that it takes its inputs from
    """

    inside: tuple[Layer, ...]


def run_of(layers: Sequence[Layer], network: Sequence[Layer]) -> Layer:
    """Return layers as one: what enters is all that they take from outside, what leaves is what the
    last one makes.

    Parameters
    ----------
    network : all layers of the network that these are some of

    Raises
    ------
    PlanError : there are fewer than two, or values of another one than the last are used outside of
        the run, or by nobody in it
    """
    if len(layers) < 2:
        raise PlanError(f"A run must have at least two layers, not {len(layers)}")
    last, names = layers[-1], {layer.name for layer in layers}
    taken = {source for layer in layers for source in layer.sources}
    for user in network:
        for source in set(user.sources) & (names - {last.name}):
            if user.name not in names:
                raise PlanError(f"{source}: {user.name} takes what only the run's own layers may")
    leaves = [layer.name for layer in layers[:-1] if layer.ends]
    if leaves:
        raise PlanError(f"{leaves[0]}: a value of a run that leaves must be that of its last layer")
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
        epilogue=(),
        kernel=(1, 1),
        stride=(1, 1),
        padding=NONE,
        dilation=(1, 1),
        groups=1,
        pads_low=False,
        spreads=False,
    )

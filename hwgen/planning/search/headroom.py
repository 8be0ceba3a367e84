"""Headroom: whether a target can hold a network's weights at all, before anything is planned."""

__all__ = ["check_headroom"]

from collections.abc import Collection, Sequence

import numpy as np

from hwgen.errors import PlanError
from hwgen.families.cells import lut_inputs
from hwgen.families.memories import block_bits
from hwgen.planning.layers.layer import Layer
from hwgen.planning.lowering.constants import may_be_constant
from hwgen.planning.lowering.encodings import candidates
from hwgen.targets import TARGETS, Target


def check_headroom(layers: Sequence[Layer], target: Target, wired: Collection[str]) -> None:
    """Refuse a network whose weights are more than all memories and all look-up tables hold.

    Parameters
    ----------
    wired : layers whose weights the user wants wired into adders, which need no memory

    Raises
    ------
    PlanError : they are; the message says how many bits are needed and there, and what would fit
    """
    if target.library:
        return
    needs = {
        layer.name: _least_bits(layer)
        for layer in layers
        if layer.weight is not None
        and layer.name not in wired
        and not may_be_constant(layer, large=False)
    }
    need, rams, tables = sum(needs.values()), _in_rams(target), _in_tables(target)
    if need <= rams + tables:
        return
    weights = sum(_nonzero(layer) for layer in layers if layer.name in needs)
    fitting = int((rams + tables) / weights)
    ways = [f"quantize to {fitting} bits a weight" if fitting else ""]
    ways.append(f"prune {1 - (rams + tables) / need:.0%} of the weights")
    larger = [t.name for t in TARGETS.values() if _holds(t, need)]
    ways.append(f"choose {larger[0]}" if larger else "choose a larger target")
    most = max(needs, key=lambda name: needs[name])
    raise PlanError(
        f"{most}: network does not fit {target.name}: its weights take {need:,} bits at the least, "
        f"{needs[most]:,} of them those of {most}; there are {rams:,} bits in block RAMs and "
        f"{tables:,} in look-up tables, if these hold nothing else. What would fit: "
        f"{', or '.join(filter(None, ways))}"
    )


def _least_bits(layer: Layer) -> int:
    """Return the fewest bits that hold a layer's weights: zeros may be skipped."""
    bits = min(e.bits for dense in (True, False) for e in candidates(layer, dense))
    return _nonzero(layer) * bits


def _nonzero(layer: Layer) -> int:
    return 0 if layer.weight is None else int(np.count_nonzero(layer.weight))


def _in_rams(target: Target) -> int:
    return target.block_rams * block_bits(target)


def _in_tables(target: Target) -> int:
    return target.luts << lut_inputs(target)


def _holds(target: Target, bits: int) -> bool:
    return not target.library and bits <= _in_rams(target) + _in_tables(target)

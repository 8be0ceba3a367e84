"""Position scale: values times a constant of where they are."""

__all__ = ["POSITION_SCALE"]

from collections.abc import Iterable
from typing import cast

from hwgen.families.memories import queue_shifts
from hwgen.formats import bits_for
from hwgen.network.ops import PositionScale
from hwgen.planning.implementations.implementation import Conditions, Implementation
from hwgen.planning.implementations.streams.quicker import with_low_latency
from hwgen.planning.layers.dot_output import dot_output_of
from hwgen.planning.layers.folding import Folding, element_cycles, element_foldings
from hwgen.planning.layers.layer import Layer
from hwgen.planning.lowering.epilogue import epilogue_for
from hwgen.targets import Target
from hwgen_rtl_templates.position_scale import PositionScaleParameters


def _candidates(layer: Layer, conditions: Conditions) -> Iterable[Folding]:
    return element_foldings(layer, "position_scale")


def _lower(layer: Layer, folding: Folding, target: Target) -> PositionScaleParameters:
    op = cast(PositionScale, layer.op)
    bits, is_signed = bits_for(layer.x.lo, layer.x.hi)
    *rows, columns = op.factors  # a length is a row
    behind = epilogue_for(layer, dot_output_of(layer), folding.lanes, target)
    offset = layer.x_encodings[0].base - layer.x.zero_point
    found = PositionScaleParameters(
        channels=layer.outputs,
        lanes=folding.lanes,
        bits=bits,
        signed=is_signed,
        offset=offset,
        step=layer.x_encodings[0].step,
        rows=rows[0] if rows else (1,),
        columns=columns,
        lo=layer.acc.lo,
        hi=layer.acc.hi,
        epilogue=behind.unit,
        depth=1,
        shifts=queue_shifts(target),
        table=behind.table,
    )
    return found.with_depth(found.full_rate_depth)


POSITION_SCALE = Implementation(
    name="position_scale",
    title="scale by position",
    candidates=_candidates,
    min_cycles=element_cycles,
    lower=_lower,
    with_low_latency=with_low_latency,
)

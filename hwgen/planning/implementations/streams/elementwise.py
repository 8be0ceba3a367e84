"""Where streams come together: sums and concatenations, element by element."""

__all__ = ["CONCATENATION", "SUM"]

from collections.abc import Iterable
from typing import cast

from hwgen.families.memories import queue_shifts
from hwgen.formats import bits_for
from hwgen.network.ops import Add
from hwgen.planning.implementations.implementation import Conditions, Implementation
from hwgen.planning.implementations.streams.quicker import with_low_latency
from hwgen.planning.layers.dot_output import dot_output_of
from hwgen.planning.layers.folding import Folding, element_cycles, element_foldings
from hwgen.planning.layers.layer import Layer
from hwgen.planning.lowering.epilogue import epilogue_for
from hwgen.targets import Target
from hwgen_rtl_templates.join import ConcatParameters, SumParameters


def _sum_candidates(layer: Layer, conditions: Conditions) -> Iterable[Folding]:
    return element_foldings(layer, "sum")


def _sum(layer: Layer, folding: Folding, target: Target) -> SumParameters:
    op = cast(Add, layer.op)
    shapes = [bits_for(x.lo, x.hi) for x in layer.xs]
    each = list(zip(op.multipliers, layer.xs, layer.x_encodings, strict=True))
    behind = epilogue_for(layer, dot_output_of(layer), folding.lanes, target)
    found = SumParameters(
        channels=layer.outputs,
        lanes=folding.lanes,
        bits=tuple(bits for bits, _ in shapes),
        signs=tuple(sign for _, sign in shapes),
        multipliers=tuple(by * encoding.step for by, _, encoding in each),
        # shares of zero points, and what elements stand for
        offset=sum(by * (encoding.base - x.zero_point) for by, x, encoding in each),
        lo=layer.acc.lo,
        hi=layer.acc.hi,
        beats=element_cycles(layer, folding),
        epilogue=behind.unit,
        depth=1,
        shifts=queue_shifts(target),
        table=behind.table,
    )
    return found.with_depth(found.full_rate_depth)


def _concat_candidates(layer: Layer, conditions: Conditions) -> Iterable[Folding]:
    return element_foldings(layer, "concatenation")


def _concat(layer: Layer, folding: Folding, target: Target) -> ConcatParameters:
    bits, is_signed = bits_for(layer.y.lo, layer.y.hi)
    channels = tuple(frame[0] for frame in layer.x_frames)
    return ConcatParameters(channels, folding.lanes, bits, is_signed)


SUM = Implementation(
    name="sum",
    title="sum",
    candidates=_sum_candidates,
    min_cycles=element_cycles,
    lower=_sum,
    with_low_latency=with_low_latency,
)
CONCATENATION = Implementation(
    name="concatenation",
    title="concatenation",
    candidates=_concat_candidates,
    min_cycles=element_cycles,
    lower=_concat,
)

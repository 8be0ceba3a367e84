"""Two streams, element by element: products, and the larger or the smaller."""

__all__ = ["EXTREME", "PRODUCT"]

from collections.abc import Iterable

from hwgen.families.memories import queue_shifts
from hwgen.formats import bits_for
from hwgen.network.ops import Minimum
from hwgen.network.tensor import Tensor
from hwgen.planning.implementations.implementation import Conditions, Implementation
from hwgen.planning.implementations.streams.quicker import with_low_latency
from hwgen.planning.layers.dot_output import dot_output_of
from hwgen.planning.layers.elements import ElementEncoding
from hwgen.planning.layers.folding import (
    Folding,
    element_cycles,
    element_foldings,
)
from hwgen.planning.layers.layer import Layer
from hwgen.planning.lowering.epilogue import epilogue_for
from hwgen.targets import Target
from hwgen_rtl_templates.extreme import ExtremeParameters
from hwgen_rtl_templates.product import ProductParameters


def _product_candidates(layer: Layer, conditions: Conditions) -> Iterable[Folding]:
    return element_foldings(layer, "product")


def _reach(x: Tensor, encoding: ElementEncoding) -> tuple[int, int]:
    """Return the range of what elements stand for, less the zero point."""
    base = encoding.base - x.zero_point
    return base + encoding.step * x.lo, base + encoding.step * x.hi


def _product(layer: Layer, folding: Folding, target: Target) -> ProductParameters:
    (a, b), lanes = layer.xs, folding.lanes
    shapes = [bits_for(x.lo, x.hi) for x in layer.xs]
    encodings = layer.x_encodings
    behind = epilogue_for(layer, dot_output_of(layer), lanes, target)
    found = ProductParameters(
        channels=layer.outputs,
        lanes=lanes,
        bits=(shapes[0][0], shapes[1][0]),
        signs=(shapes[0][1], shapes[1][1]),
        steps=(encodings[0].step, encodings[1].step),
        offsets=(encodings[0].base - a.zero_point, encodings[1].base - b.zero_point),
        ranges=(_reach(a, encodings[0]), _reach(b, encodings[1])),
        lo=layer.acc.lo,
        hi=layer.acc.hi,
        beats=element_cycles(layer, folding),
        epilogue=behind.unit,
        depth=1,
        shifts=queue_shifts(target),
        table=behind.table,
    )
    return found.with_depth(found.full_rate_depth)


def _extreme_candidates(layer: Layer, conditions: Conditions) -> Iterable[Folding]:
    return element_foldings(layer, "extreme")


def _extreme(layer: Layer, folding: Folding, target: Target) -> ExtremeParameters:
    shapes = [bits_for(x.lo, x.hi) for x in layer.xs]
    return ExtremeParameters(
        channels=layer.outputs,
        lanes=folding.lanes,
        bits=(shapes[0][0], shapes[1][0]),
        signs=(shapes[0][1], shapes[1][1]),
        element=bits_for(layer.y.lo, layer.y.hi),
        smaller=type(layer.op) is Minimum,
        beats=element_cycles(layer, folding),
    )


PRODUCT = Implementation(
    name="product",
    title="product",
    candidates=_product_candidates,
    min_cycles=element_cycles,
    lower=_product,
    with_low_latency=with_low_latency,
)
EXTREME = Implementation(
    name="extreme",
    title="larger or smaller of two",
    candidates=_extreme_candidates,
    min_cycles=element_cycles,
    lower=_extreme,
)

"""What follows a stream's sum or product, in the fewest clocks."""

__all__ = ["with_low_latency"]

from dataclasses import replace
from typing import TypeVar

from hwgen.planning.layers.dot_output import dot_output_of
from hwgen.planning.layers.layer import Layer
from hwgen.planning.lowering.epilogue import Epilogue, quicker_epilogue
from hwgen.targets import Target
from hwgen_rtl_templates.join import SumParameters
from hwgen_rtl_templates.position_scale import PositionScaleParameters
from hwgen_rtl_templates.product import ProductParameters

Followed = TypeVar("Followed", SumParameters, ProductParameters, PositionScaleParameters)


def with_low_latency(core: Followed, layer: Layer, target: Target) -> Followed:
    """Return the component itself where nothing takes fewer clocks than what follows it."""
    now = Epilogue(None, core.epilogue, core.table)
    quicker = quicker_epilogue(layer, dot_output_of(layer), core.lanes, target, now)
    if quicker is None:
        return core
    found = replace(core, epilogue=quicker.unit, table=quicker.table)
    return found.with_depth(found.full_rate_depth)

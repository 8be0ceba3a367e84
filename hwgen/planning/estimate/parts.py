"""Parts: the table of all that a plan is made of, from which LUTs, flip-flops and energy follow."""

__all__ = ["PARTS", "structure", "work"]

from hwgen.planning.estimate.array_parts import DATAPATHS
from hwgen.planning.estimate.engine_parts import ENGINES
from hwgen.planning.estimate.epilogue_parts import EPILOGUES
from hwgen.planning.estimate.stream_parts import STREAM_PARTS
from hwgen.planning.estimate.structure import Counted, Structure
from hwgen.planning.estimate.work import Work
from hwgen.targets import Target

PARTS: dict[type, Counted] = {**STREAM_PARTS, **ENGINES, **EPILOGUES}


def structure(part: object, target: Target) -> Structure:
    """Return what a part, or the datapath of an engine, is made of on a target.

    Raises
    ------
    TypeError : nobody counts such a part
    """
    counted = PARTS.get(type(part)) or DATAPATHS.get(type(part))
    if counted is None:
        raise TypeError(f"No structure of {type(part).__name__}")
    return counted.structure(part, target)


def work(part: object, beats: int) -> Work:
    """Return what a part does with so many beats that enter."""
    return PARTS[type(part)].work(part, beats)

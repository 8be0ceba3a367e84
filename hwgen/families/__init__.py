"""Families of devices: one record each, and what is read off it.

A family is a file beside this one that makes one `Family`, and a place in `FAMILIES`.
"""

__all__ = ["FAMILIES", "family_of", "routing_of", "synthesis_of"]

from collections.abc import Mapping
from types import MappingProxyType

from hwgen.errors import HwgenError, PlanError
from hwgen.families.asic import ASIC
from hwgen.families.ecp5 import ECP5
from hwgen.families.family import Family, PlaceAndRoute, SynthesisPass
from hwgen.families.gowin import GOWIN
from hwgen.families.ice40 import ICE40
from hwgen.families.nexus import NEXUS
from hwgen.families.xilinx7 import XILINX7
from hwgen.targets import Target

FAMILIES: Mapping[str, Family] = MappingProxyType(
    {family.name: family for family in (ECP5, ICE40, GOWIN, XILINX7, NEXUS, ASIC)}
)


def family_of(target: Target) -> Family:
    """Return the family of a target.

    Raises
    ------
    HwgenError : hwgen knows no such family
    """
    family = FAMILIES.get(target.family)
    if family is None:
        raise HwgenError(
            f"Family of target {target.name} must be one of {', '.join(FAMILIES)}, "
            f"not {target.family!r}"
        )
    return family


def synthesis_of(target: Target) -> SynthesisPass:
    """Return how a target's family is synthesised.

    Raises
    ------
    HwgenError : hwgen knows no such family, or cannot synthesise for it; an ASIC is mapped to its
        library instead
    """
    synthesis = family_of(target).synthesis
    if synthesis is None:
        names = [name for name, family in FAMILIES.items() if family.synthesis is not None]
        raise HwgenError(
            f"Family of target {target.name} must be one of {', '.join(names)} to be synthesised, "
            f"not {target.family!r}"
        )
    return synthesis


def routing_of(target: Target) -> PlaceAndRoute:
    """Return how a target's family is placed and routed.

    Raises
    ------
    HwgenError : hwgen knows no such family
    PlanError : no open tool places and routes it
    """
    routing = family_of(target).routing
    if routing is None:
        raise PlanError(
            f"Place and route must have an open tool for the target's family, and {target.name} "
            f"({target.family}) has none; its costs end with synthesis (stage synth)"
        )
    return routing

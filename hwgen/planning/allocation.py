"""Allocation: which layer gets how many of the DSP blocks that all of them share."""

__all__ = ["Option", "allocate", "frontier"]

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hwgen.planning.folding import Folding
from hwgen.planning.lowering import Core


@dataclass(frozen=True)
class Option:
    """One way to build a layer.

    cost : in LUTs, by which options are compared
    dsps : blocks it takes
    """

    cost: float
    dsps: int
    folding: Folding
    core: Core


def frontier(options: Iterable[Option]) -> list[Option]:
    """Return the options that none of as few blocks undercuts, those of few blocks first."""
    kept: list[Option] = []
    for option in sorted(options, key=lambda option: (option.dsps, option.cost)):
        if not kept or option.cost < kept[-1].cost:
            kept.append(option)
    return kept


def allocate(layers: Sequence[Sequence[Option]], blocks: int) -> list[Option]:
    """Return an option for each layer, of the least cost in all within a number of blocks; those
    of the fewest blocks where these are too many already.

    A knapsack with a choice for each layer, by the blocks that are used up so far.
    """
    ways: dict[int, tuple[float, tuple[Option, ...]]] = {0: (0.0, ())}
    for options in layers:
        further: dict[int, tuple[float, tuple[Option, ...]]] = {}
        for used, (cost, chosen) in ways.items():
            for option in options:
                total, way = used + option.dsps, (cost + option.cost, (*chosen, option))
                if total <= blocks and (total not in further or way[0] < further[total][0]):
                    further[total] = way
        ways = further
    if not ways:
        return [min(options, key=lambda option: option.dsps) for options in layers]
    _, best = min(ways.values(), key=lambda way: way[0])
    return list(best)

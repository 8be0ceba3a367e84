"""Coefficients: what one of each count of a structure costs, by family."""

__all__ = [
    "START",
    "Coefficients",
    "coefficients_of",
    "read_coefficients",
    "taken_for",
    "write_coefficients",
]

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from hwgen.errors import HwgenError

FILE = Path(__file__).with_name("coefficients.json")
START = "start"  # the block that fits start from: of no family, and never fitted itself

_taken_for: ContextVar[str | None] = ContextVar("taken_for", default=None)


@dataclass(frozen=True)
class Coefficients:
    """Those of a family.

    unit : of a cost, such as LUT
    source : what they were fitted on
    each : cost of one of each count, by the count's name
    like : family that gives the coefficients which this block lacks, None where it lacks none
    """

    unit: str
    source: str
    each: Mapping[str, float]
    like: str | None = None

    def cost(self, counts: Mapping[str, float]) -> float:
        """Return what counts cost together."""
        each = self.each
        return sum(count * each[name] for name, count in counts.items())


def read_coefficients(path: Path = FILE) -> dict[str, Coefficients]:
    """Return the coefficients in a file, by family."""
    blocks = json.loads(path.read_text(encoding="utf-8"))
    return {family: Coefficients(**block) for family, block in blocks.items()}


def write_coefficients(found: Mapping[str, Coefficients], path: Path = FILE) -> None:
    """Write coefficients, a block a family; families that are not among them keep theirs."""
    known = read_coefficients(path) if path.exists() else {}
    blocks = {}
    for family, c in {**known, **found}.items():
        blocks[family] = {"unit": c.unit, "source": c.source, "each": dict(sorted(c.each.items()))}
        blocks[family] |= {"like": c.like} if c.like else {}
    path.write_text(json.dumps(blocks, indent=2) + "\n", encoding="utf-8")
    _known.cache_clear()


@lru_cache(maxsize=1)
def _known() -> dict[str, Coefficients]:
    known = read_coefficients()
    for family, block in known.items():
        if block.like:
            each = {**known[block.like].each, **block.each}
            known[family] = replace(block, each=each)
    return known


def coefficients_of(family: str) -> Coefficients:
    """Return the coefficients of a family.

    Raises
    ------
    HwgenError : none were fitted yet
    """
    known, block = _known(), _taken_for.get() or family
    if block not in known:
        raise HwgenError(
            f"Family {family} has no coefficients of estimates yet; fit some with "
            f"`hwgen cost --refit --families {family}`"
        )
    return known[block]


@contextmanager
def taken_for(block: str) -> Iterator[None]:
    """Estimate with the coefficients of one block, whatever the family, meanwhile."""
    token = _taken_for.set(block)
    try:
        yield
    finally:
        _taken_for.reset(token)

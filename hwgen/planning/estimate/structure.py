"""Structure: what a component is made of, counted before anything is synthesised.

A count has a name that says what it counts; what one of it costs on a family is that family's
coefficient (`coefficients.json`). Flip-flops, DSP blocks and block RAMs are counted as they are.
"""

__all__ = [
    "Counted",
    "Structure",
    "bits_of",
    "held_table",
    "indexed_table",
    "loop_bits",
    "storage",
    "total",
]

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hwgen.families.cells import lut_inputs
from hwgen.families.memories import block_rams, lut_memory
from hwgen.formats import bits_for
from hwgen.planning.estimate.lookup_tables import table_luts, words_luts
from hwgen.planning.estimate.work import Work
from hwgen.targets import Target


@dataclass(frozen=True)
class Structure:
    """Counts of a component.

    logic : of what takes look-up tables, by name
    ffs, dsps, block_rams : flip-flops, DSP blocks, block RAMs
    """

    logic: Mapping[str, float] = field(default_factory=dict)
    ffs: float = 0
    dsps: int = 0
    block_rams: int = 0

    def __add__(self, other: "Structure") -> "Structure":
        logic = dict(self.logic)
        for name, count in other.logic.items():
            logic[name] = logic.get(name, 0) + count
        return Structure(
            logic,
            self.ffs + other.ffs,
            self.dsps + other.dsps,
            self.block_rams + other.block_rams,
        )

    def times(self, count: int) -> "Structure":
        """Return that many of it."""
        logic = {name: count * each for name, each in self.logic.items()}
        return Structure(logic, count * self.ffs, count * self.dsps, count * self.block_rams)


@dataclass(frozen=True)
class Counted:
    """What is known of a kind of part before it is synthesised.

    structure : what it is made of on a target
    work : what it does; of a part that streams run through with so many beats that enter, of a
        datapath with so many beats of so many dot products
    """

    structure: Callable[[Any, Target], Structure]
    work: Callable[..., Work]


def bits_of(limit: int) -> int:
    """Return the bits of a number up to a limit, at least one."""
    return max(1, limit.bit_length())


def loop_bits(*extents: int) -> Counter[str]:
    """Return the bits of counters of so many turns; one of a power of two turns over by itself."""
    found: Counter[str] = Counter()
    for extent in extents:
        if extent > 1:
            name = "loop bit" if extent & (extent - 1) else "round loop bit"
            found[name] += bits_of(extent - 1)
    return found


def total(parts: Iterable[Structure]) -> Structure:
    """Return the structure of parts together."""
    return sum(parts, Structure())


def storage(width: int, depth: int, style: str | None, target: Target) -> Structure:
    """Return the structure of a writable memory, with one port that writes and one that reads."""
    if style == "block":
        return Structure(block_rams=block_rams(width, depth, target))
    small = lut_memory(width, depth, target)
    if depth == 1:
        return Structure(ffs=width)
    if small is not None:
        cells, choices = small
        return Structure({"memory table": cells, "memory choice bit": choices})
    # a register a bit, what chooses between them, and what says which is written
    logic = {"register choice bit": width * (depth - 1), "register word": depth}
    return Structure(logic, width * depth)


def indexed_table(name: str, values: Sequence[int], target: Target) -> Counter[str]:
    """Return the logic of a table that is read by an index."""
    tables, choices = table_luts(values, lut_inputs(target))
    return Counter({f"{name} table": tables, f"{name} choice": choices})


def held_table(values: Sequence[int], target: Target) -> Structure:
    """Return the structure of a table that a register looks ahead in, none where all are equal."""
    if len(set(values)) == 1:
        return Structure()
    width, _ = bits_for(min(values), max(values))
    words = [value & ((1 << width) - 1) for value in values]
    tables, choices = words_luts(words, width, lut_inputs(target))
    return Structure({"held table": tables, "held choice": choices}, width)

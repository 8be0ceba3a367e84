"""Memories: how many block RAMs a shape takes, and when LUTs hold it for less."""

__all__ = [
    "BLOCK_RAM_LUTS",
    "block_bits",
    "block_rams",
    "lut_memory",
    "lut_memory_luts",
    "queue_shifts",
    "queue_step",
    "register_luts",
    "ring_style",
    "weight_style",
]

from collections.abc import Sequence

from hwgen.families import family_of
from hwgen.targets import Target

CHOICE_LUTS = 0.7  # LUTs a bit that is chosen between two memories
BLOCK_RAM_LUTS = 60  # LUTs that a block RAM is worth, wherever it is weighed


def block_bits(target: Target) -> int:
    """Return the bits that a block RAM holds."""
    return max(width * words for width, words in family_of(target).memories.shapes)


def block_rams(width: int, depth: int, target: Target, read: Sequence[bool] | None = None) -> int:
    """Return how many block RAMs hold `depth` words of `width` bits, at the best aspect ratio.

    read : of each bit, whether it ever is, which all are when not given; synthesis drops a memory
        of which nothing is read
    """
    if target.library:
        return 0  # every memory is flip-flops, or logic
    shapes = family_of(target).memories.shapes
    w, d = min(shapes, key=lambda s: -(-width // s[0]) * -(-depth // s[1]))
    slices = sum(read is None or any(read[bit : bit + w]) for bit in range(0, width, w))
    return slices * -(-depth // d)


def lut_memory(width: int, depth: int, target: Target) -> tuple[int, int] | None:
    """Return how many LUTs the memories of a small writable memory take, and how many bits are
    chosen between them; None where a family has no such memories."""
    small = family_of(target).memories.lut_memory
    if small is None:
        return None
    banks = -(-depth // small.words)
    return -(-width // small.bits) * small.luts * banks, width * (banks - 1)


def lut_memory_luts(width: int, depth: int, target: Target) -> float | None:
    """Return how many LUTs a small writable memory takes, or None where there is none."""
    found = lut_memory(width, depth, target)
    return None if found is None else found[0] + CHOICE_LUTS * found[1]


def register_luts(width: int, depth: int, target: Target) -> float:
    """Return the LUTs beside the registers of a memory that is made of registers."""
    return family_of(target).memories.register_luts * width * depth


def ring_style(width: int, depth: int, target: Target) -> str:
    """Return where a line buffer goes: "distributed" (LUT memory; "logic", registers, where there
    is none) or "block"."""
    luts = lut_memory_luts(width, depth, target)
    small, taken = (
        ("logic", register_luts(width, depth, target)) if luts is None else ("distributed", luts)
    )
    worth = taken > BLOCK_RAM_LUTS * block_rams(width, depth, target)
    return "block" if worth and target.block_rams else small


def weight_style(width: int, depth: int, target: Target) -> str:
    """Return where constant words go: "block" where they fit block RAM better than tables in
    LUTs, of which up to 16 words cost a LUT a bit, else "logic"."""
    tables = width * -(-depth // 16)
    worth = tables > BLOCK_RAM_LUTS * block_rams(width, depth, target) and target.block_rams
    return "block" if worth and depth > 1 else "logic"


def queue_step(target: Target) -> int:
    """Return the depth that the smallest queue has anyway."""
    small = family_of(target).memories.lut_memory
    return 1 if small is None else small.words


def queue_shifts(target: Target) -> bool:
    """Say whether shallow queues are registers that shift: where a memory is registers anyway."""
    return family_of(target).memories.lut_memory is None

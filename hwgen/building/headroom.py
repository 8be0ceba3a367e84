"""What of a device a board leaves to the accelerator."""

__all__ = ["CORE_LUTS", "board_headroom"]

from dataclasses import replace
from math import prod

from hwgen.network.graph import Network
from hwgen.targets import Target
from hwgen_boards.core import room_for
from hwgen_rtl_templates.link import HEADER

# What serial line, framing, link and lights take of a device, the most that was measured; requests
# that wait take block memories besides, nine bits a byte.
CORE_LUTS, CORE_FFS, WAITING_BITS = 600, 400, 9


def board_headroom(target: Target, network: Network) -> Target:
    """Return a target less what a board's core takes of it."""
    tensor = network.input
    size = max(abs(tensor.lo), abs(tensor.hi)).bit_length() // 8 + 1  # bytes of an element, or more
    request = HEADER + prod(tensor.shape) * size
    waiting = -(-WAITING_BITS * room_for(request) // target.block_ram_bits)
    return replace(
        target,
        luts=max(1, target.luts - CORE_LUTS),
        ffs=max(1, target.ffs - CORE_FFS),
        block_rams=max(0, target.block_rams - waiting),
    )

"""The host's side: an accelerator on a board, or on a simulated one, behind a serial line; or one
behind a bus, whose frames lie in memory."""

__all__ = [
    "BAUD",
    "Accelerator",
    "Description",
    "MappedMemory",
    "MemoryAccelerator",
    "Transfer",
    "Windows",
    "Words",
]

from hwgen.host.accelerator import BAUD, Accelerator, Transfer
from hwgen.host.description import Description
from hwgen.host.memory import MappedMemory, MemoryAccelerator, Windows, Words

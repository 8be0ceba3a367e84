"""The host's side: an accelerator on a board, or on a simulated one, behind a serial line."""

__all__ = ["BAUD", "Accelerator", "Description", "Transfer"]

from hwgen.host.accelerator import BAUD, Accelerator, Transfer
from hwgen.host.description import Description

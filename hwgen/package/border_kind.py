"""What there may be around an accelerator, by name."""

__all__ = ["BorderKind", "Elements"]

from enum import StrEnum


class BorderKind(StrEnum):
    """What is around an accelerator.

    AXIS : AXI4-Stream: whole bytes, TLAST at both ends, damaged frames completed and marked with
        TUSER
    AXI : registers on AXI4-Lite, and a mover of frames that are in memory on AXI4
    WISHBONE : the same on two Wishbones
    """

    AXIS = "axis"
    AXI = "axi"
    WISHBONE = "wishbone"


class Elements(StrEnum):
    """How elements lie in words.

    BYTES : each takes 1, 2, 4 or 8 bytes, its sign extended, as C and NumPy hold them
    DENSE : one behind the other, no bit between them
    """

    BYTES = "bytes"
    DENSE = "dense"

"""Any function of one value, entry by entry."""

__all__ = ["MAX_ENTRIES", "Table"]

from dataclasses import dataclass

from hwgen.errors import NetworkError
from hwgen.formats import Activation
from hwgen.network.fields import FloatArray, IntArray, as_int, integers, number_format, scales
from hwgen.network.ops.base import ACTIVATIONS, Op

MAX_ENTRIES = 1 << 10


@dataclass(frozen=True, eq=False)
class Table(Op):
    """y = entries[q - lo], of the channel.

    entries : (1, N) or (channels, N), N from 1 to 1024, integers of the format
    format, scale, zero_point : of the output
    lo : the integer of the input, as it is, whose output is the first entry; the range of the input
        must lie in [lo, lo + N - 1]

    What a function f of one value is between two grids, rising or not:
    entry = clamp(zero_point + floor(f(scale of the input * (q - its zero point)) / scale + 1/2)).
    """

    entries: IntArray
    format: Activation
    scale: FloatArray
    zero_point: int = 0
    lo: int = 0

    def __post_init__(self) -> None:
        entries = integers(self.entries, "Entries", 2)
        if 0 in entries.shape:
            raise NetworkError(f"Entries must not be empty, not of shape {entries.shape}")
        if entries.shape[1] > MAX_ENTRIES:
            raise NetworkError(
                f"Entries must be at most {MAX_ENTRIES} a channel, not {entries.shape[1]}; "
                "requantize the input to 10 bits or fewer"
            )
        scale = scales(self.scale, "Output scale")
        if scale.size != 1:
            raise NetworkError("Output scale of a table must be a single number")
        of = self.format
        number_format(of, "Output format", *ACTIVATIONS)
        least, most = int(entries.min()), int(entries.max())
        if not of.lo <= least <= most <= of.hi or ((entries - of.lo) % of.step).any():
            raise NetworkError(f"Entries must be integers of {of}, not in [{least}, {most}]")
        self._set(
            entries=entries,
            scale=scale,
            zero_point=as_int(self.zero_point, "Zero point"),
            lo=as_int(self.lo, "Input of the first entry"),
        )

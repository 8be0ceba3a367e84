"""Function table: any function of one value, read from a memory."""

__all__ = ["FunctionTable", "FunctionTableParameters"]

from dataclasses import dataclass, field

from amaranth import *
from amaranth.lib import memory, wiring

from hwgen_rtl_templates.streams import beats_per_pixel, delayed, of_lane, unit_ports
from hwgen_rtl_templates.tables import lookup, nest


@dataclass(frozen=True)
class FunctionTableParameters:
    """y = entries[x - x_lo], of the channel.

    channels, lanes : of a pixel, and of a beat
    x_bits, x_signed : of an input element
    x_lo : the input of the first entry; there is one for each input that occurs
    entries : one row for all channels or one a channel, equally long
    bits, signed : of an output element
    style : "block" for block RAM, "logic" for tables in LUTs
    """

    channels: int
    lanes: int
    x_bits: int
    x_signed: bool
    x_lo: int
    entries: tuple[tuple[int, ...], ...] = field(repr=False)
    bits: int
    signed: bool
    style: str = "logic"

    name = "table"  # of the instance

    def __post_init__(self) -> None:
        if len(self.entries) not in (1, self.channels):
            raise ValueError(f"Rows of entries must be one or {self.channels}")
        if len({len(row) for row in self.entries}) > 1 or not self.entries[0]:
            raise ValueError("Rows of entries must be equally long, and not empty")
        if self.style not in ("block", "logic"):
            raise ValueError(f"Style must be block or logic, not {self.style!r}")
        first = -(1 << (self.x_bits - 1)) if self.x_signed else 0
        last = first + (1 << self.x_bits) - 1
        if not first <= self.x_lo <= self.x_lo + len(self.entries[0]) - 1 <= last:
            raise ValueError(f"Entries must be of inputs in [{first}, {last}]")

    title = "table"  # what it does, in a word

    @property
    def x_shape(self) -> Shape:
        """Shape of an input element."""
        return Shape(self.x_bits, self.x_signed)

    @property
    def beats(self) -> int:
        """Beats of a pixel that have entries of their own."""
        return beats_per_pixel(self.channels, self.lanes) if len(self.entries) > 1 else 1

    @property
    def depth(self) -> int:
        """Words of a lane's memory."""
        return self.beats << self.x_bits

    @property
    def latency(self) -> int:
        """Clocks from a beat to its output; a block RAM's output gets a register of its own."""
        return 2 if self.style == "block" else 1

    def words(self, lane: int) -> list[int]:
        """Return the memory of a lane: by the beat of the pixel, then by the bits of the element.
        Elements that never occur have the entry of the nearest one that does."""
        half, size = 1 << (self.x_bits - 1), 1 << self.x_bits
        last = len(self.entries[0]) - 1
        found = []
        for row in of_lane(self.entries, lane, self.lanes, self.beats):
            for code in range(size):
                x = code - size if self.x_signed and code >= half else code
                found.append(row[min(max(x - self.x_lo, 0), last)])
        return found

    def create(self) -> "FunctionTable":
        """Return the component."""
        return FunctionTable(self)


class FunctionTable(wiring.Component):
    """Read an entry for each element, a beat a clock, from a memory a lane.

    Members
    -------
    i : stream of `lanes` elements
    o : stream of `lanes` outputs, `latency` clocks later

    Counts the beats of a pixel to know the channels, so it must see every beat from the first of
    a frame on.
    """

    def __init__(self, parameters: FunctionTableParameters):
        self.parameters = p = parameters
        super().__init__(unit_ports(p.lanes, p.x_shape, Shape(p.bits, p.signed)))

    def elaborate(self, platform):
        m = Module()
        p = self.parameters
        (beat,), _ = nest(m, self.i.valid, [("beat", p.beats)])
        (valid,) = delayed(m, p.latency, valid=self.i.valid)
        m.d.comb += self.o.valid.eq(valid)
        for lane in range(p.lanes):
            index = Cat(self.i.payload[lane], beat)
            out = Signal.like(self.o.payload[lane], name=f"entry_{lane}", reset_less=True)
            m.d.sync += out.eq(self._read(m, index, lane))
            m.d.comb += self.o.payload[lane].eq(out)
        return m

    def _read(self, m: Module, index: Value, lane: int) -> Value:
        """Return the word of an index, of a block RAM a clock later."""
        p = self.parameters
        words = p.words(lane)
        if p.style == "logic":
            return lookup(m, index, words, f"table_{lane}")
        shape = Shape(p.bits, p.signed)
        m.submodules[f"table_{lane}"] = table = memory.Memory(
            shape=shape, depth=len(words), init=words, attrs={"rom_style": p.style}
        )
        read = table.read_port()
        m.d.comb += read.addr.eq(index)
        return read.data

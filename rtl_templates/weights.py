"""Weight source: the words of a weight memory, one a command."""

__all__ = ["WeightMemory", "WeightParameters"]

from dataclasses import dataclass, field

from amaranth import *
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from hwgen_rtl_templates.encodings import Encoding


@dataclass(frozen=True)
class WeightParameters:
    """Weights in the order in which an array uses them.

    pe, simd : rows and columns of the array
    encoding : how a weight is written
    words : one integer a clock of the schedule; the code of row r and column l stands in its
        bits [(r * simd + l) * bits, (r * simd + l + 1) * bits)
    style : "block" for block RAM, "logic" for tables in LUTs
    """

    pe: int
    simd: int
    encoding: Encoding
    words: tuple[int, ...] = field(repr=False)
    style: str = "logic"

    latency = 4  # clocks from a command to its weights, those of a window

    def __post_init__(self) -> None:
        if not self.words:
            raise ValueError("Weights must hold at least one word")
        if self.style not in ("block", "logic"):
            raise ValueError(f"Style must be block or logic, not {self.style!r}")

    @property
    def bits(self) -> int:
        """Bits of a weight's code."""
        return self.encoding.bits

    @property
    def width(self) -> int:
        """Bits of a word."""
        return self.pe * self.simd * self.bits

    @property
    def shape(self) -> data.ArrayLayout:
        """A word: rows of columns of codes."""
        return data.ArrayLayout(data.ArrayLayout(unsigned(self.bits), self.simd), self.pe)


class WeightMemory(wiring.Component):
    """Read-only memory that walks through its words, over and over.

    Members
    -------
    command : valid on each clock on which the next word is wanted
    o : the word of each command, `latency` clocks later
    """

    def __init__(self, parameters: WeightParameters):
        self.parameters = p = parameters
        super().__init__(
            {
                "command": In(stream.Signature(0, always_ready=True)),
                "o": Out(stream.Signature(p.shape, always_ready=True)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        p = self.parameters
        valid = self.command.valid
        stages = [Signal(name=f"valid_{n}") for n in range(p.latency)]
        m.d.sync += [a.eq(b) for a, b in zip(stages, (valid, *stages), strict=False)]
        m.d.comb += self.o.valid.eq(stages[-1])

        word = self.o.payload.as_value()
        if len(p.words) == 1:
            m.d.comb += word.eq(p.words[0])
            return m
        m.submodules.storage = storage = memory.Memory(
            shape=unsigned(p.width),
            depth=len(p.words),
            init=p.words,
            attrs={"rom_style": p.style},
        )
        read = storage.read_port()
        # A block RAM's output is slow, and gets a register of its own; a table's is one already.
        slow = p.style == "block"
        with m.If(stages[1 if slow else 2]):
            m.d.sync += read.addr.eq(Mux(read.addr == len(p.words) - 1, 0, read.addr + 1))
        if slow:
            held = Signal(p.width, reset_less=True)
            m.d.sync += held.eq(read.data)
            m.d.comb += word.eq(held)
        else:
            m.d.comb += word.eq(read.data)
        return m

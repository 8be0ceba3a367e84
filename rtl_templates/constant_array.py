"""Constant array: a layer's weights wired into adders, behind a window."""

__all__ = ["ConstantArray", "ConstantArrayParameters"]

from dataclasses import dataclass
from functools import cached_property

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hwgen_rtl_templates.bit_serial import BitSerialParameters
from hwgen_rtl_templates.constant import ConstantParameters
from hwgen_rtl_templates.streams import elements
from hwgen_rtl_templates.window import beat_shape


@dataclass(frozen=True)
class ConstantArrayParameters:
    """All dot products of a window at once, with constants.

    values : the matrix, and how many bits of a word it takes a clock
    simd : elements of a beat
    """

    values: ConstantParameters | BitSerialParameters
    simd: int

    name = "array"  # of the instance

    @property
    def beats(self) -> int:
        """Beats of a window."""
        return -(-self.values.graph.inputs // self.simd)

    @cached_property
    def read(self) -> tuple[bool, ...]:
        """Of each element of a beat, whether any output needs it."""
        graph = self.values.graph
        used = {term for adder in graph.adders for term in (adder.a, adder.b)}
        used |= {tap.term for tap in graph.taps if tap.term is not None}
        return tuple(
            any(n in used for n in range(lane, graph.inputs, self.simd))
            for lane in range(self.simd)
        )

    @property
    def lanes(self) -> int:
        """Outputs, which leave together."""
        return self.values.lanes

    @property
    def bits(self) -> int:
        """Bits of an output."""
        return self.values.bits

    @property
    def signed(self) -> bool:
        """Whether an output has a sign."""
        return self.values.signed

    @property
    def rest(self) -> int:
        """Clocks that must follow the last beat of a window before the next one begins."""
        return max(0, self.values.interval - self.beats)

    @property
    def latency(self) -> int:
        """Clocks from the last beat of a window to its outputs."""
        return self.values.latency


class ConstantArray(wiring.Component):
    """The beats of a window, gathered into a vector and multiplied with a constant matrix.

    Members
    -------
    x : beats of a window
    o : all outputs of each window, `latency` clocks after its last beat
    """

    def __init__(self, parameters: ConstantArrayParameters):
        self.parameters = p = parameters
        v = p.values
        beat = beat_shape(p.simd, v.x_bits, v.x_signed)
        super().__init__(
            {
                "x": In(stream.Signature(beat, always_ready=True)),
                "o": Out(stream.Signature(elements(p.lanes, p.bits, p.signed), always_ready=True)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        p = self.parameters
        m.submodules.values = values = p.values.create()
        x = Value.cast(self.x.payload.x)
        vector = x
        if p.beats > 1:
            earlier = Signal((p.beats - 1) * len(x), name="earlier", reset_less=True)
            with m.If(self.x.valid):
                m.d.sync += earlier.eq(Cat(earlier, x)[len(x) :])
            vector = Cat(earlier, x)
        m.d.comb += [
            values.i.valid.eq(self.x.valid & self.x.payload.last),
            values.i.payload.as_value().eq(vector),
            self.o.valid.eq(values.o.valid),
            self.o.payload.eq(values.o.payload),
        ]
        return m

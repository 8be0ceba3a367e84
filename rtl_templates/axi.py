"""AXI4-Stream border (ARM IHI 0051): TDATA in whole bytes, TLAST on the last beat of a frame."""

__all__ = ["AxiInput", "AxiOutput", "BorderParameters", "axi_stream"]

from dataclasses import dataclass

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hwgen_rtl_templates.streams import elements


@dataclass(frozen=True)
class BorderParameters:
    """A beat at the border.

    lanes, bits, signed : its elements, packed from bit 0 of TDATA up, the rest of TDATA unused
    beats : of a frame
    """

    lanes: int
    bits: int
    signed: bool
    beats: int

    @property
    def data_bits(self) -> int:
        """Width of TDATA: whole bytes."""
        return -(-self.lanes * self.bits // 8) * 8


def axi_stream(data_bits: int) -> wiring.Signature:
    """Return the signals of an AXI4-Stream, from its transmitter's side."""
    return wiring.Signature(
        {"tdata": Out(data_bits), "tvalid": Out(1), "tready": In(1), "tlast": Out(1)}
    )


class AxiInput(wiring.Component):
    """AXI4-Stream receiver.

    Members
    -------
    axis : AXI4-Stream
    o : stream of beats, on the same clocks
    error : high for good once TLAST was missing on a frame's last beat, or high on another
    """

    def __init__(self, parameters: BorderParameters):
        self.parameters = p = parameters
        super().__init__(
            {
                "axis": In(axi_stream(p.data_bits)),
                "o": Out(stream.Signature(elements(p.lanes, p.bits, p.signed))),
                "error": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.d.comb += [
            self.o.payload.as_value().eq(self.axis.tdata),
            self.o.valid.eq(self.axis.tvalid),
            self.axis.tready.eq(self.o.ready),
        ]
        last = _count(m, self.o.valid & self.o.ready, self.parameters.beats)
        with m.If(self.o.valid & self.o.ready & (self.axis.tlast != last)):
            m.d.sync += self.error.eq(1)
        return m


class AxiOutput(wiring.Component):
    """AXI4-Stream transmitter.

    Members
    -------
    i : stream of beats
    axis : AXI4-Stream, on the same clocks; unused bits of TDATA are zero
    """

    def __init__(self, parameters: BorderParameters):
        self.parameters = p = parameters
        super().__init__(
            {
                "i": In(stream.Signature(elements(p.lanes, p.bits, p.signed))),
                "axis": Out(axi_stream(p.data_bits)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.d.comb += [
            self.axis.tdata.eq(self.i.payload.as_value()),
            self.axis.tvalid.eq(self.i.valid),
            self.i.ready.eq(self.axis.tready),
            self.axis.tlast.eq(_count(m, self.i.valid & self.i.ready, self.parameters.beats)),
        ]
        return m


def _count(m: Module, transfer: Value, beats: int) -> Value:
    """Return whether the present beat is a frame's last."""
    if beats == 1:
        return Const(1)
    beat = Signal(range(beats))
    last = Signal()
    m.d.comb += last.eq(beat == beats - 1)
    with m.If(transfer):
        m.d.sync += beat.eq(Mux(last, 0, beat + 1))
    return last

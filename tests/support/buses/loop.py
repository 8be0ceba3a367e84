"""An accelerator that inverts the last words of a frame: what a mover does shows in full."""

from amaranth.hdl import C, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.codegen.modules import split
from hwgen.codegen.verilog import write_modules
from hwgen_rtl_templates.borders.accelerator_registers import StreamFacts, accelerator_registers
from hwgen_rtl_templates.borders.mover import MoverParameters
from hwgen_rtl_templates.borders.system import System, SystemParameters


class Loop(wiring.Component):
    """Words in, some of them out again, inverted."""

    def __init__(self, width, words_in, words_out):
        self._words = words_in, words_out
        ports = {"tdata": width, "tkeep": width // 8, "tvalid": 1, "tlast": 1}
        super().__init__(
            {
                **{f"s_axis_{name}": In(bits) for name, bits in ports.items()},
                "s_axis_tready": Out(1),
                **{f"m_axis_{name}": Out(bits) for name, bits in ports.items()},
                "m_axis_tuser": Out(1),
                "m_axis_tready": In(1),
                "frame_error": Out(1),
                "frame_error_clear": In(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        words_in, words_out = self._words
        at = Signal(range(words_in + 1))
        full, last = Signal(), Signal()
        word = Signal.like(self.m_axis_tdata)
        takes, wrong = Signal(), Signal()
        m.d.comb += [
            self.s_axis_tready.eq(~full | self.m_axis_tready),
            takes.eq(self.s_axis_tvalid & self.s_axis_tready),
            self.m_axis_tvalid.eq(full),
            self.m_axis_tdata.eq(word),
            self.m_axis_tlast.eq(last),
            self.m_axis_tkeep.eq(C(-1, len(self.m_axis_tkeep))),
            wrong.eq(takes & (self.s_axis_tlast != (at == words_in - 1))),
            self.frame_error.eq(wrong),
        ]
        with m.If(self.m_axis_tready):
            m.d.sync += full.eq(0)
        with m.If(takes):
            m.d.sync += [
                at.eq(Mux(at == words_in - 1, 0, at + 1)),
                full.eq(at >= words_in - words_out),
                last.eq(at == words_in - 1),
                word.eq(~self.s_axis_tdata),
            ]
        return m


def loop_system(bus, width, words_in, words_out, *, spare=0, address_bits=32, burst=16):
    """Return the parameters of a system around a loop, and its Verilog.

    Parameters
    ----------
    spare : bytes of a result's last word that hold nothing
    """
    step = width // 8
    x, y = (
        StreamFacts(words * step, (words * step,), (words * step, 1, 1), 8, 8, False, False)
        for words in (words_in, words_out)
    )
    mover = MoverParameters(bus, width, address_bits, words_in, words_out, step - spare, burst)
    queues = [(name, mover.queue) for name in ("in", "out")]
    registers = accelerator_registers(bytes(range(8)), width, address_bits, x, y, queues)
    p = SystemParameters("loop", mover, registers)
    inside = split(Loop(width, words_in, words_out), "loop")
    return p, write_modules([*split(System(p), "system"), *inside])

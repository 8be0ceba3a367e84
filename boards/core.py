"""The core of every board: serial line, frames, link, lights, and the accelerator behind them."""

__all__ = ["BoardCore", "CoreParameters", "Lights"]

from dataclasses import dataclass

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect

from hwgen_rtl_templates.frames import FrameParameters, FrameReceiver, FrameSender, frame_byte
from hwgen_rtl_templates.link import Link, LinkParameters
from hwgen_rtl_templates.uart import UartParameters, UartReceiver, UartTransmitter

LEAST_ROOM = 512  # bytes: the host keeps requests coming while answers are under way


@dataclass(frozen=True)
class CoreParameters:
    """A core.

    accelerator : name of the Verilog module, with the ports of a package's top
    link : what the host is told of it, and its beats
    uart : the serial line's rate
    visible : clocks that a light stays on at least, so that a person sees it
    """

    accelerator: str
    link: LinkParameters
    uart: UartParameters
    visible: int

    def __post_init__(self) -> None:
        if self.visible < 1:
            raise ValueError(f"Visible must be at least 1 clock, not {self.visible}")

    @property
    def room(self) -> int:
        """Bytes of requests that wait for the accelerator at most: of two, and a power of two."""
        return room_for(self.link.request_bytes)


def room_for(request: int) -> int:
    """Return the bytes of room for requests of so many bytes each."""
    return max(LEAST_ROOM, 1 << (2 * request - 1).bit_length())


class RegisterSlice(wiring.Component):
    """A register in a stream that no path runs through, neither of data nor of readiness. It takes
    something every other clock at most, which is often enough for a serial line.

    Members
    -------
    i, o : the stream before and behind it
    """

    def __init__(self, shape):
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.i.ready.eq(~self.o.valid)
        with m.If(~self.o.valid):
            m.d.sync += [self.o.payload.eq(self.i.payload), self.o.valid.eq(self.i.valid)]
        with m.Elif(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        return m


class Lights(wiring.Component):
    """What a person sees.

    Members
    -------
    working : something is done for the host
    failed : high for a clock where something went wrong; stays lit until results were sent
    done : high for a clock where results were sent
    idle, busy, error : the lights, one or two of them at a time
    """

    def __init__(self, visible: int):
        self._visible = visible
        names = {"working": In(1), "failed": In(1), "done": In(1)}
        super().__init__({**names, "idle": Out(1), "busy": Out(1), "error": Out(1)})

    def elaborate(self, platform):
        m = Module()
        left = Signal(range(self._visible + 1))
        with m.If(self.working):
            m.d.sync += left.eq(self._visible)
        with m.Elif(left != 0):
            m.d.sync += left.eq(left - 1)
        with m.If(self.failed):
            m.d.sync += self.error.eq(1)
        with m.Elif(self.done):
            m.d.sync += self.error.eq(0)
        m.d.comb += [self.busy.eq(left != 0), self.idle.eq(left == 0)]
        return m


class BoardCore(wiring.Component):
    """A serial line to an accelerator.

    Members
    -------
    rx, tx : the line's pins, high when idle; rx may come from any clock
    idle, busy, error : lights, high when lit

    The accelerator is an instance of the Verilog module that `CoreParameters.accelerator` names.
    """

    def __init__(self, parameters: CoreParameters):
        self.parameters = parameters
        super().__init__(
            {
                "rx": In(1, init=1),
                "tx": Out(1, init=1),
                "idle": Out(1),
                "busy": Out(1),
                "error": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        p = self.parameters
        m.submodules.uart_receiver = hears = UartReceiver(p.uart)
        m.submodules.uart_transmitter = says = UartTransmitter(p.uart)
        m.submodules.frame_receiver = takes = FrameReceiver(FrameParameters(p.room))
        m.submodules.frame_sender = sends = FrameSender()
        m.submodules.link = link = Link(p.link)
        m.submodules.step = step = RegisterSlice(frame_byte())
        m.submodules.lights = lights = Lights(p.visible)
        connect(m, hears.o, takes.i)
        connect(m, takes.o, link.i)
        connect(m, link.o, step.i)
        connect(m, step.o, sends.i)
        connect(m, sends.o, says.i)
        wrong = Signal()
        m.submodules.accelerator = Instance(
            p.accelerator,
            i_clk=ClockSignal(),
            i_rst=ResetSignal(),
            i_s_axis_tdata=link.x.tdata,
            i_s_axis_tvalid=link.x.tvalid,
            o_s_axis_tready=link.x.tready,
            i_s_axis_tlast=link.x.tlast,
            o_m_axis_tdata=link.y.tdata,
            o_m_axis_tvalid=link.y.tvalid,
            i_m_axis_tready=link.y.tready,
            o_m_axis_tlast=link.y.tlast,
            o_m_axis_tuser=link.y.tuser,
            o_frame_error=wrong,
            i_frame_error_clear=1,
        )
        m.d.comb += [
            hears.rx.eq(self.rx),
            self.tx.eq(says.tx),
            lights.working.eq(link.busy),
            self.idle.eq(lights.idle),
            self.busy.eq(lights.busy),
            self.error.eq(lights.error),
        ]
        m.d.sync += [  # a clock later, so that no path ends here
            lights.failed.eq(hears.error | takes.dropped | link.refused | wrong),
            lights.done.eq(link.done),
        ]
        return m

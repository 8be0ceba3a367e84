"""An accelerator behind a bus: registers, frame mover, and the accelerator between them."""

__all__ = ["System", "SystemParameters"]

from dataclasses import dataclass

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect

from hwgen_rtl_templates.borders.axi_lite import AxiLite, axi_lite
from hwgen_rtl_templates.borders.mover import FrameMover, MoverParameters
from hwgen_rtl_templates.borders.register_map import BITS, RegisterMap
from hwgen_rtl_templates.borders.registers import RegisterBlock
from hwgen_rtl_templates.borders.wishbone import WishboneRegisters, wishbone
from hwgen_rtl_templates.streams import count_inside

SHORT = {"axi": "axi", "wishbone": "wb"}  # what ports are called after


@dataclass(frozen=True)
class SystemParameters:
    """What is around an accelerator.

    accelerator : name of the Verilog module
    mover : of frames
    registers : as `accelerator_registers` makes them; watermarks are of the queue of words that
        enter, of the one of words that leave, and of those of the accelerator
    depths : of the accelerator's queues
    """

    accelerator: str
    mover: MoverParameters
    registers: RegisterMap
    depths: tuple[int, ...] = ()

    @property
    def control(self) -> wiring.Signature:
        """The bus of the registers, from who asks."""
        bits = self.registers.address_bits
        return axi_lite(bits) if self.mover.bus == "axi" else wishbone(bits - 2, BITS)

    @property
    def buses(self) -> dict[str, wiring.Signature]:
        """The signals of each bus from inside, by what its ports are called after: that of the
        registers, and that of the memory."""
        short = SHORT[self.mover.bus]
        return {f"s_{short}": self.control.flip(), f"m_{short}": self.mover.signature}

    @property
    def ports(self) -> dict[str, wiring.Member]:
        """All ports, the signals of each bus behind its name."""
        ports = {
            f"{bus}_{name}": member
            for bus, signature in self.buses.items()
            for name, member in signature.members.items()
        }
        return {**ports, "irq": Out(1)}

    @property
    def widths(self) -> dict[str, tuple[bool, int]]:
        """Of each port whether it is an input, and its width."""
        return {name: (of.flow is In, of.shape) for name, of in self.ports.items()}


class System(wiring.Component):
    """An accelerator whose frames lie in memory.

    Members
    -------
    s_axi_* or s_wb_* : the bus of the registers
    m_axi_* or m_wb_* : the bus of the memory
    irq : high while one that is enabled has come and was not cleared
    """

    def __init__(self, parameters: SystemParameters):
        self.parameters = p = parameters
        super().__init__(p.ports)

    def elaborate(self, platform):
        m = Module()
        p = self.parameters
        bits = p.registers.address_bits
        front = AxiLite(bits) if p.mover.bus == "axi" else WishboneRegisters(bits)
        m.submodules.front = front
        m.submodules.registers = r = RegisterBlock(p.registers)
        m.submodules.mover = mover = FrameMover(p.mover)
        connect(m, front.bus, r.bus)
        for bus, inner in zip(p.buses, (front.s, mover.m), strict=True):
            for name, member in inner.signature.members.items():
                inside, outside = getattr(inner, name), getattr(self, f"{bus}_{name}")
                m.d.comb += inside.eq(outside) if member.flow is In else outside.eq(inside)
        damaged, resets = Signal(), Signal()
        m.d.comb += resets.eq(mover.clear | (r.control_reset & ~mover.busy))
        entering, leaving = Signal(len(p.depths)), Signal(len(p.depths))
        queues = {"o_queue_enters": entering, "o_queue_leaves": leaving} if p.depths else {}
        forth = ("tdata", "tkeep", "tvalid", "tlast")
        m.submodules.accelerator = Instance(
            p.accelerator,
            i_clk=ClockSignal(),
            i_rst=ResetSignal() | resets,
            **{f"i_s_axis_{name}": getattr(mover.x, name) for name in forth},
            o_s_axis_tready=mover.x.tready,
            **{f"o_m_axis_{name}": getattr(mover.y, name) for name in (*forth, "tuser")},
            i_m_axis_tready=mover.y.tready,
            o_frame_error=damaged,
            i_frame_error_clear=1,
            **queues,
        )
        self._control(m, r, mover)
        self._report(m, r, mover, damaged)
        self._count(m, r, mover, damaged)
        levels = [mover.held_in, mover.held_out]
        for n, depth in enumerate(p.depths):
            level = Signal(range(depth + 2), name=f"queue_{n}_held")
            count_inside(m, level, entering[n], leaving[n])
            with m.If(resets):
                m.d.sync += level.eq(0)
            levels.append(level)
        for n, level in enumerate(levels):
            most = Signal.like(level, name=f"watermark_{n}_most")
            m.d.comb += getattr(r, f"watermark_{n}").eq(most)
            with m.If(mover.start):
                m.d.sync += most.eq(0)
            with m.Elif(level > most):
                m.d.sync += most.eq(level)
        return m

    def _control(self, m: Module, r: RegisterBlock, mover: FrameMover) -> None:
        """Give the mover its settings, and refuse those that are of no whole words."""
        p = self.parameters.mover
        unused = p.word_bits
        settings = {}
        for name in ("source", "source_stride", "destination", "destination_stride"):
            high = getattr(r, f"{name}_high", C(0, 0))
            settings[name] = Cat(getattr(r, name), high)[: p.address_bits]
            m.d.comb += getattr(mover, name).eq(settings[name][unused:])
        odd = Cat(setting[:unused].any() for setting in settings.values()).any()
        starts = Signal()
        m.d.comb += [
            starts.eq(r.control_start & ~mover.busy),
            r.fault_refused.eq(starts & (odd | (r.frames == 0))),
            mover.start.eq(starts & ~r.fault_refused),
            mover.frames.eq(r.frames),
            mover.circular.eq(r.control_circular),
            mover.stop.eq(r.control_stop),
            mover.abort.eq(r.control_reset),
            r.status.eq(mover.busy),
        ]

    def _report(self, m: Module, r: RegisterBlock, mover: FrameMover, damaged: Value) -> None:
        """Say what happened, and interrupt."""
        faults = mover.read_fault | mover.write_fault
        response, since = Signal(2), Signal.like(r.interrupt_every)
        with m.If(faults):
            m.d.sync += response.eq(mover.response)
        progress = r.interrupt_status_progress
        with m.If(mover.start | progress):
            m.d.sync += since.eq(1)
        with m.Elif(mover.left):
            m.d.sync += since.eq(since + 1)
        m.d.comb += [
            progress.eq(mover.left & (since == r.interrupt_every) & r.interrupt_every.any()),
            r.fault_read.eq(mover.read_fault),
            r.fault_write.eq(mover.write_fault),
            r.fault_response.eq(response),
            r.interrupt_status_done.eq(mover.done),
            r.interrupt_status_fault.eq(faults | r.fault_refused),
            r.interrupt_status_damaged.eq(damaged),
        ]
        passed = [
            getattr(r, f"{name}_held") & getattr(r, name.replace("status", "enable"))
            for name, register, _ in r.parameters.named()
            if register.name == "interrupt_status"
        ]
        m.d.comb += self.irq.eq(Cat(passed).any())

    def _count(self, m: Module, r: RegisterBlock, mover: FrameMover, damaged: Value) -> None:
        """Count, from the start of a run on."""
        m.d.comb += [r.frames_in.eq(mover.frames_in), r.frames_out.eq(mover.frames_out)]
        events = {
            "clocks": mover.busy,
            "stalled_in": mover.busy & mover.x.tready & ~mover.x.tvalid,
            "stalled_out": mover.busy & mover.y.tvalid & ~mover.y.tready,
            "damaged": damaged,
        }
        for name, event in events.items():
            counter = Signal.like(getattr(r, name), name=f"{name}_count")
            m.d.comb += getattr(r, name).eq(counter)
            with m.If(mover.start):
                m.d.sync += counter.eq(0)
            with m.Elif(event):
                m.d.sync += counter.eq(counter + 1)

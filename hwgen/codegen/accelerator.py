"""The accelerator: the parts of a plan's assembly between AXI4-Stream borders."""

__all__ = ["Accelerator"]

from collections.abc import Mapping
from typing import Any

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect

from hwgen.codegen.entries import border_of
from hwgen.planning.plan import Plan
from hwgen_rtl_templates.axi import AxiInput, AxiOutput


class Accelerator(wiring.Component):
    """Everything that a package holds.

    Members
    -------
    s_axis_* : AXI4-Stream, frames in
    m_axis_* : AXI4-Stream, results out
    frame_error : high from the clock after TLAST came on a wrong beat, or did not come, until
    frame_error_clear : is high; held high, the error is high for one clock a damaged frame

    What becomes of a damaged frame says `rtl_templates.axi`; m_axis_tuser marks its result.
    """

    def __init__(self, plan: Plan, instances: Mapping[str, str]):
        """`instances` names the instance of each part of the assembly."""
        self._plan = plan
        self._instances = instances
        ports = border_of(plan).signals
        super().__init__({port.name: (In if port.enters else Out)(port.bits) for port in ports})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.axi_input = entry = AxiInput(self._plan.input)
        m.submodules.axi_output = leave = AxiOutput(self._plan.output)
        m.d.comb += [
            entry.axis.tdata.eq(self.s_axis_tdata),
            entry.axis.tvalid.eq(self.s_axis_tvalid),
            entry.axis.tlast.eq(self.s_axis_tlast),
            self.s_axis_tready.eq(entry.axis.tready),
            self.m_axis_tdata.eq(leave.axis.tdata),
            self.m_axis_tvalid.eq(leave.axis.tvalid),
            self.m_axis_tlast.eq(leave.axis.tlast),
            self.m_axis_tuser.eq(leave.axis.tuser),
            leave.axis.tready.eq(self.m_axis_tready),
            entry.room.eq(leave.room),
            leave.entered.eq(entry.entered),
            leave.damaged.eq(entry.damaged),
            self.frame_error.eq(entry.error),
            entry.clear.eq(self.frame_error_clear),
        ]
        assembly = self._plan.assembly
        streams = {0: entry.o}
        for placed in assembly.parts:
            component = placed.part.create()
            m.submodules[self._instances[placed.name]] = component
            for number, i in zip(placed.inputs, _ports(component, "i"), strict=True):
                _join(m, streams[number], i)
            streams.update(zip(placed.outputs, _ports(component, "o"), strict=True))
        connect(m, last=streams[assembly.out], border=leave.i)
        return m


def _join(m: Module, before: Any, after: Any) -> None:
    """Connect two streams whose elements may differ in width: the user of a value may hold more
    than its maker sends, such as padding, or the other inputs of a concatenation."""
    if before.payload.shape() == after.payload.shape():
        connect(m, before=before, after=after)
        return
    m.d.comb += [after.valid.eq(before.valid), before.ready.eq(after.ready)]
    m.d.comb += [
        after.payload[lane].eq(before.payload[lane])
        for lane in range(before.payload.shape().length)
    ]


def _ports(component: wiring.Component, name: str) -> list[Any]:
    """Return the streams `name`, or `name_0`, `name_1` and so on, of a component."""
    members = component.signature.members
    if name in members:
        return [getattr(component, name)]
    count = sum(member.startswith(f"{name}_") for member in members)
    return [getattr(component, f"{name}_{n}") for n in range(count)]

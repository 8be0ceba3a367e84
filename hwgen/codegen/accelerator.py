"""The accelerator: the engines of a plan, one after the other, between AXI4-Stream borders."""

__all__ = ["Accelerator"]

from collections.abc import Mapping

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect

from hwgen.planning.plan import Plan
from rtl_templates.axi import AxiInput, AxiOutput
from rtl_templates.engine import Engine, EngineParameters
from rtl_templates.streams import Narrow, Widen, WidenParameters


class Accelerator(wiring.Component):
    """Everything that a package holds.

    Members
    -------
    s_axis_* : AXI4-Stream, frames in
    m_axis_* : AXI4-Stream, results out
    frame_error : high for good once TLAST came on the wrong beat
    """

    def __init__(self, plan: Plan, instances: Mapping[str, str]):
        """`instances` names the instance of each stage."""
        self._plan = plan
        self._instances = instances
        super().__init__(
            {
                "s_axis_tdata": In(plan.input.data_bits),
                "s_axis_tvalid": In(1),
                "s_axis_tready": Out(1),
                "s_axis_tlast": In(1),
                "m_axis_tdata": Out(plan.output.data_bits),
                "m_axis_tvalid": Out(1),
                "m_axis_tready": In(1),
                "m_axis_tlast": Out(1),
                "frame_error": Out(1),
            }
        )

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
            leave.axis.tready.eq(self.m_axis_tready),
            self.frame_error.eq(entry.error),
        ]
        stream = entry.o
        for stage in self._plan.stages:
            name = self._instances[stage.name]
            for part in stage.parts:
                if isinstance(part, EngineParameters):
                    component, suffix = Engine(part), ""
                elif isinstance(part, WidenParameters):
                    component, suffix = Widen(part), "_widen"
                else:
                    component, suffix = Narrow(part), "_narrow"
                m.submodules[name + suffix] = component
                connect(m, before=stream, after=component.i)
                stream = component.o
        connect(m, last=stream, border=leave.i)
        return m

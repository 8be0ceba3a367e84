"""The accelerator: the parts of a plan's assembly between AXI4-Stream borders."""

__all__ = ["Accelerator"]

from collections.abc import Mapping
from functools import reduce
from operator import and_, or_
from typing import Any

from amaranth.hdl import Cat, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect

from hwgen.codegen.entries import border_instances, border_of, queues_of
from hwgen.package.border import StreamPorts
from hwgen.planning.plan import Plan
from hwgen_rtl_templates.axi import AxiInput, AxiOutput


class Accelerator(wiring.Component):
    """Everything that a package holds.

    Members
    -------
    s_axis_* : AXI4-Stream, frames in; of several inputs s_axis_NAME_*
    m_axis_* : AXI4-Stream, results out; of several outputs m_axis_NAME_*
    frame_error : high from the clock after TLAST came on a wrong beat, or did not come, until
    frame_error_clear : is high; held high, the error is high for one clock a damaged frame

    What becomes of a damaged frame says `rtl_templates.axi`; TUSER marks its results.
    """

    def __init__(self, plan: Plan, instances: Mapping[str, str], *, watched: bool = False):
        """Make one.

        Parameters
        ----------
        instances : names the instance of each part of the assembly
        watched : whether `queue_enters` and `queue_leaves` say which queues a beat enters and
            leaves
        """
        self._plan = plan
        self._watched = tuple(queues_of(plan)) if watched else ()
        self._instances = instances
        self._border = border_of(plan)
        count = len(self._watched)
        watched_ports = {"queue_enters": Out(count), "queue_leaves": Out(count)} if count else {}
        super().__init__(
            {port.name: (In if port.enters else Out)(port.bits) for port in self._border.signals}
            | watched_ports
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        entries, leaves = self._borders(m)
        assembly = self._plan.assembly
        streams = {number: entry.o for number, entry in enumerate(entries)}
        for placed in assembly.parts:
            component = placed.part.create()
            m.submodules[self._instances[placed.name]] = component
            for number, i in zip(placed.inputs, _ports(component, "i"), strict=True):
                _join(m, streams[number], i)
            streams.update(zip(placed.outputs, _ports(component, "o"), strict=True))
            if placed in self._watched:
                number = self._watched.index(placed)
                for end, moves in ((component.i, "enters"), (component.o, "leaves")):
                    m.d.comb += getattr(self, f"queue_{moves}")[number].eq(end.valid & end.ready)
        for number, leave in zip(assembly.outs, leaves, strict=True):
            connect(m, last=streams[number], border=leave.i)
        return m

    def _borders(self, m: Module) -> tuple[list[AxiInput], list[AxiOutput]]:
        """Put a border at each input and output, and tell them of one another's frames."""
        entries = [AxiInput(parameters) for parameters in self._plan.inputs]
        leaves = [AxiOutput(parameters) for parameters in self._plan.outputs]
        names, ports = border_instances(self._plan), self._border
        for name, entry, of in zip(names[0], entries, ports.inputs, strict=True):
            m.submodules[name] = entry
            self._connect(m, entry.axis, of)
        for name, leave, of in zip(names[1], leaves, ports.outputs, strict=True):
            m.submodules[name] = leave
            self._connect(m, leave.axis, of)
            m.d.comb += [
                leave.entered.eq(Cat(entry.entered for entry in entries)),
                leave.damaged.eq(Cat(entry.damaged for entry in entries)),
            ]
        for number, entry in enumerate(entries):
            rooms = (leave.room[number] for leave in leaves)
            m.d.comb += [
                entry.room.eq(reduce(and_, rooms)),
                entry.clear.eq(self.frame_error_clear),
            ]
        m.d.comb += self.frame_error.eq(reduce(or_, (entry.error for entry in entries)))
        return entries, leaves

    def _connect(self, m: Module, axis: Any, of: StreamPorts) -> None:
        """Connect the ports of a stream to the AXI4-Stream of a border."""
        pairs = {"tdata": of.payload, "tvalid": of.valid, "tready": of.ready, "tlast": of.last}
        pairs |= {"tuser": of.marked} if of.marked else {}
        pairs |= {"tkeep": of.keep} if of.keep else {}
        for name, port in pairs.items():
            assert port is not None
            inner, outer = getattr(axis, name), getattr(self, port.name)
            m.d.comb += inner.eq(outer) if port.enters else outer.eq(inner)


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

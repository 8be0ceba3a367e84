"""Registers of 32 bits behind a bus, made from their description."""

__all__ = ["RegisterBlock", "register_bus"]

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen_rtl_templates.borders.register_map import BITS, BYTES, Access, RegisterMap


def register_bus(address_bits: int) -> wiring.Signature:
    """Return the signals of an access, from who asks: `read` and `write` are high for a clock, and
    a clock later `answer` is what was read, until the next, and `known` whether there is such a
    register. `lanes` says which bytes are written."""
    return wiring.Signature(
        {
            "address": Out(address_bits),
            "read": Out(1),
            "write": Out(1),
            "data": Out(BITS),
            "lanes": Out(BYTES),
            "answer": In(BITS),
            "known": In(1),
        }
    )


class RegisterBlock(wiring.Component):
    """Registers, and the ports of their fields.

    Members
    -------
    bus : accesses
    REGISTER or REGISTER_FIELD : of a state, what is read; of a setting, what was written; of a
        command, high for a clock; of an event, high where it happens
    REGISTER_FIELD_held : of an event, since when software has not taken it back
    """

    def __init__(self, registers: RegisterMap):
        self.parameters = registers
        ports = {"bus": In(register_bus(registers.address_bits))}
        for name, _, field in registers.named():
            if field.access is Access.CONSTANT:
                continue
            enters = field.access in (Access.STATE, Access.EVENT)
            ports[name] = (In if enters else Out)(field.bits)
            if field.access is Access.EVENT:
                ports[f"{name}_held"] = Out(field.bits)
        super().__init__(ports)

    def elaborate(self, platform):
        m = Module()
        bus, registers = self.bus, self.parameters.registers
        place = bus.address[2:]
        answer, known = Signal(BITS), Signal()
        mask = Cat(lane.replicate(8) for lane in bus.lanes)
        words = {register.name: Signal(BITS, name=register.name) for register in registers}
        with m.Switch(place):
            for register in registers:
                with m.Case(register.address // BYTES):
                    m.d.comb += [answer.eq(words[register.name]), known.eq(1)]
        with m.If(bus.read | bus.write):
            m.d.sync += bus.known.eq(known)
        with m.If(bus.read):
            m.d.sync += bus.answer.eq(answer)
        for name, register, field in self.parameters.named():
            bits = slice(field.low, field.low + field.bits)
            word, port = words[register.name][bits], getattr(self, name, None)
            given = bus.data[bits]
            written = Signal(name=f"{name}_written")
            if field.access in (Access.SETTING, Access.COMMAND, Access.EVENT):
                m.d.comb += written.eq(bus.write & (place == register.address // BYTES))
            match field.access:
                case Access.CONSTANT:
                    m.d.comb += word.eq(field.value)
                case Access.STATE:
                    m.d.comb += word.eq(port)
                case Access.SETTING:
                    held = Signal(field.bits, name=f"{name}_setting", init=field.value)
                    m.d.comb += [word.eq(held), port.eq(held)]
                    with m.If(written):
                        m.d.sync += held.eq((given & mask[bits]) | (held & ~mask[bits]))
                case Access.COMMAND:
                    m.d.comb += port.eq(Mux(written, given & mask[bits], 0))
                case Access.EVENT:
                    held = getattr(self, f"{name}_held")
                    taken = Mux(written, given & mask[bits], 0)
                    m.d.comb += word.eq(held)
                    m.d.sync += held.eq((held & ~taken) | port)
        return m

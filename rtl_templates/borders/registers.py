"""Registers of 32 bits behind a bus, made from their description."""

__all__ = ["RegisterBlock", "register_bus"]

from functools import reduce
from operator import or_

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen_rtl_templates.borders.register_map import BITS, BYTES, Access, RegisterMap
from hwgen_rtl_templates.streams import delayed

TOGETHER = 8  # words that are chosen from before a flip-flop: more, and cells multiply


def register_bus(address_bits: int) -> wiring.Signature:
    """Return the signals of an access, from who asks: `read` or `write` is high for a clock, and
    the next access comes no sooner than `done` is. With it, and until the next, `answer` is what
    was read, and `known` whether there is such a register. `lanes` says which bytes are written."""
    return wiring.Signature(
        {
            "address": Out(address_bits),
            "read": Out(1),
            "write": Out(1),
            "data": Out(BITS),
            "lanes": Out(BYTES),
            "done": In(1),
            "answer": In(BITS),
            "known": In(1),
        }
    )


class RegisterBlock(wiring.Component):
    """Registers, and the ports of their fields.

    Members
    -------
    bus : accesses; `done` two clocks later
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
        bus = self.bus
        words = self._fields(m)
        (asked,) = delayed(m, 1, asked=bus.read)
        (done,) = delayed(m, 2, accessed=bus.read | bus.write)
        m.d.comb += bus.done.eq(done)
        known = Signal()
        places = (register.address // BYTES for register in self.parameters.registers)
        with m.Switch(bus.address[2:]), m.Case(*places):
            m.d.comb += known.eq(1)
        with m.If(bus.read | bus.write):
            m.d.sync += bus.known.eq(known)
        m.d.comb += bus.answer.eq(reduce(or_, self._chosen(m, words, asked)))
        return m

    def _chosen(self, m: Module, words: dict[str, Value], asked: Value) -> list[Value]:
        """Return words of which the one that was asked for is in one, and all others are 0."""
        place = self.bus.address[2:]
        constants = Signal(BITS)
        with m.Switch(place):
            for register in self.parameters.registers:
                if register.name not in words:
                    with m.Case(register.address // BYTES):
                        m.d.comb += constants.eq(self.parameters.reset_of(register.name))
        constant = Signal(BITS)
        m.d.sync += constant.eq(constants)
        held = [constant]
        for register in self.parameters.registers:
            if register.name in words:
                is_it = Signal(name=f"is_{register.name}")
                m.d.sync += is_it.eq(place == register.address // BYTES)
                word = words[register.name]
                held.append(word & is_it.replicate(len(word)))
        sums = []
        for n in range(0, len(held), TOGETHER):
            total = Signal(BITS, name=f"chosen_{n // TOGETHER}")
            with m.If(asked):
                m.d.sync += total.eq(reduce(or_, held[n : n + TOGETHER]))
            sums.append(total)
        return sums

    def _fields(self, m: Module) -> dict[str, Value]:
        """Connect the fields; return the words of registers that are not constant."""
        bus, place = self.bus, self.bus.address[2:]
        mask = Cat(lane.replicate(8) for lane in bus.lanes)
        words = {
            register.name: Signal(BITS, name=register.name)
            for register in self.parameters.registers
            if any(field.access is not Access.CONSTANT for field in register.fields)
        }
        written = {}
        for register in self.parameters.registers:
            if any(field.access.is_written for field in register.fields):
                written[register.name] = hit = Signal(name=f"{register.name}_written")
                m.d.comb += hit.eq(bus.write & (place == register.address // BYTES))
        for name, register, field in self.parameters.named():
            if register.name not in words:
                continue
            bits = slice(field.low, field.low + field.bits)
            word, port = words[register.name][bits], getattr(self, name, None)
            given, hit = bus.data[bits], written.get(register.name)
            match field.access:
                case Access.CONSTANT:
                    m.d.comb += word.eq(field.value)
                case Access.STATE:
                    m.d.comb += word.eq(port)
                case Access.SETTING:
                    held = Signal(field.bits, name=f"{name}_setting", init=field.value)
                    m.d.comb += [word.eq(held), port.eq(held)]
                    # enables, and nothing in front of the flip-flops
                    for lane in range(field.low // 8, (field.low + field.bits - 1) // 8 + 1):
                        low = max(8 * lane - field.low, 0)
                        high = min(8 * (lane + 1) - field.low, field.bits)
                        with m.If(hit & bus.lanes[lane]):
                            m.d.sync += held[low:high].eq(given[low:high])
                case Access.COMMAND:
                    m.d.comb += port.eq(Mux(hit, given & mask[bits], 0))
                case Access.EVENT:
                    held = getattr(self, f"{name}_held")
                    taken = Mux(hit, given & mask[bits], 0)
                    m.d.comb += word.eq(held)
                    m.d.sync += held.eq((held & ~taken) | port)
        return words

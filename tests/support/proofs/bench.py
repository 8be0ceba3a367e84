"""A component, the rules that it must keep, and what may be counted on."""

__all__ = ["Bench"]

from amaranth.back import rtlil
from amaranth.hdl import Assert, Assume, Cat, ClockDomain, Module, Mux, Signal, Value
from amaranth.lib.wiring import In


class Bench:
    """A component whose inputs hold anything on every clock, but for what is assumed of them.

    Flip-flops wake up with anything, and reset is high in the first clock and whenever it wants.

    Members
    -------
    m : the module around it, for registers of rules; they are reset with the component
    dut : the component
    reset : high while it is reset
    rules : what it must keep on every clock, by name
    """

    def __init__(self, component):
        self.m, self.dut = Module(), component
        self.m.submodules.dut = component
        self.m.domains.sync = sync = ClockDomain("sync")
        self.reset = sync.rst
        self.rules: dict[str, Signal] = {}
        self._inputs = {"clk": sync.clk, "rst": sync.rst}
        for path, member, value in component.signature.flatten(component):
            signal = Value.cast(value)
            if member.flow is In and isinstance(signal, Signal):  # and no constant
                self._inputs["__".join(map(str, path))] = signal
        begun = Signal(name="has_begun", reset_less=True)  # the only one that wakes up as 0
        self.m.d.sync += begun.eq(1)
        self._begun = begun
        self.assume(begun | self.reset)

    def rule(self, name: str, holds) -> None:
        """Demand that something holds on every clock but the first."""
        self.rules[name] = signal = Signal(name=f"rule_{name}")
        self.m.d.comb += signal.eq(Value.cast(holds).any() | ~self._begun)

    def assume(self, holds) -> None:
        """Count on something on every clock."""
        self.m.d.comb += Assume(Value.cast(holds).any())

    def anything(self, name: str, bits: int) -> Signal:
        """Return a number that stays as it is, and may be any."""
        self._inputs[name] = number = Signal(bits, name=name)
        same = Signal(bits, name=f"{name}_before", reset_less=True)
        self.m.d.sync += same.eq(number)
        self.assume(~self._begun | (number == same))
        return number

    def before(self, value, name: str) -> Signal:
        """Return what something was a clock before; 0 behind a reset."""
        value = Value.cast(value)
        register = Signal(len(value), name=f"{name}_before")
        self.m.d.sync += register.eq(value)
        return register

    def since(self, begins, ends, name: str) -> Signal:
        """Return whether something began, on a clock before, and has not ended."""
        state = Signal(name=name)
        with self.m.If(begins):
            self.m.d.sync += state.eq(1)
        with self.m.Elif(ends):
            self.m.d.sync += state.eq(0)
        return state

    def held(self, name: str, when, value) -> Signal:
        """Return what something was when that was said last."""
        value = Value.cast(value)
        register = Signal(len(value), name=name)
        with self.m.If(when):
            self.m.d.sync += register.eq(value)
        return register

    def count(self, name: str, bits: int, up, down=0, *, clear=0) -> Signal:
        """Return how much more came than went on clocks before, modulo a power of two."""
        counter = Signal(bits, name=name)
        with self.m.If(clear):
            self.m.d.sync += counter.eq(0)
        with self.m.Else():
            self.m.d.sync += counter.eq(counter + up - down)
        return counter

    def stays(self, name, valid, ready, *payload, unless=0, assumed=False) -> None:
        """Demand, or assume, that what is offered stays until it is taken."""
        now = Cat(payload)
        waits = self.before(valid & ~ready & ~Value.cast(unless).any(), f"{name}_waits")
        held = self.before(now, name)
        kept = ~waits | self.reset | (valid & (now == held))
        if assumed:
            self.assume(kept)
        else:
            self.rule(f"{name}_stays", kept)

    def keeps(self, name: str, *values, meanwhile) -> None:
        """Assume that values are what they were a clock before, where that is said."""
        now = Cat(values)
        self.assume(~Value.cast(meanwhile).any() | (now == self.before(now, name)))

    def chosen(self, name: str, number: Signal, enters, leaves, value, *, clear=0):
        """Follow one thing, whichever, through a queue.

        Parameters
        ----------
        number : of the thing that is followed, of `anything`, modulo a power of two; fewer than
            that are inside at any time
        enters, leaves : high for the clock in which a thing does; it may be the same
        value : what enters
        clear : high: the queue is emptied

        Returns
        -------
        Whether the next to leave is the one that is followed, whether that one is inside or enters
        now, and what it is.
        """
        bits = len(number)
        entered = self.count(f"{name}_entered", bits, enters, clear=clear)
        left = self.count(f"{name}_left", bits, leaves, clear=clear)
        value = Value.cast(value)
        held = Signal(len(value), name=f"{name}_value")
        inside = Signal(name=f"{name}_inside")
        comes = Value.cast(enters).any() & (entered == number)
        is_next = left == number
        with self.m.If(comes):
            self.m.d.sync += held.eq(value)
        with self.m.If(clear):
            self.m.d.sync += inside.eq(0)
        with self.m.Else():
            self.m.d.sync += inside.eq((inside | comes) & ~(is_next & leaves))
        return is_next, inside | comes, Mux(inside, held, value)

    def rtlil(self, *only: str) -> str:
        """Return all of it as text for yosys, with all rules or only some."""
        self.m.d.comb += [Assert(self.rules[name]) for name in only or self.rules]
        ports = {name: (signal, None) for name, signal in (*self._inputs.items(), *self._outputs())}
        return rtlil.convert(self.m, ports=ports)

    def _outputs(self):
        return [(signal.name, signal) for signal in self.rules.values()]

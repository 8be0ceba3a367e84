"""Constant tables, counters and nested counters: the idioms of every sequencer."""

__all__ = ["added", "ahead", "lookup", "nest", "table_bits"]

from collections import Counter
from collections.abc import Sequence

from amaranth import *
from amaranth.lib import memory
from amaranth.utils import ceil_log2

from hwgen_rtl_templates.streams import range_shape

EDGES = 2  # entries other than the commonest that are compared with


def table_bits(values: Sequence[int]) -> int:
    """Return the bits of the memory that `lookup` makes of values; 0 where it makes none."""
    _, others = _commonest(values)
    return len(values) * range_shape(min(values), max(values)).width if others > EDGES else 0


def _commonest(values: Sequence[int]) -> tuple[int, int]:
    """Return the commonest value, and how many are others."""
    common, count = Counter(values).most_common(1)[0]
    return common, len(values) - count


def lookup(m: Module, index: Value, values: Sequence[int], name: str) -> Value:
    """Return `values[index]`, as a constant where every entry is the same. Past the last entry it
    may be anything.

    A table that differs at its edges alone costs a comparison an edge. Any other is a read-only
    memory, which synthesis makes tables of: of a case for each entry, yosys decodes one after the
    other, for up to eight times the look-up tables.
    """
    common, others = _commonest(values)
    if not others:
        return Const(common)
    shape = range_shape(min(values), max(values))
    if others > EDGES:
        m.submodules[name] = table = memory.Memory(
            shape=shape, depth=len(values), init=values, attrs={"rom_style": "logic"}
        )
        port = memory.ReadPort.Signature(shape=shape, addr_width=ceil_log2(len(values)))
        read = memory.ReadPort(port, memory=table, domain="comb", path=(name,))
        m.d.comb += read.addr.eq(index)
        return read.data
    entry = Signal(shape, name=name)
    chosen: Value = Const(common, shape)
    for position, value in enumerate(values):
        if value != common:
            chosen = Mux(index == position, Const(value, shape), chosen)
    m.d.comb += entry.eq(chosen)
    return entry


def ahead(m: Module, advance: Value, index: Value, values: Sequence[int], name: str) -> Value:
    """Return `values[index]` from a register: the next one is looked up as `advance` counts on.

    Parameters
    ----------
    advance : high on the clocks on which `index` counts
    index : a counter that walks through all values, in a circle
    values : as many as the counter has turns; signed where one is negative
    """
    entry = lookup(m, index, (*values[1:], values[0]), name)
    if not isinstance(entry, Signal):
        return entry
    held = Signal.like(entry, name=f"{name}_held", init=values[0])
    with m.If(advance):
        m.d.sync += held.eq(entry)
    return held


def added(a: Value, b: Value, carry: Value) -> Value:
    """Return a + b + carry, signed, on one adder: the carry enters below its lowest place.

    Of three terms, also of a counter that goes up and down, synthesis makes a carry-save adder and
    an adder behind it, for several times the look-up tables. To take a bit off, add it as a signed
    number of one bit, which is -1.
    """
    a, b = (term if term.shape().signed else Cat(term, Const(0, 1)) for term in (a, b))
    total = Cat(1, a).as_signed() + Cat(carry, b).as_signed()
    return total[1:].as_signed()


def nest(
    m: Module, advance: Value, loops: Sequence[tuple[str, int]]
) -> tuple[list[Value], list[Value]]:
    """Return the counters of nested loops, innermost first, and the clocks on which each ends.

    Parameters
    ----------
    advance : high on the clocks on which the innermost counter counts
    loops : name and extent of each loop; a loop of one turn has no register

    Returns
    -------
    counters : the index of each loop
    ends : for each loop, high while `advance` finishes its last turn
    """
    counters: list[Value] = []
    ends: list[Value] = []
    for name, extent in loops:
        if extent == 1:
            counters.append(Const(0, 0))
        else:
            counter = Signal(range(extent), name=name)
            last = Signal(name=f"{name}_last")
            end = Signal(name=f"{name}_end")
            m.d.comb += [last.eq(counter == extent - 1), end.eq(advance & last)]
            with m.If(advance):
                m.d.sync += counter.eq(Mux(last, 0, counter + 1))
            counters.append(counter)
            advance = end
        ends.append(advance)
    return counters, ends

"""Functions of a few bits, all of them: as gates, and with an input inverted or fixed."""

from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator

from hwgen_rtl_templates.bits import BitFunction

INPUTS = 3
FUNCTIONS = [
    BitFunction(inputs, table)
    for inputs in range(INPUTS + 1)
    for table in range(1 << (1 << inputs))
]


def bits_of(entry):
    return [entry >> n & 1 for n in range(INPUTS)]


def test_gates_are_the_table():
    x = Signal(INPUTS)
    outputs = [Signal() for _ in FUNCTIONS]
    m = Module()
    for function, out in zip(FUNCTIONS, outputs, strict=True):
        m.d.comb += out.eq(function(*x[: function.inputs]))
    simulator = Simulator(m)

    async def bench(ctx):
        for entry in range(1 << INPUTS):
            ctx.set(x, entry)
            for function, out in zip(FUNCTIONS, outputs, strict=True):
                seen = entry & ((1 << function.inputs) - 1)
                assert ctx.get(out) == function.table >> seen & 1, (function, entry)

    simulator.add_testbench(bench)
    simulator.run()


def test_of_another_input():
    for function in FUNCTIONS:
        for place in range(function.inputs):
            flipped = function.flipped(place)
            fixed = [function.fixed(place, value) for value in (0, 1)]
            assert {made.inputs for made in fixed} == {function.inputs - 1}
            for entry in range(1 << function.inputs):
                wanted = function.table >> entry & 1
                assert flipped.table >> (entry ^ 1 << place) & 1 == wanted
                rest = entry & ((1 << place) - 1) | entry >> (place + 1) << place
                assert fixed[entry >> place & 1].table >> rest & 1 == wanted


def test_of_a_formula():
    assert BitFunction.of(3, lambda a, b, c: a & ~b | c).table == sum(
        (a & (1 - b) | c) << (a + 2 * b + 4 * c) for a, b, c in map(bits_of, range(8))
    )

"""The core of a board: its lights, its room, and the Verilog that stands around an accelerator."""

import pytest
from amaranth.sim import Simulator

from hwgen_boards.core import CoreParameters, Lights
from hwgen_rtl_templates.link import LinkParameters
from hwgen_rtl_templates.uart import UartParameters

VISIBLE = 5


def lights(events, clocks):
    """Return idle, busy and error of each clock; events are the inputs that are high in one."""
    dut, seen = Lights(VISIBLE), []

    async def bench(ctx):
        for clock in range(clocks):
            for name in ("working", "failed", "done"):
                ctx.set(getattr(dut, name), name in events.get(clock, ()))
            seen.append("".join(str(ctx.get(s)) for s in (dut.idle, dut.busy, dut.error)))
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return seen


def test_busy_stays_on_long_enough_to_be_seen():
    seen = lights({1: {"working"}, 2: {"working"}}, 10)
    assert seen == ["100", "100", *["010"] * 6, "100", "100"]


def test_an_error_stays_lit_until_results_were_sent():
    assert lights({1: {"failed"}, 4: {"done"}}, 7) == [*["100"] * 2, *["101"] * 3, *["100"] * 2]
    both = lights({1: {"failed", "done"}}, 3)
    assert both == ["100", "100", "101"], "an error that comes with results is shown"


@pytest.mark.parametrize(("beats", "room"), [(1, 512), (252, 512), (253, 1024), (3072, 8192)])
def test_room_for_two_requests(beats, room):
    """Four bytes of header and one a beat, twice, and a power of two; at least 512."""
    parameters = CoreParameters("a", LinkParameters(b"x", 1, beats, 1, 1), UartParameters(4), 1)
    assert parameters.room == room


def test_visible():
    with pytest.raises(ValueError, match="^Visible must be at least 1 clock, not 0$"):
        CoreParameters("a", LinkParameters(b"x", 1, 1, 1, 1), UartParameters(4), 0)

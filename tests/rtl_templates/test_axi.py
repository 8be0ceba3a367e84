"""The AXI4-Stream border: TLAST on the last beat of a frame, missed where it lacks."""

import random

import pytest
from amaranth.sim import Simulator

from hwgen_rtl_templates.axi import AxiInput, AxiOutput, BorderParameters

FRAMES = 3


@pytest.mark.parametrize("beats", [2, 5])
@pytest.mark.parametrize("stall", [0.0, 0.6])
def test_tlast_leaves_with_the_last_beat(beats, stall):
    dut, rng = AxiOutput(BorderParameters(3, 3, True, beats)), random.Random(beats)
    sent = [rng.getrandbits(9) for _ in range(FRAMES * beats)]
    seen = []

    async def bench(ctx):
        while len(seen) < len(sent):
            valid, ready = rng.random() >= stall, rng.random() >= stall
            ctx.set(dut.i.valid, valid)
            ctx.set(dut.i.payload.as_value(), sent[len(seen)] if valid else rng.getrandbits(9))
            ctx.set(dut.axis.tready, ready)
            _, _, moves, data, last = await ctx.tick().sample(
                dut.axis.tvalid & dut.i.ready, dut.axis.tdata, dut.axis.tlast
            )
            assert moves == (valid and ready)
            if moves:
                seen.append((data, last))

    _simulate(dut, bench)
    assert seen == [(word, n % beats == beats - 1) for n, word in enumerate(sent)]


@pytest.mark.parametrize(
    ("beats", "wrong"),
    [(1, None), (1, "lost"), (2, None), (5, None), (2, "lost"), (5, "lost"), (2, "early")],
)
def test_a_wrong_tlast_is_an_error_for_good(beats, wrong):
    """On the clock after the transfer, and not for what is only offered."""
    dut, rng = AxiInput(BorderParameters(2, 4, False, beats)), random.Random(7)
    lasts = [n % beats == beats - 1 for n in range(FRAMES * beats)]
    at = {None: len(lasts), "lost": 2 * beats - 1, "early": beats}[wrong]
    if wrong:
        lasts[at] = not lasts[at]

    async def bench(ctx):
        taken = 0
        while taken < len(lasts):
            valid, ready = rng.random() < 0.6, rng.random() < 0.6
            ctx.set(dut.axis.tvalid, valid)
            ctx.set(dut.axis.tlast, lasts[taken] if valid else rng.getrandbits(1))
            ctx.set(dut.o.ready, ready)
            _, _, error = await ctx.tick().sample(dut.error)
            assert error == (taken > at)
            taken += valid and ready
        _, _, error = await ctx.tick().sample(dut.error)
        assert error == (wrong is not None)

    _simulate(dut, bench)


def _simulate(dut, bench):
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()

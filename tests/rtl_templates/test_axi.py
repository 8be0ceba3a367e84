"""The AXI4-Stream border: TLAST on the last beat of a frame, missed where it lacks."""

import random

import pytest
from amaranth.sim import Simulator

from hwgen_rtl_templates.axi import AxiInput, AxiOutput, BorderParameters

FRAMES = 3


@pytest.mark.parametrize("beats", [2, 5])
@pytest.mark.parametrize("stall", [0.0, 0.6])
def test_tlast_leaves_with_the_last_beat(beats, stall):
    """Each frame's input was taken before its results leave."""
    dut, rng = AxiOutput(BorderParameters(3, 3, True, beats, 1)), random.Random(beats)
    sent = [rng.getrandbits(9) for _ in range(FRAMES * beats)]
    seen = []

    async def bench(ctx):
        entered = 0
        while len(seen) < len(sent):
            enters = entered == len(seen) // beats
            valid, ready = not enters and rng.random() >= stall, rng.random() >= stall
            entered += enters
            ctx.set(dut.entered, enters)
            ctx.set(dut.i.valid, valid)
            ctx.set(dut.i.payload.as_value(), sent[len(seen)] if valid else rng.getrandbits(9))
            ctx.set(dut.axis.tready, ready)
            _, _, moves, data, last, user = await ctx.tick().sample(
                dut.axis.tvalid & dut.axis.tready & dut.i.ready,
                dut.axis.tdata,
                dut.axis.tlast,
                dut.axis.tuser,
            )
            assert moves == (valid and ready) and not user
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
        ctx.set(dut.room, 1)
        taken = 0
        while taken < len(lasts):
            valid, ready = rng.random() < 0.6, rng.random() < 0.6
            ctx.set(dut.axis.tvalid, valid)
            ctx.set(dut.axis.tlast, lasts[taken] if valid else rng.getrandbits(1))
            ctx.set(dut.o.ready, ready)
            _, _, error, takes = await ctx.tick().sample(dut.error, dut.axis.tready)
            assert error == (taken > at)
            taken += valid and takes
        _, _, error = await ctx.tick().sample(dut.error)
        assert error == (wrong is not None)

    _simulate(dut, bench)


@pytest.mark.parametrize(("beats", "last_bytes"), [(1, 2), (1, 4), (3, 1), (4, 4)])
def test_bytes_that_lack_damage_their_frame_alone(beats, last_bytes):
    """Of those that hold elements: others of a last beat may be there or not. Each is told once."""
    p = BorderParameters(1, 32, False, beats, last_bytes=last_bytes)
    dut, rng = AxiInput(p), random.Random(beats)
    whole = (1 << p.keep_bits) - 1
    needs = [p.last_keep if n % beats == beats - 1 else whole for n in range(FRAMES * beats)]
    keeps = [
        need & rng.getrandbits(4) if rng.random() < 0.2 else need | rng.getrandbits(4)
        for need in needs
    ]
    torn = [need & ~keep != 0 for need, keep in zip(needs, keeps, strict=True)]
    wanted = [any(torn[n : n + beats]) for n in range(0, len(torn), beats)]
    assert True in wanted and False in wanted
    found, told = [], []

    async def bench(ctx):
        ctx.set(dut.room, 1)
        ctx.set(dut.clear, 1)
        taken = 0
        while taken < len(keeps):
            valid, ready = rng.random() < 0.6, rng.random() < 0.6
            ctx.set(dut.axis.tvalid, valid)
            ctx.set(dut.axis.tlast, taken % beats == beats - 1)
            ctx.set(dut.axis.tkeep, keeps[taken] if valid else rng.getrandbits(4))
            ctx.set(dut.o.ready, ready)
            values = (dut.axis.tready, dut.entered, dut.damaged, dut.error)
            _, _, takes, entered, damaged, error = await ctx.tick().sample(*values)
            taken += valid and takes
            found.extend([bool(damaged)] if entered else [])
            told.append(error)
        ctx.set(dut.axis.tvalid, 0)
        _, _, error = await ctx.tick().sample(dut.error)
        told.append(error)

    _simulate(dut, bench)
    assert found == wanted and sum(told) == sum(wanted)


def _simulate(dut, bench):
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()

"""Frames: against a reference in plain Python, and under damage of the line."""

import binascii
import random

import pytest
from amaranth.sim import Simulator

from hwgen_rtl_templates.frames import GAP, FrameParameters, FrameReceiver, FrameSender
from support.selection import some
from support.stream_bench import run

SEED = 21
DEPTH = 64


def on_the_line(body):
    text = bytes(body) + binascii.crc32(bytes(body)).to_bytes(4, "little")
    return b"\x7e" + text.replace(b"\x7d", b"\x7d\x5d").replace(b"\x7e", b"\x7d\x5e") + b"\x7e"


def bodies(count, rng):
    """Bodies of up to 40 bytes, rich in what must be escaped."""
    kinds = ([0x7D, 0x7E], [0x00, 0x5D, 0x5E, 0x7D, 0x7E], range(256))
    return [bytes(rng.choices(rng.choice(kinds), k=rng.randint(1, 40))) for _ in range(count)]


def beats(body):
    return [byte | (n == len(body) - 1) << 8 for n, byte in enumerate(body)]


def together(words):
    """Return the bodies that beats make."""
    found, body = [], bytearray()
    for word in words:
        body.append(word & 0xFF)
        if word >> 8:
            found.append(bytes(body))
            body.clear()
    assert not body, "half a body"
    return found


@pytest.mark.parametrize("stalls", [(0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.4, 0.4)])
def test_what_is_sent(stalls):
    sent = bodies(40, random.Random(SEED))
    line = b"".join(map(on_the_line, sent))
    words = [word for body in sent for word in beats(body)]
    before, after = stalls
    seen = run(FrameSender(), words, len(line), stall_in=before, stall_out=after, seed=SEED)
    assert bytes(seen.outputs) == line


def received(line, *, gap=0.0, stall=0.0, seed=SEED, clocks_after=4 * DEPTH):
    """Return bodies and the count of `dropped`."""
    dut = FrameReceiver(FrameParameters(DEPTH))
    rng = random.Random(seed)
    words, dropped = [], 0

    async def bench(ctx):
        nonlocal dropped
        todo, after, held, wait = list(reversed(line)), clocks_after, None, 0
        while todo or after:
            wait = max(0, wait - 1)
            offer = bool(todo) and not wait and rng.random() >= gap
            after -= not todo
            if offer:
                wait = GAP
            ctx.set(dut.i.valid, offer)
            ctx.set(dut.i.payload, todo.pop() if offer else rng.randrange(256))
            ready = rng.random() >= stall
            ctx.set(dut.o.ready, ready)
            sampled = ctx.tick().sample(dut.o.valid, dut.o.payload.as_value(), dut.dropped)
            _, _, valid, word, drop = await sampled
            assert held is None or (valid and word == held), f"seed {seed}: a waiting byte changed"
            held = word if valid and not ready else None
            if valid and ready:
                words.append(word)
            dropped += drop

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return together(words), dropped


@pytest.mark.parametrize(
    ("gap", "stall"), some([(0.0, 0.0), (0.7, 0.0), (0.7, 0.3)], [(0.0, 0.0), (0.7, 0.3)])
)
def test_what_is_received(gap, stall):
    sent = bodies(40, random.Random(SEED))
    assert received(b"".join(map(on_the_line, sent)), gap=gap, stall=stall) == (sent, 0)


def damaged(frame, rng):
    """Return a frame with one byte, or one bit, that is not as it was sent."""
    at = rng.randrange(len(frame))
    kind = rng.randrange(3)
    if kind == 0:
        return frame[:at] + bytes([frame[at] ^ 1 << rng.randrange(8)]) + frame[at + 1 :]
    if kind == 1:
        return frame[:at] + frame[at + 1 :]
    return frame[:at] + bytes([rng.choice([0x7D, 0x7E, rng.randrange(256)])]) + frame[at:]


def test_damage_costs_the_frame_that_it_hits():
    """Every second frame is hit; the others arrive, and nothing that nobody sent."""
    rng = random.Random(SEED)
    sent = bodies(160, rng)
    line = b"".join(
        damaged(on_the_line(body), rng) if n % 2 else on_the_line(body)
        for n, body in enumerate(sent)
    )
    found, dropped = received(line, stall=0.1)
    left = iter(enumerate(sent))
    arrived = set()
    for body in found:
        number = next((n for n, other in left if other == body), None)
        assert number is not None, f"seed {SEED}: {body.hex()} was never sent, or not there"
        arrived.add(number)
    assert arrived >= set(range(0, 160, 2)), f"seed {SEED}"
    assert dropped >= 52


def test_a_frame_without_room_is_dropped_whole():
    long, short = bytes(range(DEPTH + 1)), b"\x7e\x01"
    fits = bytes(DEPTH)
    line = on_the_line(long) + on_the_line(short) + on_the_line(fits) + on_the_line(short)
    assert received(line, gap=0.7) == ([short, fits, short], 1)


def test_no_body_no_frame():
    empty = b"\x7e\x00\x00\x00\x00\x7e"  # the CRC of nothing
    assert received(b"\x7e\x7e" + empty + on_the_line(b"a")) == ([b"a"], 1)


@pytest.mark.parametrize("depth", [0, 1, 48])
def test_depth(depth):
    message = f"^Depth must be a power of two and at least 2, not {depth}$"
    with pytest.raises(ValueError, match=message):
        FrameParameters(depth)


def test_room_in_mid_frame_comes_too_late():
    """A frame that found no room for a byte is dropped, though there is room for the rest."""
    first, second, third = bytes(range(60)), bytes(range(100, 140)), b"third"
    line = b"".join(map(on_the_line, (first, second, third)))
    turn = len(on_the_line(first)) + 12  # bytes of the line before anything is read
    dut = FrameReceiver(FrameParameters(DEPTH))
    words, dropped = [], 0

    async def bench(ctx):
        nonlocal dropped
        for clock in range(GAP * (len(line) + DEPTH)):
            number, rest = divmod(clock, GAP)
            ctx.set(dut.i.valid, not rest and number < len(line))
            ctx.set(dut.i.payload, line[number] if number < len(line) else 0)
            ctx.set(dut.o.ready, number >= turn)
            sampled = ctx.tick().sample(dut.o.valid, dut.o.payload.as_value(), dut.dropped)
            _, _, valid, word, drop = await sampled
            words.extend([word] * (valid and number >= turn))
            dropped += drop

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert (together(words), dropped) == ([first, third], 1)

"""What a simulator runs: a system between models of its buses, from job.json in its folder.

{"bus": "axi", "low": false, "registers": {"start": [0x10, 0, 1], ...}, "width": 32,
 "words_in": 5, "words_out": 2, "spare": 1, "frames": ["0a0b...", ...], "results": [...],
 "count": 40, "seed": 1, "facts": {"magic": 1314150216, ...}}
"""

import itertools
import json
import os
import random
from pathlib import Path

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, First, RisingEdge, Timer
from cocotb.utils import get_sim_time

from support.buses.models import Axi, Wishbone

JOB = json.loads(Path(os.environ["HWGEN_BUS_JOB"]).read_text())
STEP = JOB["width"] // 8
SIZE = 1 << 20
PERIOD = 10  # ns
FILL = 0xA5  # of memory that nobody has written


class Bench:
    """A system, its buses, and registers by name."""

    def __init__(self, dut):
        self.dut = dut
        self.registers = JOB["registers"]
        self.frames = [bytes.fromhex(text) for text in JOB["frames"]]
        self.results = [bytes.fromhex(text) for text in JOB["results"]]
        self.rng = random.Random(JOB["seed"])

    async def begin(self):
        """Start the clock, and reset."""
        dut = self.dut
        self.bus = {"axi": Axi, "wishbone": Wishbone}[JOB["bus"]](dut, SIZE, JOB["low"])
        self.reset = dut.rst_n if JOB["low"] else dut.rst
        cocotb.start_soon(Clock(dut.clk, PERIOD, "ns").start())
        await self.hold_reset(5)

    async def hold_reset(self, clocks):
        """Hold the reset so long."""
        self.reset.value = 0 if JOB["low"] else 1
        await ClockCycles(self.dut.clk, clocks)
        self.reset.value = 1 if JOB["low"] else 0
        await ClockCycles(self.dut.clk, 2)

    async def get(self, name):
        """Return a field."""
        address, low, bits = self.registers[name]
        value, there = await self.bus.read(address)
        assert there, name
        return value >> low & ((1 << bits) - 1)

    async def set(self, name, value=1):
        """Write a field; others of its register become 0."""
        address, low, _ = self.registers[name]
        assert await self.bus.write(address, value << low), name

    def fill(self, count):
        """Put random frames into a memory of nothing else; return their numbers and places."""
        memory = self.bus.memory
        memory.bytes[:] = bytes([FILL]) * SIZE
        size, result = JOB["words_in"] * STEP, JOB["words_out"] * STEP
        rng = self.rng
        strides = size + rng.randrange(3) * STEP, result + rng.randrange(3) * STEP
        source = rng.randrange(64) * STEP
        gap = rng.randrange(64) * STEP
        destination = source + strides[0] * count + gap
        assert destination + strides[1] * count < SIZE
        which = [rng.randrange(len(self.frames)) for _ in range(count)]
        for n, frame in enumerate(which):
            at = source + n * strides[0]
            memory.bytes[at : at + size] = self.frames[frame]
        return which, source, destination, strides

    async def settings(self, count, source, destination, strides):
        """Tell the mover."""
        for name, value in (
            ("frames", count),
            ("source", source),
            ("source_stride", strides[0]),
            ("destination", destination),
            ("destination_stride", strides[1]),
        ):
            await self.set(name, value)

    def expected(self, which, destination, stride, before):
        """Return what memory has to hold."""
        memory = bytearray(before)
        size = JOB["words_out"] * STEP - JOB["spare"]
        for n, frame in enumerate(which):
            at = destination + n * stride
            memory[at : at + size] = self.results[frame][:size]
        return memory

    async def interrupted(self, clocks=200_000):
        """Wait for the interrupt."""
        if self.dut.irq.value == 1:
            return
        edge = RisingEdge(self.dut.irq)
        assert await First(edge, Timer(clocks * PERIOD, "ns")) is edge, "no interrupt"

    async def idle(self, polls=20_000):
        """Wait until no run is under way."""
        for _ in range(polls):
            if not await self.get("status"):
                return
        raise AssertionError("still busy")

    async def run(self, count):
        """Move frames, wait for the interrupt, compare all of memory."""
        which, source, destination, strides = self.fill(count)
        before = bytes(self.bus.memory.bytes)
        await self.settings(count, source, destination, strides)
        await self.bus.write(self.registers["interrupt_status_done"][0], 0xF)
        await self.set("interrupt_enable_done")
        await self.set("control_start")
        words = JOB["words_in"] + JOB["words_out"]
        await self.interrupted(JOB["patience"] * (count + 10) + 20 * count * words)
        await self.set("interrupt_status_done")
        assert await self.get("status") == 0
        assert await self.get("frames_in") == await self.get("frames_out") == count
        assert await self.get("damaged") == 0
        want = self.expected(which, destination, strides[1], before)
        assert self.bus.memory.bytes == want
        await ClockCycles(self.dut.clk, 2)
        assert self.dut.irq.value == 0
        assert not getattr(self.bus, "broken", None), self.bus.broken[:1]


async def ready(dut):
    """Return a bench after reset."""
    bench = Bench(dut)
    await bench.begin()
    return bench


@cocotb.test()
async def says_what_it_is(dut):
    """Identification; bytes and halves of words; what is not there is an error."""
    bench = await ready(dut)
    for name, value in JOB["facts"].items():
        assert await bench.get(name) == value, name
    magic = JOB["facts"]["magic"].to_bytes(4, "little")
    for address, length in ((0, 1), (1, 1), (3, 1), (0, 2), (2, 2)):
        value, there = await bench.bus.read(address, length)
        assert there and value == int.from_bytes(magic[address : address + length], "little")
    address = bench.registers["source"][0]
    assert await bench.bus.write(address, 0x11223344)
    assert await bench.bus.write(address + 1, 0xAA, 1)
    assert await bench.bus.write(address + 2, 0xBBCC, 2)
    assert await bench.get("source") == 0xBBCCAA44
    last = max(place for place, _, _ in bench.registers.values())
    assert not (await bench.bus.read(last + 4))[1] and not await bench.bus.write(last + 4, 1)
    before = await bench.get("magic")
    await bench.bus.write(0, 0)
    assert await bench.get("magic") == before


@cocotb.test()
async def moves_frames(dut):
    """Runs of one frame and of many, with strides, stalls everywhere and nowhere."""
    bench = await ready(dut)
    for share, count in itertools.product((0.0, 0.3, 0.7), (1, 2, JOB["count"])):
        bench.bus.stall(share, bench.rng.randrange(1000))
        await bench.run(count)
    most = await bench.get("watermark_0")
    assert 0 < most <= JOB["queue"] + 1
    assert await bench.get("clocks") >= await bench.get("stalled_in") > 0


@cocotb.test()
async def waits_for_results_to_leave(dut):
    """Memory that is quick to read and slow to write: all queues are full, and nothing is lost."""
    bench = await ready(dut)
    bench.bus.stall(0.0, 3, writes=0.93)
    await bench.run(2 + 600 // JOB["words_out"])
    held = [await bench.get(f"watermark_{n}") for n in (0, 1)]
    assert JOB["bus"] == "wishbone" or JOB["beats_a_clock"] is None or min(held) > JOB["queue"] // 2


@cocotb.test()
async def goes_round(dut):
    """Circular: interrupts every few frames, and a stop that leaves whole results."""
    bench = await ready(dut)
    count, every = 5, 3
    which, source, destination, strides = bench.fill(count)
    before = bytes(bench.bus.memory.bytes)
    await bench.settings(count, source, destination, strides)
    await bench.set("interrupt_every", every)
    await bench.set("interrupt_enable_progress")
    await bench.set("control_circular")  # start is another bit of it
    address, low, _ = bench.registers["control_start"]
    circular = 1 << bench.registers["control_circular"][1]
    await bench.bus.write(address, circular | 1 << low)
    for turn in range(1, 6):
        await bench.interrupted()
        assert await bench.get("frames_out") >= every * turn
        await bench.set("interrupt_status_progress")
    await bench.bus.write(address, circular | 1 << bench.registers["control_stop"][1])
    await bench.idle()
    done = await bench.get("frames_out")
    assert done == await bench.get("frames_in") >= 5 * every > count
    assert bench.bus.memory.bytes == bench.expected(which, destination, strides[1], before)
    await bench.set("control_circular", 0)
    await bench.run(7)


@cocotb.test()
async def says_where_the_bus_failed(dut):
    """An error ends a run cleanly, says where, and the next run is none the worse."""
    bench = await ready(dut)
    for write in (False, True):
        for share in (0.0, 0.4):
            bench.bus.stall(share, 7)
            count = min(JOB["count"], 30)
            which, source, destination, strides = bench.fill(count)
            before = bytes(bench.bus.memory.bytes)
            await bench.settings(count, source, destination, strides)
            base, stride, words = (
                (destination, strides[1], JOB["words_out"])
                if write
                else (source, strides[0], JOB["words_in"])
            )
            frame = count // 2
            bad = base + frame * stride + bench.rng.randrange(words) * STEP
            bench.bus.memory.bad = range(bad, bad + STEP)
            await bench.set("interrupt_enable_fault")
            await bench.set("control_start")
            await bench.interrupted()
            await bench.idle()
            kind, other = ("write", "read") if write else ("read", "write")
            assert await bench.get(f"fault_{kind}") and not await bench.get(f"fault_{other}")
            assert await bench.get("fault_response") == 2
            whole = await bench.get("frames_out")
            assert await bench.get("frames_out" if write else "frames_in") == frame >= whole
            want = bench.expected(which[:whole], destination, strides[1], before)
            upto = destination + whole * strides[1]
            assert bench.bus.memory.bytes[:upto] == want[:upto]
            await bench.set(f"fault_{kind}")
            await bench.bus.write(bench.registers["interrupt_status_done"][0], 0xF)
            bench.bus.memory.bad = range(0)
            await bench.run(3)


@cocotb.test()
async def refuses_what_it_cannot_do(dut):
    """No frames, and addresses of no whole words."""
    bench = await ready(dut)
    await bench.set("interrupt_enable_fault")
    cases = [("frames", 0)]
    if STEP > 1:
        cases += [(name, STEP // 2) for name in ("source", "destination_stride")]
    for name, value in cases:
        await bench.settings(1, 0, STEP * 64, (JOB["words_in"] * STEP, JOB["words_out"] * STEP))
        await bench.set(name, value)
        await bench.set("control_start")
        await bench.interrupted()
        assert await bench.get("fault_refused") and not await bench.get("status")
        await bench.set("fault_refused")
        await bench.set("interrupt_status_fault")
    assert bench.bus.memory.words_read == bench.bus.memory.words_written == 0


@cocotb.test()
async def is_reset_in_the_middle(dut):
    """By software, which waits for the bus, and by the pin."""
    bench = await ready(dut)
    for soft in (True, False, True):
        bench.bus.stall(0.3, 5)
        count = JOB["count"]
        _, source, destination, strides = bench.fill(count)
        await bench.settings(count, source, destination, strides)
        await bench.set("control_start")
        await ClockCycles(dut.clk, bench.rng.randrange(20, 20 + 4 * JOB["words_in"]))
        if soft:
            await bench.set("control_reset")
            await bench.idle()
            await bench.bus.write(bench.registers["interrupt_status_done"][0], 0xF)
        else:
            await bench.hold_reset(3)
        await bench.run(4)


@cocotb.test()
async def takes_a_beat_a_clock(dut):
    """Memory that never waits: at most 5 % more clocks than words, whichever way has more."""
    bench = await ready(dut)
    bench.bus.stall(0.0, 0)
    if JOB["beats_a_clock"] is None:
        return
    size, result = JOB["words_in"] * STEP, JOB["words_out"] * STEP
    count = max(4, 4000 // max(JOB["words_in"], JOB["words_out"]))
    await bench.settings(count, 0, count * size, (size, result))
    await bench.set("interrupt_enable_done")
    await bench.set("control_start")
    await bench.interrupted()
    both = JOB["words_in"], JOB["words_out"]
    words = count * (sum(both) if JOB["bus"] == "wishbone" else max(both))
    clocks = await bench.get("clocks")
    dut._log.info(f"{words} words in {clocks} clocks")
    Path("clocks.txt").write_text(f"{words} {clocks}")
    assert clocks <= words * 1.05 + JOB["beats_a_clock"], get_sim_time("ns")

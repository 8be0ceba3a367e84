"""Buses inside a simulation: registers and a memory, with stalls and errors."""

import random

import cocotb
from cocotb.triggers import FallingEdge, RisingEdge
from cocotbext.axi import AxiBus, AxiLiteBus, AxiLiteMaster, AxiResp, AxiSlave


class Memory:
    """Bytes, with places that answer with an error."""

    def __init__(self, size):
        self.bytes = bytearray(size)
        self.bad = range(0)
        self.words_read = self.words_written = 0

    def _check(self, address, length):
        if address in self.bad or not 0 <= address <= len(self.bytes) - length:
            raise IndexError(f"nothing at {address:#x}")

    async def read(self, address, length):
        self._check(address, length)
        self.words_read += 1
        return bytes(self.bytes[address : address + length])

    async def write(self, address, data):
        self._check(address, len(data))
        self.words_written += 1
        self.bytes[address : address + len(data)] = data


def _pauses(share, seed):
    rng = random.Random(seed)
    while True:
        yield rng.random() < share


class Axi:
    """AXI4-Lite to the registers, AXI4 to the memory, both of cocotbext-axi."""

    def __init__(self, dut, size, low):
        self.memory = Memory(size)
        end = (dut.clk, dut.rst_n if low else dut.rst)
        self._master = AxiLiteMaster(
            AxiLiteBus.from_prefix(dut, "s_axi"), *end, reset_active_level=not low
        )
        self._slave = AxiSlave(
            AxiBus.from_prefix(dut, "m_axi"), *end, target=self.memory, reset_active_level=not low
        )
        for part in (self._master, self._slave):
            for side in (part.write_if, part.read_if):
                side.log.setLevel("ERROR")

    def stall(self, share, seed, writes=None):
        """Pause every channel at random; those of writes to memory as often as `writes` says."""
        of_writes = share if writes is None else writes
        read, write = self._slave.read_if, self._slave.write_if
        theirs = self._master.write_if, self._master.read_if
        channels = [
            *(read.ar_channel, read.r_channel),
            *(write.aw_channel, write.w_channel, write.b_channel),
            *(theirs[0].aw_channel, theirs[0].w_channel, theirs[0].b_channel),
            *(theirs[1].ar_channel, theirs[1].r_channel),
        ]
        for number, channel in enumerate(channels):
            often = of_writes if channel in channels[2:5] else share
            if often:
                channel.set_pause_generator(_pauses(often, seed + number))
            else:
                channel.clear_pause_generator()
                channel.pause = False

    async def read(self, address, length=4):
        """Return an integer, and whether it was there."""
        got = await self._master.read(address, length)
        return int.from_bytes(got.data, "little"), got.resp == AxiResp.OKAY

    async def write(self, address, value, length=4):
        """Write an integer; return whether it has a place."""
        got = await self._master.write(address, value.to_bytes(length, "little"))
        return got.resp == AxiResp.OKAY


class Wishbone:
    """Classic cycles to the registers and from the mover, and the rules of both."""

    def __init__(self, dut, size, low):
        self.memory = Memory(size)
        self._low = low
        self._dut, self._shares, self._rng = dut, (0.0, 0.0), random.Random(0)
        self._bytes = len(dut.m_wb_dat_w) // 8
        self.broken, self._next = [], None
        for name in ("adr", "dat_w", "sel", "cyc", "stb", "we"):
            getattr(dut, f"s_wb_{name}").value = 0
        for name in ("dat_r", "ack", "err"):
            getattr(dut, f"m_wb_{name}").value = 0
        cocotb.start_soon(self._serve())

    def stall(self, share, seed, writes=None):
        """Let the memory take its time; for writes as `writes` says."""
        self._shares = share, share if writes is None else writes
        self._rng = random.Random(seed)

    async def _access(self, address, write, lanes=0xF, value=0):
        dut = self._dut
        dut.s_wb_adr.value = address // 4
        dut.s_wb_we.value = write
        dut.s_wb_sel.value = lanes
        dut.s_wb_dat_w.value = value
        dut.s_wb_cyc.value = dut.s_wb_stb.value = 1
        while True:
            await RisingEdge(dut.clk)
            if dut.s_wb_ack.value or dut.s_wb_err.value:
                found = int(dut.s_wb_dat_r.value), bool(dut.s_wb_ack.value)
                dut.s_wb_cyc.value = dut.s_wb_stb.value = 0
                await RisingEdge(dut.clk)
                return found

    async def read(self, address, length=4):
        """Return an integer, and whether it was there."""
        value, there = await self._access(address, 0)
        return value >> 8 * (address % 4) & ((1 << 8 * length) - 1), there

    async def write(self, address, value, length=4):
        """Write an integer; return whether it has a place."""
        low = address % 4
        lanes = ((1 << length) - 1) << low
        _, there = await self._access(address, 1, lanes, value << 8 * low)
        return there

    async def _serve(self):
        """Answer from the middle of a clock to its end, or some clocks later; what waits must
        stay as it is."""
        dut = self._dut
        waited = None
        while True:
            await FallingEdge(dut.clk)
            in_reset = (dut.rst_n.value == 0) if self._low else (dut.rst.value == 1)
            if in_reset:
                self._next = None
            asked = dut.m_wb_stb.value == 1 and dut.m_wb_cyc.value == 1 and not in_reset
            names = ("adr", "we", "sel", "cti", *(("dat_w",) if dut.m_wb_we.value == 1 else ()))
            offered = {name: getattr(dut, f"m_wb_{name}").value for name in names}
            if waited is not None and not in_reset and (not asked or offered != waited):
                self.broken.append((waited, offered, asked))
            share = self._shares[dut.m_wb_we.value == 1]
            answers = asked and self._rng.random() >= share
            if answers:
                self._see_burst(offered)
            waited = offered if asked and not answers else None
            reply = await self._reply(offered) if answers else {"ack": 0, "err": 0}
            for name, value in reply.items():
                getattr(dut, f"m_wb_{name}").value = value

    def _see_burst(self, offered):
        """Hold a word to what the one before it said: that it is the next one, or that none is."""
        here = int(offered["adr"]), int(offered["we"])
        if self._next is not None and here != self._next:
            self.broken.append(("no burst goes on", self._next, here))
        ends = int(offered["cti"]) == 0b111
        self._next = None if ends else (here[0] + 1, here[1])

    async def _reply(self, offered):
        address = int(offered["adr"]) * self._bytes
        try:
            if not offered["we"]:
                word = await self.memory.read(address, self._bytes)
                return {"ack": 1, "err": 0, "dat_r": int.from_bytes(word, "little")}
            data = int(offered["dat_w"]).to_bytes(self._bytes, "little")
            for lane in range(self._bytes):
                if int(offered["sel"]) >> lane & 1:
                    await self.memory.write(address + lane, data[lane : lane + 1])
            return {"ack": 1, "err": 0}
        except IndexError:
            return {"ack": 0, "err": 1}

"""What a simulator runs: drivers in Python and in C on the system of a package, from job.json.

that of `bench`, and {"package": FOLDER, "library": FILE, "name": "net", "other": FILE.net,
"inputs": FILE.npy, "outputs": FILE.npy, "types": ["uint8", "int8"]}
"""

import ctypes

import cocotb
import numpy as np
from cocotb.task import bridge, resume

import hwgen
import hwgen.host
from hwgen.errors import BoardError
from support.buses.bench import JOB, SIZE, STEP, ready

BUFFER = 0x400
INPUTS, OUTPUTS = (np.load(JOB[name]) for name in ("inputs", "outputs"))


class OnBus:
    """Words for the host: registers by the bus, from address 1 << 20 on; memory as it is."""

    BASE = 1 << 20

    def __init__(self, bus):
        self._bus = bus
        self._read, self._write = resume(self._get), resume(self._set)

    async def _get(self, address, length):
        if address >= self.BASE:
            return [(await self._bus.read(address - self.BASE + 4 * n))[0] for n in range(length)]
        raw = self._bus.memory.bytes[address : address + 4 * length]
        return np.frombuffer(bytes(raw), "<u4").tolist()

    async def _set(self, address, data):
        for n, word in enumerate(data):
            if address >= self.BASE:
                await self._bus.write(address - self.BASE + 4 * n, word)
            else:
                at = address + 4 * n
                self._bus.memory.bytes[at : at + 4] = word.to_bytes(4, "little")

    def read(self, address, length):
        return self._read(address, length)

    def write(self, address, data):
        self._write(address, data)


@cocotb.test()
async def the_host_infers_over_memory(dut):
    """As over a serial line: the same call, equal results; what is wrong says so."""
    bench = await ready(dut)
    words = OnBus(bench.bus)

    @bridge
    def infer():
        network = hwgen.load(f"{JOB['package']}/network.net")
        other = hwgen.load(JOB["other"])
        room = 6 * STEP * (JOB["words_in"] + JOB["words_out"]) + 2 * STEP + 8
        told = []
        with hwgen.host.MemoryAccelerator(words, OnBus.BASE, BUFFER, room, network) as it:
            found = it.infer(INPUTS, lambda *progress: told.append(progress))
            again = it.infer(INPUTS[:1])
            none = it.infer(INPUTS[:0])
            description = it.description
            bench.bus.memory.bad = range(BUFFER, BUFFER + STEP)
            errors = [_said(it.infer, INPUTS[:1])]
            bench.bus.memory.bad = range(0)
            after = it.infer(INPUTS[:2])
        errors += [
            _said(hwgen.host.MemoryAccelerator, words, OnBus.BASE, BUFFER, room, other),
            _said(hwgen.host.MemoryAccelerator, words, OnBus.BASE, BUFFER, STEP, network),
            _said(hwgen.host.MemoryAccelerator, words, BUFFER, BUFFER, room, network),
            _said(hwgen.host.MemoryAccelerator, words, OnBus.BASE, 1 << 60, room, network),
        ]
        return found, again, none, after, told, description, errors

    found, again, none, after, told, description, errors = await infer()
    assert np.array_equal(found, OUTPUTS) and np.array_equal(again, OUTPUTS[:1])
    assert np.array_equal(after, OUTPUTS[:2]) and none.shape == (0, *OUTPUTS.shape[1:])
    assert told[-1] == ("infer", len(INPUTS), len(INPUTS)) and len(told) > 1
    assert description.input.shape == INPUTS.shape[1:]
    for error, words_in_it in zip(
        errors,
        (
            "read with an error",
            "holds network",
            "Buffer must",
            "must be those of",
            "lie within the",
        ),
        strict=True,
    ):
        assert words_in_it in error, error


def _said(call, *arguments):
    try:
        call(*arguments)
    except BoardError as error:
        return str(error)
    return "nothing"


@cocotb.test()
async def the_c_driver_infers(dut):
    """Compiled for this machine, its registers being those of the simulation."""
    bench = await ready(dut)
    bus, name = bench.bus, JOB["name"]
    get, put = resume(bus.read), resume(bus.write)
    Read = ctypes.CFUNCTYPE(ctypes.c_uint32, ctypes.c_size_t)
    Write = ctypes.CFUNCTYPE(None, ctypes.c_size_t, ctypes.c_uint32)
    read = Read(lambda address: get(address)[0])
    write = Write(lambda address, value: put(address, value) and None)

    @bridge
    def infer():
        library = ctypes.CDLL(JOB["library"])
        for what, function in (("read", read), ("write", write)):
            pointer = ctypes.c_void_p.in_dll(library, f"test_{what}")
            pointer.value = ctypes.cast(function, ctypes.c_void_p).value
        device = ctypes.c_size_t()
        address = ctypes.c_uint64

        def call(function, *arguments):
            return getattr(library, f"{name}_{function}")(ctypes.byref(device), *arguments)

        assert call("init", ctypes.c_size_t(0)) == 0
        size, result = JOB["words_in"] * STEP, JOB["words_out"] * STEP
        count = len(INPUTS)
        source = ctypes.create_string_buffer(size * count)
        values = np.ascontiguousarray(INPUTS.astype(JOB["types"][0]))
        for n in range(count):
            at = ctypes.byref(source, n * size)
            getattr(library, f"{name}_pack")(at, values[n].ctypes.data_as(ctypes.c_void_p))
        bus.memory.bytes[BUFFER : BUFFER + len(source.raw)] = source.raw
        destination = SIZE // 2
        call("enable_interrupts", ctypes.c_uint32(1), ctypes.c_uint32(0))
        assert call("start", address(BUFFER), address(destination), ctypes.c_uint32(count)) == 0
        assert call("start", address(0), address(0), ctypes.c_uint32(1)) == -3  # busy
        assert call("wait") == 0
        assert call("interrupt") & 1 and call("interrupt") == 0
        assert call("frames_done") == count and call("clocks") > 0
        raw = bytes(bus.memory.bytes[destination : destination + result * count])
        found = np.zeros(OUTPUTS.shape, JOB["types"][1])
        for n in range(count):
            one = np.zeros(OUTPUTS.shape[1:], JOB["types"][1])
            getattr(library, f"{name}_unpack")(
                one.ctypes.data_as(ctypes.c_void_p), raw[n * result : (n + 1) * result]
            )
            found[n] = one
        refused = call("start", address(1), address(0), ctypes.c_uint32(1)) if STEP > 1 else -6
        nothing = call("start", address(0), address(0), ctypes.c_uint32(0))
        beyond = call("start", address(1 << 60), address(0), ctypes.c_uint32(1))
        many = call("start", address(0), address(0), ctypes.c_uint32((1 << 24) + 1))
        bus.memory.bad = range(BUFFER, BUFFER + STEP)
        call("start", address(BUFFER), address(destination), ctypes.c_uint32(1))
        fault = call("wait")
        return found, refused, nothing, beyond, many, fault

    found, *refused, fault = await infer()
    assert np.array_equal(found, OUTPUTS)
    assert refused == [-6, -6, -6, -6] and fault == -4

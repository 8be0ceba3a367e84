"""Boards: that each carries its target's device, and that a design reaches its pins."""

import re
from dataclasses import astuple

import pytest
from amaranth.hdl import ClockDomain, Elaboratable, Module
from amaranth.lib import io

from hwgen.codegen.verilog import from_rtlil
from hwgen.cost import pack, route, synthesise
from hwgen.targets import TARGETS
from hwgen.tools import TOOLS
from hwgen_boards import BOARDS
from hwgen_boards.clocking import Clocking, PlainClock, clock_below, rate_at
from hwgen_rtl_templates.uart import UartParameters, UartReceiver, UartTransmitter

# Pins of the FPGA's case: rx, tx, and the lights idle, busy, error.
PINS = {
    "icebreaker": ("6", "9", "37", "27", "11"),
    "ice40-hx8k": ("B10", "B12", "C3", "B3", "C4"),
    "orangecrab-25f": ("N17", "M18", "M3", "J3", "K4"),
    "orangecrab-85f": ("N17", "M18", "M3", "J3", "K4"),
    "tangnano9k": ("18", "17", "10", "11", "13"),
    "upduino-v3": ("15", "14", "39", "40", "41"),
    "ulx3s-25f": ("M1", "L4", "B2", "C2", "C1"),
    "ulx3s-45f": ("M1", "L4", "B2", "C2", "C1"),
    "ulx3s-85f": ("M1", "L4", "B2", "C2", "C1"),
}


class Echo(Elaboratable):
    """Answers each byte with itself, and lights an LED a bit of it."""

    def __init__(self, board, clock):
        self._board = board
        self._clock = clock

    def elaborate(self, platform):
        m = Module()
        board = self._board
        parameters = UartParameters(rate_at(self._clock.hz, board.baud)[1])
        m.domains.sync = ClockDomain()
        m.submodules.clocking = Clocking(board, self._clock)
        uart = platform.request(*board.uart, dir="-")
        m.submodules.rx = rx = io.Buffer("i", uart.rx)
        m.submodules.tx = tx = io.Buffer("o", uart.tx)
        lights = []
        for pin in (board.leds.idle, board.leds.busy, board.leds.error):
            lights.append(io.Buffer("o", platform.request(*pin, dir="-")))
        m.submodules += lights
        m.submodules.receiver = receiver = UartReceiver(parameters)
        m.submodules.transmitter = transmitter = UartTransmitter(parameters)
        m.d.comb += [
            receiver.rx.eq(rx.i),
            tx.o.eq(transmitter.tx),
            transmitter.i.payload.eq(receiver.o.payload),
            transmitter.i.valid.eq(receiver.o.valid),
        ]
        m.d.comb += [light.o.eq(receiver.o.payload[n]) for n, light in enumerate(lights)]
        return m


CASES = {"BG381": "CABGA381", "MG285": "CSFBGA285"}  # ordering codes, and what they mean


@pytest.mark.parametrize("name", BOARDS)
def test_a_board_carries_its_target(name):
    board, platform = BOARDS[name], BOARDS[name].platform()
    target = TARGETS[name]
    assert board.name == name
    if target.family == "gowin":
        assert platform.part == target.device and platform.family.replace("R", "") == target.die
        assert platform.lookup(platform.default_clk).ios[0].names == [target.clock_pin]
        return
    assert platform.device == target.device
    case = CASES.get(platform.package, platform.package)
    assert case.lower() == target.package.lower()
    assert getattr(platform, "speed", None) == target.speed


@pytest.mark.parametrize("name", BOARDS)
def test_the_rate(name):
    board = BOARDS[name]
    assert board.baud >= 1_000_000
    assert UartParameters.at(board.clock_hz, board.baud).clocks * board.baud == board.clock_hz


@pytest.mark.parametrize("name", BOARDS)
def test_a_programmer_is_one_that_hwgen_can_tell_how_to_get(name):
    program, *options = BOARDS[name].programmer
    assert program in TOOLS and options[:1] in ([], ["-b"])


@pytest.mark.parametrize("name", BOARDS)
def test_a_design_reaches_the_pins(name):
    board = BOARDS[name]
    files = board.platform().prepare(Echo(board, PlainClock(board.clock_hz))).files
    (text,) = [str(files[file]) for file in files if file.endswith((".pcf", ".lpf", ".cst"))]
    pin = r"set_io (\w+) (\w+)|LOCATE COMP \"(\w+)\" SITE \"(\w+)\"|IO_LOC \"(\w+)\" (\w+)"
    pins = {a or c or e: b or d or f for a, b, c, d, e, f in re.findall(pin, text)}
    leds = [f"{led}_{number}__io" for led, number in astuple(board.leds)]
    names = ["uart_0__rx__io", "uart_0__tx__io", *leds]
    assert tuple(pins[name] for name in names) == PINS[name]


FAST = ("ulx3s-25f", "tangnano9k")  # small dies; the bitstream of an iCEBreaker is built elsewhere
SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in BOARDS if name not in FAST]


@pytest.mark.parametrize("name", [*FAST, *SLOW])
def test_a_bitstream(name):
    """With PLL, pins and all, for every board; the clock of its target is met."""
    board, target = BOARDS[name], TARGETS[name]
    clock = clock_below(board.pll, board.clock_hz, target.clock_hz)
    files = board.platform().prepare(Echo(board, clock), "echo", emit_src=False).files
    (constraints,) = [str(files[file]) for file in files if file.endswith((".pcf", ".lpf", ".cst"))]
    synthesis = synthesise(from_rtlil(str(files["echo.il"])), "echo", target)
    assert {"EHXPLLL", "SB_PLL40_PAD", "SB_PLL40_CORE", "rPLL"} & set(synthesis.cells)
    placed = route(synthesis, target, pins=constraints)
    assert placed.fmax_mhz > float(clock.hz) / 1e6
    assert pack(placed).stat().st_size > 20_000

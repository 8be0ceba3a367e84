"""Boards: that each carries its target's device, and that a design reaches its pins."""

import re
from dataclasses import astuple

import pytest
from amaranth.hdl import Elaboratable, Module
from amaranth.lib import io

from boards import BOARDS
from hwgen.targets import TARGETS
from hwgen.tools import TOOLS
from rtl_templates.uart import UartParameters, UartReceiver, UartTransmitter

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

    def __init__(self, board):
        self._board = board

    def elaborate(self, platform):
        m = Module()
        board = self._board
        parameters = UartParameters.at(board.clock_hz, board.baud)
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


@pytest.fixture(autouse=True)
def tools(monkeypatch):
    """Have Amaranth call the programs that pip brings."""
    for tool in ("yosys", "nextpnr-ecp5", "ecppack", "nextpnr-ice40", "icepack"):
        monkeypatch.setenv(tool.replace("-", "_").upper(), f"yowasp-{tool}")


@pytest.mark.parametrize("name", BOARDS)
def test_a_design_reaches_the_pins(name):
    board = BOARDS[name]
    files = board.platform().prepare(Echo(board)).files
    (text,) = [str(files[file]) for file in files if file.endswith((".pcf", ".lpf", ".cst"))]
    pin = r"set_io (\w+) (\w+)|LOCATE COMP \"(\w+)\" SITE \"(\w+)\"|IO_LOC \"(\w+)\" (\w+)"
    pins = {a or c or e: b or d or f for a, b, c, d, e, f in re.findall(pin, text)}
    leds = [f"{led}_{number}__io" for led, number in astuple(board.leds)]
    names = ["uart_0__rx__io", "uart_0__tx__io", *leds]
    assert tuple(pins[name] for name in names) == PINS[name]


@pytest.mark.slow
def test_a_bitstream(tmp_path):
    """The board's own clock is met with much to spare, and there is something to program."""
    board = BOARDS["icebreaker"]
    products = board.platform().build(Echo(board), build_dir=tmp_path)
    assert len(products.get("top.bin")) > 100_000
    found = re.findall(r"Max frequency.*: ([\d.]+) MHz \((\w+)", products.get("top.tim", "t"))
    assert found[-1][1] == "PASS" and float(found[-1][0]) > 24

"""A whole board after synthesis, from serial pin to serial pin: PLL, pads, link and accelerator as
the cells that a bitstream is made of. What it answers equals golden."""

import binascii
import subprocess

import numpy as np
import pytest

import hwgen
from hwgen.api import choose_frames
from hwgen.building import describe
from hwgen.cost import synthesise, write_netlist
from hwgen.primitives import PRIMITIVES, find_models
from hwgen.targets import get_target
from support.packages import tiny_board

SEED = 4
FRAMES = 4
CLOCK = (
    18_000_000  # of a PLL, and only six times the line's rate, so that there is less to simulate
)
BAUD = 3_000_000
BUSY, ERROR, NO_ERROR = "1", "0", "1"  # what lights the lamps: the red one hangs on the supply
LIGHTS = {"idle": "led_g_0__io", "busy": "led_g_1__io", "error": "led_r_0__io"}

# The source of 12 MHz at the clock's pin, the host's bytes at the one serial pin and those from the
# other printed. Lights are printed after the last answer.
BENCH = """
`timescale 1ps / 1ps
module bench;
    reg clock = 0, rx = 1;
    always #41667 clock = ~clock;
    wire pin = clock, line = rx;
    wire tx, idle, busy, error;
    {top} board (.clk12_0__io(pin), .uart_0__rx__io(line), .uart_0__tx__io(tx),
        .{idle}(idle), .{busy}(busy), .{error}(error));

    reg [7:0] bytes[0:{count} - 1];
    integer at, bit, got, flags = 0;
    reg [7:0] word;
    initial begin
        $readmemh("host.hex", bytes);
        #60000000;  // the reset of 20 us is over, and PLLs have locked before that
        for (at = 0; at < {count}; at = at + 1) begin
            rx = 0;
            #{bit_ps};
            for (bit = 0; bit < 8; bit = bit + 1) begin
                rx = bytes[at][bit];
                #{bit_ps};
            end
            rx = 1;
            #{bit_ps};
        end
    end
    initial begin
        #50000000;
        while (flags < {flags}) begin
            @(negedge tx);
            #({bit_ps} / 2);
            for (got = 0; got < 8; got = got + 1) begin
                #{bit_ps} word[got] = tx;
            end
            #{bit_ps};
            $display("byte %h %b", word, tx);
            if (word == 8'h7e) flags = flags + 1;
        end
        $display("lights %b %b", busy, error);
        $finish;
    end
    initial #{patience_ps} $finish;
endmodule
"""


def framed(body):
    """Return a body as it goes over the line: RFC 1662 with a CRC of 32 bits."""
    text = body + binascii.crc32(body).to_bytes(4, "little")
    text = text.replace(b"\x7d", b"\x7d\x5d").replace(b"\x7e", b"\x7d\x5e")
    return b"\x7e" + text + b"\x7e"


def unframed(line):
    """Return the bodies on a line; each must be whole."""
    bodies = []
    for text in filter(None, line.split(b"\x7e")):
        plain = text.replace(b"\x7d\x5e", b"\x7e").replace(b"\x7d\x5d", b"\x7d")
        assert binascii.crc32(plain[:-4]) == int.from_bytes(plain[-4:], "little"), text
        bodies.append(plain[:-4])
    return bodies


def beats_of(stream, values):
    """Return each frame's bytes on AXI4-Stream, the lowest byte of a beat first."""
    size = stream.tdata_bits // 8
    packed = stream.pack(values)
    beats = [packed[at : at + size][::-1] for at in range(0, len(packed), size)]
    return [b"".join(beats[at : at + stream.beats]) for at in range(0, len(beats), stream.beats)]


def values_of(stream, data):
    size = stream.tdata_bits // 8
    beats = [data[at : at + size][::-1] for at in range(0, len(data), size)]
    return stream.unpack_bytes(b"".join(beats))


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return tiny_board(tmp_path_factory.mktemp("board"))


@pytest.fixture(scope="module")
def package(built):
    return hwgen.Package(built.folder / "package")


@pytest.fixture(scope="module")
def netlist(built, package):
    """Return the build and the Verilog files of the netlist that its bitstream was made of."""
    text = f"{package.verilog.read_text()}\n{(built.folder / 'board.v').read_text()}"
    synthesis = synthesise(text, built.top, get_target("icebreaker"))
    models, unknown = find_models({cell: () for cell in synthesis.cells}, "ice40")
    assert not unknown
    assert {"SB_PLL40_PAD", "SB_IO", "SB_RAM40_4K"} <= set(synthesis.cells)
    return built, [write_netlist(synthesis), *models]


def converse(folder, netlist, requests, answers):
    """Return the bytes that the board sends, and its lights (busy, error), after so many
    requests."""
    built, sources = netlist
    line = b"".join(map(framed, requests))
    folder.joinpath("host.hex").write_text("\n".join(f"{byte:02x}" for byte in line))
    bit_ps = round(1e12 * built.clocks_per_bit / built.clock_hz)
    text = BENCH.format(
        top=built.top,
        count=len(line),
        flags=2 * answers,
        bit_ps=bit_ps,
        patience_ps=60_000_000 + 10 * bit_ps * 6 * len(line),
        **LIGHTS,
    )
    (folder / "bench.v").write_text(text)
    files = ["bench.v", *map(str, sources)]
    build = ["iverilog", "-g2005", "-s", "bench", "-o", "bench.vvp", *files]
    done = subprocess.run(build, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    run = ["vvp", "-n", "bench.vvp"]
    done = subprocess.run(run, cwd=folder, capture_output=True, text=True, timeout=300)
    words = [line.split() for line in done.stdout.splitlines()]
    sent = [word for word in words if word[:1] == ["byte"]]
    assert all(stop == "1" for _, _, stop in sent), "a byte without its stop bit"
    lights = [tuple(word[1:]) for word in words if word[:1] == ["lights"]]
    assert lights, f"no {answers} answers came, but {len(sent)} bytes: {done.stdout[-300:]}"
    return bytes(int(text, 16) for _, text, _ in sent), lights[0]


def test_a_board_after_synthesis_equals_golden(package, netlist, tmp_path):
    about = describe(package.manifest)
    x = choose_frames(package.network, FRAMES, SEED)
    requests = [b"\x01\x07\x00\x00"]
    for number, data in enumerate(beats_of(about.input, x)):
        requests.append(bytes([2, number]) + len(data).to_bytes(2, "little") + data)
    line, lights = converse(tmp_path, netlist, requests, len(requests))
    told, *results = unframed(line)
    assert told[:2] == b"\x81\x07" and told[4:] == about.encode()
    assert [body[:2] for body in results] == [bytes([0x82, n]) for n in range(FRAMES)]
    y = values_of(about.output, b"".join(body[4:] for body in results))
    assert np.array_equal(y, package.network.run(x)), f"seed {SEED}"
    assert lights == (BUSY, NO_ERROR)  # busy stays lit so that it is seen


def test_a_refusal_is_answered_and_lights_the_error(package, netlist, tmp_path):
    about = describe(package.manifest)
    (data,) = beats_of(about.input, choose_frames(package.network, 1, SEED))
    good = b"\x02\x05" + len(data).to_bytes(2, "little") + data
    wrong = b"\x09\x06\x00\x00"  # no such request
    line, lights = converse(tmp_path, netlist, [good, wrong], 2)
    result, refusal = unframed(line)
    y = values_of(about.output, result[4:])
    x = choose_frames(package.network, 1, SEED)
    assert np.array_equal(y, package.network.run(x))
    assert refusal == b"\xff\x06\x01\x00\x01"
    assert lights == (BUSY, ERROR)


def icarus(folder, text, model):
    (folder / "bench.v").write_text(text)
    files = ["bench.v", str(PRIMITIVES / "ice40" / f"{model}.v")]
    command = ["iverilog", "-g2005", "-s", "bench", "-o", "bench.vvp", *files]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    run = ["vvp", "-n", "bench.vvp"]
    return subprocess.run(run, cwd=folder, capture_output=True, text=True, timeout=60).stdout


PLL = """
`timescale 1ps / 1ps
module bench;
    reg pin = 0;
    always #{half} pin = ~pin;
    wire clock, lock;
    SB_PLL40_PAD #(.DIVR({divr}), .DIVF({divf}), .DIVQ({divq})) pll (.PACKAGEPIN(pin),
        .PLLOUTGLOBAL(clock), .LOCK(lock), .RESETB(1'b1), .BYPASS(1'b0));
    integer edges = 0;
    always @(posedge clock) edges = edges + 1;
    initial begin
        #10000000 $display("%b", lock);
        edges = 0;
        #100000000 $display("%0d", edges);
        $finish;
    end
endmodule
"""


@pytest.mark.parametrize(
    ("settings", "lock", "edges"),
    [
        ((0, 63, 5), "1", 2400),  # 12 MHz * 64 / 32 for 100 us
        ((0, 52, 5), "1", 1988),
        ((0, 87, 3), "1", 13200),
        ((0, 90, 3), "0", None),  # would oscillate with 1092 MHz
        ((1, 99, 5), "0", None),  # would compare 6 MHz
    ],
)
def test_the_model_of_the_pll(settings, lock, edges, tmp_path):
    divr, divf, divq = settings
    found = icarus(
        tmp_path, PLL.format(half=41667, divr=divr, divf=divf, divq=divq), "SB_PLL40_PAD"
    )
    locked, count = found.split()
    assert locked == lock
    if edges is not None:
        assert abs(int(count) - edges) <= 1


PIN = """
module bench;
    reg out, enable, outside, drive;
    wire pin = drive ? outside : 1'bz;
    wire in;
    SB_IO #(.PIN_TYPE(6'b{kind}), .PULLUP({pull})) io (.PACKAGE_PIN(pin), .D_OUT_0(out),
        .OUTPUT_ENABLE(enable), .D_IN_0(in));
    integer n;
    initial begin
        for (n = 0; n < 16; n = n + 1) begin
            {{drive, outside, enable, out}} = n;
            #1 $display("%b", in);
        end
        $finish;
    end
endmodule
"""


@pytest.mark.parametrize("pull", [0, 1])
@pytest.mark.parametrize("kind", ["000001", "011001", "101001", "000000"])
def test_the_model_of_a_pin(kind, pull, tmp_path):
    found = icarus(tmp_path, PIN.format(kind=kind, pull=pull), "SB_IO").split("\n")[:-1]
    if kind == "000000":  # with a register
        assert found == ["SB_IO: no model of PIN_TYPE 000000"]
        return
    for n, level in enumerate(found):
        drive, outside, enable, out = (n >> bit & 1 for bit in (3, 2, 1, 0))
        driven = {"000001": 0, "011001": 1, "101001": enable}[kind]
        levels = {str(outside)} if drive else set()
        levels |= {str(out)} if driven else set()
        wanted = levels or {"1" if pull else "z"}
        assert level == (wanted.pop() if len(wanted) == 1 else "x"), (n, found)
    assert len(found) == 16

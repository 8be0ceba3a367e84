"""Netlists of Gowin: our models of its cells, each beside the RTL that synthesis made it of, and
whole packages, golden == netlist."""

import re

import pytest

from hwgen.cache import Cache
from support.cells import (
    GOWIN,
    GOWIN_LOGIC,
    GOWIN_SETS,
    bench,
    check_cells,
    logic,
    memories,
    products,
    run_icarus,
)
from support.netlists import check_netlist, small_network
from support.selection import some

pytestmark = pytest.mark.usefixtures("cache_of_module")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return Cache(tmp_path_factory.mktemp("cells"))


def test_logic_and_registers(tmp_path, cache):
    text, ports = logic(0)
    check_cells(tmp_path, cache, text, GOWIN, ports, GOWIN_LOGIC - {"LUT1", "MUX2_LUT8", "DFFR"})


def test_wide_tables(tmp_path, cache):
    """Functions of eight inputs, and inverters."""
    text = "module top(input clk, input [7:0] s, output reg f, output n);\n"
    text += "localparam [255:0] T = 256'h6996_3cc3_0ff0_1248_84a1_7e81_dead_beef_0123_4567_"
    text += "89ab_cdef_5aa5_c33c_1337_f00f;\n"
    text += "always @(posedge clk) f <= T[s]; assign n = ~f; endmodule\n"
    check_cells(tmp_path, cache, text, GOWIN, ({"s": 8}, {"f": 1, "n": 1}), {"LUT1", "MUX2_LUT8"})


def test_flip_flops_that_set_and_reset(tmp_path, cache):
    text = """
module top(
    input clk, input [7:0] a, input r, input e,
    output reg [7:0] x, output reg [7:0] y, output reg [7:0] z
);
    always @(posedge clk) begin
        if (r) x <= 8'hff; else x <= x + a;
        if (r) y <= 8'hff; else if (e) y <= y ^ a;
        if (r) z <= 8'h00; else z <= z ^ a;
    end
endmodule
"""
    ports = ({"a": 8, "r": 1, "e": 1}, {"x": 8, "y": 8, "z": 8})
    check_cells(tmp_path, cache, text, GOWIN, ports, GOWIN_SETS | {"DFFR"})


def test_narrow_block_ram(tmp_path):
    """A port of eight bits that writes, one of two that reads: instantiated, since synthesis takes
    the cell with two whole ports."""
    text = """
module top(input clk, input we, input [7:0] w, input [9:0] r, input [7:0] d, output reg [1:0] q);
    reg [7:0] m[0:255];
    integer i;
    initial for (i = 0; i < 256; i = i + 1) m[i] = i < 32 ? 7 * i + 3 : 0;
    always @(posedge clk) begin
        if (we) m[w] <= d;
        q <= we && w == r[9:2] ? 2'bx : m[r[9:2]] >> (2 * r[1:0]);
    end
endmodule
module gate(input clk, input we, input [7:0] w, input [9:0] r, input [7:0] d, output [1:0] q);
    wire [31:0] out;
    assign q = out[1:0];
    SDPB #(.BIT_WIDTH_0(8), .BIT_WIDTH_1(2), .INIT_RAM_00(256'h%)) cell_ (
        .CLKA(clk), .CEA(we), .RESETA(1'b0), .ADA({3'b0, w, 3'b0}), .DI({24'b0, d}),
        .BLKSELA(3'b0), .CLKB(clk), .CEB(1'b1), .OCE(1'b1), .RESETB(1'b0),
        .ADB({3'b0, r, 1'b0}), .BLKSELB(3'b0), .DO(out)
    );
endmodule
"""
    text = text.replace("%", "".join(f"{(7 * i + 3) % 256:02x}" for i in reversed(range(32))))
    text += bench({"we": 1, "w": 8, "r": 10, "d": 8}, {"q": 2}, 1)
    printed = run_icarus(tmp_path, text, "gowin", models={"SDPB"})
    assert re.search(r"wrong 0 known \d{4} of 6000 never 00", printed), printed


def test_multipliers(tmp_path, cache):
    """Of 9, 18 and 36 bits; signed, unsigned and mixed."""
    shapes = [("", 18, "", 18), ("signed", 18, "signed", 18), ("signed", 18, "", 17)]
    shapes += [("signed", 9, "signed", 8), ("", 7, "", 9), ("signed", 30, "", 28)]
    text, ports = products(shapes)
    check_cells(tmp_path, cache, text, GOWIN, ports, {"MULT9X9", "MULT18X18", "MULT36X36"})


@pytest.mark.parametrize("rom", some([True, False], [True]))
def test_block_ram(rom, tmp_path, cache):
    """In bytes of eight bits and of nine."""
    shapes = [(36, 512), (18, 1024), (9, 2048), (4, 4096), (2, 8192), (1, 16384), (50, 700)]
    text, ports = memories(shapes, "block", 1, rom=rom)
    expected = {"SPX9"} if rom else {"SDPX9B"}
    check_cells(tmp_path, cache, text, GOWIN, ports, expected)


@pytest.mark.parametrize("mode", some(["old", "new", "none"], ["old", "new"]))
def test_block_ram_with_one_port(mode, tmp_path, cache):
    text, ports = memories([(18, 64), (9, 96), (4, 2048)], "block", 2, mode=mode)
    check_cells(tmp_path, cache, text, GOWIN, ports, {"SP", "SPX9"})


def test_block_ram_with_two_ports_that_write(tmp_path, cache):
    """Each port writes and reads; both never at the same place at once."""
    body, inputs, outputs = "", {"we": 4, "a": 7, "b": 7}, {}
    for n, width in enumerate((4, 9)):
        inputs |= {f"x{n}": width, f"y{n}": width}
        outputs |= {f"p{n}": width, f"q{n}": width}
        body += f"""
    (* ram_style = "block" *) reg [{width - 1}:0] m{n}[0:255];
    integer i{n};
    initial for (i{n} = 0; i{n} < 256; i{n} = i{n} + 1) m{n}[i{n}] = 3 * i{n} + {n};
    always @(posedge clk)
        if (we[{2 * n}]) m{n}[{{1'b0, a}}] <= x{n}; else p{n} <= m{n}[{{1'b0, a}}];
    always @(posedge clk)
        if (we[{2 * n + 1}]) m{n}[{{1'b1, b}}] <= y{n}; else q{n} <= m{n}[{{1'b1, b}}];
"""
    ports = [f"input [{n - 1}:0] {name}" for name, n in inputs.items()]
    ports += [f"output reg [{n - 1}:0] {name}" for name, n in outputs.items()]
    text = f"module top(input clk, {', '.join(ports)});{body}endmodule\n"
    check_cells(tmp_path, cache, text, GOWIN, (inputs, outputs), {"DPB", "DPX9B"})


def test_lut_memory(tmp_path, cache):
    text, ports = memories([(4, 16), (3, 9), (10, 40)], "distributed", 4, at_once=True)
    check_cells(tmp_path, cache, text, GOWIN, ports, {"RAM16SDP4"})


def test_a_wrong_model_is_found(tmp_path, cache):
    """A bench that cannot fail proves nothing: a carry that never leaves."""
    text, (inputs, outputs) = logic(1)
    wrong = text.replace("sum <= a + b", "sum <= a + b + 1").replace("module top", "module gate")
    printed = run_icarus(tmp_path, f"{text}\n{wrong}\n{bench(inputs, outputs, 1)}", "gowin")
    assert "wrong 0 " not in printed


@pytest.mark.parametrize(
    ("seed", "target"), some([(0, "tangnano9k"), (1, "tangnano20k")], [(1, "tangnano20k")])
)
def test_random_network(seed, target, tmp_path):
    cells = check_netlist(small_network(seed), target, tmp_path / "net", seed)
    assert {"LUT4", "ALU", "DFF"} <= cells

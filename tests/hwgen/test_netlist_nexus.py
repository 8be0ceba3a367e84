"""Netlists of Nexus: our models of its cells, each beside the RTL that synthesis made it of, and
whole packages, golden == netlist."""

import pytest

from hwgen.cache import Cache
from hwgen.cost import pack, route, synthesise
from hwgen.families import family_of
from hwgen.targets import get_target
from support.cells import bench, check_cells, logic, memories, run_icarus, together
from support.netlists import check_netlist, small_network
from support.selection import some

pytestmark = pytest.mark.usefixtures("cache_of_module")

NEXUS = get_target("crosslink-nx-evn")
LOGIC = {"LUT4", "WIDEFN9", "CCU2", "FD1P3IX", "FD1P3JX", "VLO", "VHI"}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return Cache(tmp_path_factory.mktemp("cells"))


@pytest.mark.parametrize("seed", some(range(3), [0]))
def test_logic_and_registers(seed, tmp_path, cache):
    text, ports = logic(seed)
    check_cells(tmp_path, cache, text, NEXUS, ports, LOGIC, seed)


WIDE, DEEP = [(36, 512), (4, 4096), (50, 700)], [(18, 1024), (9, 2048), (2, 8192), (1, 16384)]


@pytest.mark.parametrize(
    ("rom", "shapes"),
    some([(True, WIDE), (False, WIDE[1:]), (False, WIDE + DEEP)], [(False, WIDE[1:])]),
)
def test_block_ram(rom, shapes, tmp_path, cache):
    """What is read while it is written is what was there before."""
    text, ports = memories(shapes, "block", 1, rom=rom)
    check_cells(tmp_path, cache, text, NEXUS, ports, {"PDPSC16K"})


@pytest.mark.parametrize("mode", some(["old", "new", "none"], ["none"]))
def test_block_ram_with_one_port(mode, tmp_path, cache):
    text, ports = memories([(18, 64), (9, 96), (4, 2048)], "block", 2, mode=mode)
    check_cells(tmp_path, cache, text, NEXUS, ports, set())


INVERTERS = """
module top(input clk, input [7:0] s, output reg [7:0] f, output [7:0] n);
    always @(posedge clk) f <= ~s;
    assign n = ~f;
endmodule
"""
# several registers hold one product: yosys would lose all but the first
PRODUCTS = """
module top(
    input clk, input e, input signed [8:0] a, input signed [8:0] b,
    output reg signed [17:0] p, output reg signed [17:0] q
);
    always @(posedge clk) begin p <= a * b; if (e) q <= a * b; end
endmodule
"""
# each port writes and reads; both never at the same place at once
TWO_PORTS = """
module top(
    input clk, input [1:0] we, input [6:0] a, input [6:0] b, input [17:0] x, input [17:0] y,
    output reg [17:0] p, output reg [17:0] q
);
    (* ram_style = "block" *) reg [17:0] m[0:255];
    integer i;
    initial for (i = 0; i < 256; i = i + 1) m[i] = 259 * i + 7;
    always @(posedge clk) if (we[0]) m[{1'b0, a}] <= x; else p <= m[{1'b0, a}];
    always @(posedge clk) if (we[1]) m[{1'b1, b}] <= y; else q <= m[{1'b1, b}];
endmodule
"""


def test_small_circuits(tmp_path, cache):
    """Inverters, products, a memory of LUTs and one with two ports that write; no product becomes
    a block."""
    designs = (
        (INVERTERS, ({"s": 8}, {"f": 8, "n": 8})),
        (PRODUCTS, ({"a": 9, "b": 9, "e": 1}, {"p": 18, "q": 18})),
        memories([(4, 16), (3, 9), (10, 40)], "distributed", 4, at_once=True),
        (TWO_PORTS, ({"we": 2, "a": 7, "b": 7, "x": 18, "y": 18}, {"p": 18, "q": 18})),
    )
    text, ports = together(*designs)
    expected = {"INV", "FD1P3IX", "CCU2", "DPR16X4", "DP16K"}
    cells = check_cells(tmp_path, cache, text, NEXUS, ports, expected)
    assert not any(cell.startswith("MULT") for cell in cells)


def test_a_wrong_model_is_found(tmp_path):
    """A bench that cannot fail proves nothing: a carry that never leaves."""
    text, (inputs, outputs) = logic(1)
    wrong = text.replace("sum <= a + b", "sum <= a + b + 1").replace("module top", "module gate")
    printed = run_icarus(tmp_path, f"{text}\n{wrong}\n{bench(inputs, outputs, 1)}", "nexus")
    assert "wrong 0 " not in printed


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_random_network(seed, tmp_path):
    cells = check_netlist(small_network(seed), NEXUS.name, tmp_path / "net", seed)
    assert {"LUT4", "CCU2", "FD1P3IX"} <= cells


@pytest.mark.slow
def test_a_bitstream(cache):
    """Of a design with pads, which no board of ours has yet, and the template of constraints."""
    text = """
module blink(input clk, output led);
    wire clock;
    reg [3:0] count = 0;
    IB enters(.I(clk), .O(clock));
    OB leaves(.I(count[3]), .O(led));
    always @(posedge clock) count <= {count[2:0], ~count[3]};
endmodule
"""
    template = family_of(NEXUS).constraints.write("clk", 100_000_000, ("clk", "led"))
    pins = template.replace("# ldc", "ldc").replace("SITE", "L13", 1).replace("SITE", "E13", 1)
    synthesis = synthesise(text, "blink", NEXUS, cache=cache)
    found = route(synthesis, NEXUS, pins=pins, cache=cache)
    assert (found.ffs, found.layout is not None) == (4, True)
    assert found.critical_path is not None
    assert pack(found, cache=cache).stat().st_size > 10_000

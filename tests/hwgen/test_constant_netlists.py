"""Constant matrices as netlists of ECP5: exact, and no larger than was promised."""

import subprocess

import numpy as np
import pytest

from hwgen.cache import Cache
from hwgen.codegen.verilog import to_verilog
from hwgen.cost import synthesise, write_netlist
from hwgen.planning.lowering.adder_graphs import solve
from hwgen.primitives import find_models
from hwgen.simulation.build import find_tools
from hwgen.targets import get_target
from hwgen_rtl_templates.bit_serial import BitSerialParameters
from hwgen_rtl_templates.constant import ConstantParameters
from support.selection import some
from support.stream_bench import pack, unpack

ECP5 = get_target("ulx3s-85f")
BITS = 26  # of an output, more than any has


def matrix(size, bits, seed=0, zeros=0.0):
    rng = np.random.default_rng(seed)
    found = rng.integers(-(1 << bits - 1), 1 << bits - 1, (size, size))
    return found * (rng.random((size, size)) >= zeros) if zeros else found


def bench(x_bits, y_bits, vectors, every):
    """Return a bench that offers a vector every so many clocks and prints what comes out."""
    return f"""
`timescale 1ns / 1ns
module bench;
reg clk = 0, rst = 1, valid = 0;
reg [{x_bits - 1}:0] x [0:{vectors - 1}];
reg [{x_bits - 1}:0] payload;
wire done;
wire [{y_bits - 1}:0] y;
integer clock = 0, sent = 0, seen = 0;
top dut (.clk(clk), .rst(rst), .i__payload(payload), .i__valid(valid),
         .o__payload(y), .o__valid(done));
always #5 clk = ~clk;
initial $readmemh("x.hex", x);
always @(posedge clk) begin
    clock <= clock + 1;
    rst <= clock < 4;
    valid <= 0;
    if (clock > 8 && sent < {vectors} && clock % {every} == 0) begin
        valid <= 1; payload <= x[sent]; sent <= sent + 1;
    end
    if (done && clock > 8) begin
        $display("y %h", y); seen = seen + 1;
        if (seen == {vectors}) $finish;
    end
    if (clock > {vectors * every + 200}) $finish;
end
endmodule
"""


def said_by_icarus(sources, folder):
    build = ["iverilog", "-g2005", "-s", "bench", "-o", "bench.vvp", *sources]
    subprocess.run(build, cwd=folder, check=True, capture_output=True)
    run = ["vvp", "-n", "bench.vvp"]
    return subprocess.run(run, cwd=folder, capture_output=True, text=True, timeout=500).stdout


def said_by_verilator(sources, folder):
    """What takes long to compile, and then no time: a bench with delays needs coroutines."""
    tools = find_tools("verilator")
    build = ["verilator", "--binary", "--timing", "--top-module", "bench", "--x-initial", "unique"]
    build += ["-Wno-fatal", "-Wno-lint", "-Wno-style", "-CFLAGS", "-std=gnu++20 -fcoroutines"]
    build += ["-MAKEFLAGS", "OPT_FAST=-O0", *sources]
    done = subprocess.run(
        build, cwd=folder, env=dict(tools.environment), capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, done.stdout + done.stderr
    run = [folder / "obj_dir/Vbench", "+verilator+rand+reset+2", "+verilator+seed+1"]
    return subprocess.run(run, cwd=folder, capture_output=True, text=True, timeout=500).stdout


def netlist_outputs(p, x, folder, said_by=said_by_icarus):
    """Return LUTs, and what the netlist makes of vectors that follow as closely as they may."""
    cache = Cache(folder / "cache")
    found = synthesise(to_verilog(p.create(), "top"), "top", ECP5, dsp=False, cache=cache)
    netlist = write_netlist(found, cache=cache)
    models, unknown = find_models({cell: () for cell in found.cells}, ECP5.family)
    assert not unknown
    x_bits, y_bits = p.graph.inputs * p.x_bits, p.lanes * p.bits
    (folder / "x.hex").write_text("\n".join(f"{pack(v, p.x_bits):x}" for v in x.tolist()))
    (folder / "bench.v").write_text(bench(x_bits, y_bits, len(x), p.interval))
    said = said_by([str(path) for path in ("bench.v", netlist, *models)], folder)
    words = [int(line.split()[1], 16) for line in said.splitlines() if line.startswith("y ")]
    return found.luts, np.array([unpack(word, p.lanes, p.bits, True) for word in words])


@pytest.mark.parametrize(
    ("weights", "most"),
    [
        pytest.param(matrix(16, 4), 2.31, id="16x16 int4"),
        pytest.param(matrix(64, 4, 1, 0.8), 0.6, id="64x64 int4, 80 % zeros"),
    ],
)
@pytest.mark.slow
def test_bit_serial(weights, most, tmp_path):
    """LUT4 a weight, what makes digits of the inputs and vectors of the outputs included."""
    size = len(weights)
    graph = solve(weights, [-128] * size, [127] * size, starts=30 if size < 64 else 3)
    p = BitSerialParameters(graph, 8, True, BITS, True)
    assert p.interval <= 16
    x = np.random.default_rng(2).integers(-128, 128, (30, size))
    x[0], x[1] = -128, np.where(weights[:, 0] > 0, 127, -128)
    luts, y = netlist_outputs(p, x, tmp_path, said_by_verilator)
    assert np.array_equal(y, x @ weights)
    assert luts <= most * size * size


@pytest.mark.parametrize("digit", some([1, 3], [3]))
def test_digit_serial(digit, tmp_path):
    weights = matrix(4, 5, 3)
    graph = solve(weights, [0] * 4, [63] * 4)
    p = BitSerialParameters(graph, 6, False, BITS, True, digit)
    x = np.random.default_rng(2).integers(0, 64, (60, 4))
    x[0] = 63
    _, y = netlist_outputs(p, x, tmp_path)
    assert np.array_equal(y, x @ weights)


@pytest.mark.parametrize("levels", some([1, 3], [3]))
def test_parallel(levels, tmp_path):
    weights = matrix(8, 4, 4)
    graph = solve(weights, [-8] * 8, [7] * 8)
    p = ConstantParameters(graph, 4, True, BITS, True, levels)
    x = np.random.default_rng(2).integers(-8, 8, (60, 8))
    x[0], x[1] = -8, 7
    _, y = netlist_outputs(p, x, tmp_path)
    assert np.array_equal(y, x @ weights)

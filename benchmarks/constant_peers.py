"""A constant matrix by another generator: Verilog, and its adders.

Run by `constant_bench.py` with an interpreter that has da4ml or alkaid (both LGPL: measured
beside hwgen, no part of it). The matrix comes as JSON on the standard input; its adders leave as
JSON on the last line of the standard output.
"""

import importlib
import json
import sys
import time
from typing import Any

import numpy as np


def graph(logic: Any, inputs: int) -> dict[str, list[list[int | bool | None]]]:
    """Return the adders and the outputs of a peer's netlist as `hwgen_rtl_templates.adder_graph`
    has them; each value is a term, shifted and perhaps negated."""
    values: list[tuple[int, int, bool]] = []
    adders: list[list[int | bool | None]] = []
    for op in logic.ops:
        places, data = (op.addr, op.data) if hasattr(op, "addr") else ((op.id0, op.id1), (op.data,))
        if op.opcode == -1:  # an input; da4ml says which one in the place of an operand
            values.append((int(data[0] if hasattr(op, "addr") else op.id0), 0, False))
        elif op.opcode == -2:
            term, shift, negated = values[places[0]]
            values.append((term, shift, not negated))
        elif op.opcode in (0, 1):
            a, b = values[places[0]], values[places[1]]
            b = b[0], b[1] + int(data[0]), b[2] ^ bool(op.opcode)
            if a[2] and not b[2]:
                a, b = b, a
            adders.append([a[0], b[0], b[1] - a[1], a[2] != b[2]])
            values.append((inputs + len(adders) - 1, min(a[1], b[1]), a[2] and b[2]))
        else:
            raise ValueError(f"Operation {op.opcode} is no adder")
    taps: list[list[int | bool | None]] = []
    for n, shift, negated in zip(logic.out_idxs, logic.out_shifts, logic.out_negs, strict=True):
        if n < 0:
            taps.append([None, 0, False])
        else:
            term, up, turned = values[n]
            taps.append([term, up + int(shift), turned ^ bool(negated)])
    return {"adders": adders, "taps": taps}


def da4ml(matrix: np.ndarray, levels: int, folder: str) -> Any:
    """Write the Verilog of da4ml and return its netlist."""
    trace = importlib.import_module("da4ml.trace")
    config = trace.HWConfig(1, -1, levels)
    x = trace.FixedVariableArrayInput(len(matrix), hwconf=config).quantize(1, 7, 0)
    logic = trace.comb_trace(x, x @ matrix)
    model = importlib.import_module("da4ml.codegen").RTLModel
    model(logic, "top", folder, "verilog", latency_cutoff=levels).write()
    return logic


def alkaid(matrix: np.ndarray, levels: int, folder: str) -> Any:
    """Write the Verilog of alkaid, sums of two each, and return its netlist."""
    trace = importlib.import_module("alkaid.trace")
    config = trace.HWConfig(1, -1, levels)
    x = trace.FVArrayInput(len(matrix), hwconf=config).quantize(1, 7, 0)
    logic = trace.trace(x, x @ matrix)
    model = importlib.import_module("alkaid.codegen").RTLModel
    model(logic, folder, "top", flavor="verilog", latency_cutoff=levels, ternary_fuse=False).write()
    return logic


def main() -> None:
    name, levels, folder = sys.argv[1:]
    matrix = np.array(json.load(sys.stdin), dtype=np.float64)
    start = time.monotonic()
    logic = {"da4ml": da4ml, "alkaid": alkaid}[name](matrix, int(levels), folder)
    seconds = time.monotonic() - start
    print()
    print(json.dumps({"seconds": seconds, **graph(logic, len(matrix))}))


if __name__ == "__main__":
    main()

"""A constant matrix by another generator: Verilog, and what it says of itself.

Run by `constant_bench.py` with an interpreter that has da4ml or alkaid (both LGPL: measured
beside hwgen, no part of it). The matrix comes as JSON on the standard input; figures leave as JSON
on the last line of the standard output.
"""

import importlib
import json
import sys
import time

import numpy as np


def da4ml(matrix: np.ndarray, levels: int, folder: str) -> float:
    """Write the Verilog of da4ml; return the cost that it minimises, in adder bits."""
    trace = importlib.import_module("da4ml.trace")
    config = trace.HWConfig(1, -1, levels)
    x = trace.FixedVariableArrayInput(len(matrix), hwconf=config).quantize(1, 7, 0)
    logic = trace.comb_trace(x, x @ matrix)
    model = importlib.import_module("da4ml.codegen").RTLModel
    model(logic, "top", folder, "verilog", latency_cutoff=levels).write()
    return float(logic.cost)


def alkaid(matrix: np.ndarray, levels: int, folder: str) -> float:
    """Write the Verilog of alkaid, sums of two each; return the cost that it minimises."""
    trace = importlib.import_module("alkaid.trace")
    config = trace.HWConfig(1, -1, levels)
    x = trace.FVArrayInput(len(matrix), hwconf=config).quantize(1, 7, 0)
    logic = trace.trace(x, x @ matrix)
    model = importlib.import_module("alkaid.codegen").RTLModel
    model(logic, folder, "top", flavor="verilog", latency_cutoff=levels, ternary_fuse=False).write()
    return float(logic.cost)


def main() -> None:
    name, levels, folder = sys.argv[1:]
    matrix = np.array(json.load(sys.stdin), dtype=np.float64)
    start = time.monotonic()
    cost = {"da4ml": da4ml, "alkaid": alkaid}[name](matrix, int(levels), folder)
    print()
    print(json.dumps({"cost": cost, "seconds": time.monotonic() - start}))


if __name__ == "__main__":
    main()

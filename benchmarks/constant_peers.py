"""A constant matrix, or a whole network, by another generator: Verilog, and its adders.

Run by `constant_bench.py` and `unrolled_bench.py` with an interpreter that has da4ml or alkaid
(both LGPL: measured beside hwgen, no part of it). The matrix comes as JSON on the standard input;
its adders leave as JSON on the last line of the standard output. A network comes as {"shape",
"bits", "signed", "layers"}, each layer an op with its integers.
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


def network(name: str, spec: dict[str, Any], levels: int, folder: str) -> None:
    """Trace a network of products, clamps behind a shift and maxima, and write its Verilog."""
    trace = importlib.import_module(f"{name}.trace")
    arrays = {"da4ml": "FixedVariableArrayInput", "alkaid": "FVArrayInput"}
    entered = getattr(trace, arrays[name])(
        tuple(spec["shape"]), hwconf=trace.HWConfig(1, -1, levels)
    )
    kept = (1, spec["bits"] - 1, 0) if spec["signed"] else (0, spec["bits"], 0)
    x = h = entered.quantize(*kept)
    for layer in spec["layers"]:
        if layer["op"] == "clamp":
            h = h * 2.0 ** -layer["shift"]
            h = h.relu(i=np.array(layer["bits"]), f=np.array(0), round_mode="RND")
        elif layer["op"] == "pool":  # the largest of squares of four
            height, width, channels = h.shape
            h = h.reshape(height // 2, 2, width // 2, 2, channels)
            h = np.max(np.max(h, axis=3), axis=1)
        else:
            weight, bias = (np.array(layer[part], dtype=np.float64) for part in ("weight", "bias"))
            h = h.reshape(-1) @ weight.T + bias if weight.ndim == 2 else convolved(h, weight, bias)
    if name == "da4ml":
        model = importlib.import_module("da4ml.codegen").RTLModel
        made = model(trace.comb_trace(x, h), "top", folder, "verilog", latency_cutoff=levels)
    else:
        model = importlib.import_module("alkaid.codegen").RTLModel
        more = {"flavor": "verilog", "latency_cutoff": levels, "ternary_fuse": False}
        made = model(trace.trace(x, h), folder, "top", **more)
    made.write()


def convolved(x: Any, weight: np.ndarray, bias: np.ndarray) -> Any:
    """Return a convolution without padding; x (height, width, channels), weight (outputs,
    channels, height, width)."""
    high, wide = weight.shape[2:]
    rows, columns = x.shape[0] - high + 1, x.shape[1] - wide + 1
    windows = [
        x[row : row + high, column : column + wide].reshape(-1)[None]
        for row in range(rows)
        for column in range(columns)
    ]
    matrix = weight.transpose(2, 3, 1, 0).reshape(-1, len(bias))
    return (np.concatenate(windows, axis=0) @ matrix + bias).reshape(rows, columns, -1)


def main() -> None:
    name, levels, folder = sys.argv[1:]
    given = json.load(sys.stdin)
    if isinstance(given, dict):
        start = time.monotonic()
        network(name, given, int(levels), folder)
        print()
        print(json.dumps({"seconds": time.monotonic() - start}))
        return
    matrix = np.array(given, dtype=np.float64)
    start = time.monotonic()
    logic = {"da4ml": da4ml, "alkaid": alkaid}[name](matrix, int(levels), folder)
    seconds = time.monotonic() - start
    print()
    print(json.dumps({"seconds": seconds, **graph(logic, len(matrix))}))


if __name__ == "__main__":
    main()

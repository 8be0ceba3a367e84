"""Operators on integers with scales beside them, as what they stand for: real numbers, an operator
on these, and a quantizer.

Source: ONNX's QLinearConv and QLinearMatMul, and onnxruntime's own (domain com.microsoft).
"""

__all__ = ["INTEGER", "expanded"]

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from hwgen.importers.onnx.builder import Builder
from hwgen.importers.onnx.file import OnnxNode
from hwgen.importers.onnx.operators.windows import CHANNELS_LAST
from hwgen.importers.onnx.values import Constant


@dataclass(frozen=True)
class IntegerOperator:
    """Where an operator's inputs stand, each with its scale and zero point behind it.

    kind : of the operator on real numbers
    inputs : places; -1 for as many as there are, from place 2 on
    output : place of the scale and zero point of what leaves
    bias : place of a bias in units of both scales
    axes : of scales, where there are several
    """

    kind: str
    inputs: tuple[int, ...]
    output: int
    bias: int | None = None
    axes: tuple[int, ...] = (1, 1)


ONE = (0,)
INTEGER: dict[tuple[str, str], IntegerOperator] = {
    ("", "QLinearConv"): IntegerOperator("Conv", (0, 3), 6, 8, (1, 0)),
    ("", "QLinearMatMul"): IntegerOperator("MatMul", (0, 3), 6),
    ("com.microsoft", "QGemm"): IntegerOperator("Gemm", (0, 3), 7, 6),
    ("com.microsoft", "QLinearAdd"): IntegerOperator("Add", (0, 3), 6),
    ("com.microsoft", "QLinearMul"): IntegerOperator("Mul", (0, 3), 6),
    ("com.microsoft", "QLinearLeakyRelu"): IntegerOperator("LeakyRelu", ONE, 3),
    ("com.microsoft", "QLinearSigmoid"): IntegerOperator("Sigmoid", ONE, 3),
    ("com.microsoft", "QLinearAveragePool"): IntegerOperator("AveragePool", ONE, 3),
    ("com.microsoft", "QLinearGlobalAveragePool"): IntegerOperator("GlobalAveragePool", ONE, 3),
    ("com.microsoft", "QLinearConcat"): IntegerOperator("Concat", (-1,), 0),
}


def expanded(builder: Builder, node: OnnxNode) -> Iterator[OnnxNode]:
    """Yield what stands for a node: DequantizeLinear, an operator, QuantizeLinear."""
    found = INTEGER[node.domain, node.kind]
    name = node.outputs[0]
    places = found.inputs
    if places == (-1,):
        places = tuple(range(2, len(node.inputs), 3))
    inputs, axis = [], node.attributes.get("transB", 0)
    for n, place in enumerate(places):
        out = builder.unused(f"{name}.in{n}")
        at = 1 - axis if found.kind == "Gemm" else (*found.axes, *[1] * n)[n]
        yield OnnxNode(
            node.place,
            "DequantizeLinear",
            "",
            node.inputs[place : place + 3],
            (out,),
            {"axis": at},
        )
        inputs.append(out)
    if found.bias is not None and builder.has(node, found.bias):
        units = [
            builder.constant(node, place + 1, "scales").data.astype(np.float64) for place in places
        ]
        scale, out = builder.unused(f"{name}.unit"), builder.unused(f"{name}.bias")
        builder.known[scale] = Constant(units[0] * units[1])
        bias = node.inputs[found.bias]
        yield OnnxNode(node.place, "DequantizeLinear", "", (bias, scale), (out,), {"axis": 0})
        inputs.append(out)
    real = builder.unused(f"{name}.real")
    domain = CHANNELS_LAST if node.attributes.get("channels_last", 0) else ""
    yield replace(node, kind=found.kind, domain=domain, inputs=tuple(inputs), outputs=(real,))
    ends = node.inputs[found.output : found.output + 2]
    yield OnnxNode(node.place, "QuantizeLinear", "", (real, *ends), node.outputs, {})

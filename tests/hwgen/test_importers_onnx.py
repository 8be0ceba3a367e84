"""ONNX files: integers equal those of the graph in exact arithmetic, and, but for ties that float32
blurs, those of qonnx and onnxruntime."""

import numpy as np
import pytest

from hwgen.importers.onnx import import_onnx
from hwgen.network import Flatten
from support.onnx_graphs import onnxruntime_tensors, qonnx_tensors, real_tensors
from support.onnx_networks import (
    POWERS_OF_TWO,
    QDQ,
    QLINEAR,
    QONNX,
    made,
)

BLURRED = 1e-3  # of all integers, those that float32 puts on the other side of a tie


def compared(network, trace, tensors):
    """Yield each tensor's name, integers of ours and of theirs."""
    for node in network.nodes[1:]:
        if node.name not in tensors or isinstance(node.op, Flatten):
            continue
        ours, type_ = trace[node.name], network.tensors[node.name]
        theirs = tensors[node.name]
        if theirs.dtype.kind == "f":
            if type_.format is None and node is not network.nodes[-1]:
                continue  # sums, which a bias or a sign may tell from the file's
            shape = (-1, *[1] * (ours.ndim - 2))
            theirs = theirs / type_.scale.reshape(shape) + type_.zero_point
        if theirs.ndim > 2 and theirs.shape != ours.shape:
            theirs = np.moveaxis(theirs, -1, 1)
        yield node.name, ours, np.rint(theirs).astype(np.int64)


def check(path, x, oracle, what):
    network = import_onnx(path)
    real = np.moveaxis(x, -1, 1) if x.shape[1:] != network.input.shape else x
    trace = network.trace(network.quantize(real))
    pairs = list(compared(network, trace, real_tensors(path, x)))
    assert pairs[-1][0] == network.nodes[-1].name
    for name, ours, theirs in pairs:
        assert np.array_equal(ours, theirs), f"{what}: {name}"
    different = [(o != t).mean() for _, o, t in compared(network, trace, oracle(path, x))]
    assert max(different) < BLURRED, f"{what}: {different}"
    return network, max(different)


@pytest.mark.parametrize("name", [*QONNX, *POWERS_OF_TWO])
@pytest.mark.parametrize("scales", ["two", "free"])
def test_each_operator_of_qonnx(name, scales, tmp_path):
    if name in POWERS_OF_TWO and scales == "free":
        return
    x = made({**QONNX, **POWERS_OF_TWO}, name, 0, scales, tmp_path / "m.onnx")
    check(tmp_path / "m.onnx", x, qonnx_tensors, name)


@pytest.mark.parametrize("name", QDQ)
@pytest.mark.parametrize("scales", ["two", "free"])
def test_each_operator_of_qdq(name, scales, tmp_path):
    x = made(QDQ, name, 0, scales, tmp_path / "m.onnx")
    check(tmp_path / "m.onnx", x, onnxruntime_tensors, name)

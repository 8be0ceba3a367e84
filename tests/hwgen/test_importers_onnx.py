"""ONNX files: integers equal those of the graph in exact arithmetic, and, but for ties that float32
blurs, those of qonnx and onnxruntime."""

import numpy as np
import pytest

from hwgen.importers.onnx import import_onnx
from hwgen.network import Flatten
from support.onnx_graphs import BEFORE, onnxruntime_tensors, qonnx_tensors, real_tensors
from support.onnx_networks import (
    POWERS_OF_TWO,
    QDQ,
    QLINEAR,
    QONNX,
    made,
)

TIE = 1e-4  # how near to a tie a number must be for float32 to be on its other side
RARE = 1e-3


def compared(network, trace, tensors):
    """Yield names of tensors, and integers of ours and of theirs."""
    for node in network.nodes[1:]:
        if node.name not in tensors or isinstance(node.op, Flatten):
            continue
        ours, type_ = trace[node.name], network.tensors[node.name]
        theirs = tensors[node.name]
        if theirs.dtype.kind == "f":
            if type_.format is None and node is not network.nodes[-1]:
                continue  # sums, which a bias or a sign may tell from the file's
            theirs = theirs / type_.scale.reshape(-1, *[1] * (ours.ndim - 2)) + type_.zero_point
        if theirs.shape != ours.shape:
            theirs = np.moveaxis(theirs, -1, 1)
        yield node.name, ours, np.rint(theirs).astype(np.int64)


def check(path, x, oracle, what, one_scale=True):
    """Compare every tensor of a file that a node gives, and return the network, and how often
    float32 tells the other tool's from ours."""
    network = import_onnx(path)
    first = x.shape[1:] == network.input.shape
    if x.dtype == np.float32:  # what enters is on the grid of what enters the network
        integers = network.quantize(x if first else np.moveaxis(x, -1, 1))
        real = network.input.scale * (integers - network.input.zero_point)
        x = (real if first else np.moveaxis(real, 1, -1)).astype(np.float32)
    else:
        integers = x
    trace, exact = network.trace(integers), real_tensors(path, x)
    names = []
    for name, ours, theirs in compared(network, trace, exact):
        if one_scale or name == network.nodes[-1].name:
            assert np.array_equal(ours, theirs), f"{what}: {name}"
            names.append(name)
    assert names[-1] == network.nodes[-1].name
    for name, ours, theirs in compared(network, trace, oracle(path, x)):
        if not one_scale and name != network.nodes[-1].name:
            continue
        differs = ours != theirs
        if not one_scale:
            assert differs.mean() < RARE, f"{what}: {name}"
            return network, int(differs.sum())
        if differs.any() and name in BEFORE:
            before = BEFORE[name] if first else np.moveaxis(BEFORE[name], -1, 1)
            apart = np.abs(2 * before - np.rint(2 * before))[differs] / 2
            assert (apart < TIE * np.maximum(1, np.abs(before[differs]))).all(), f"{what}: {name}"
            return network, int(differs.sum())
        assert not differs.any(), f"{what}: {name}"
    return network, 0


@pytest.mark.parametrize("name", [*QONNX, *POWERS_OF_TWO])
@pytest.mark.parametrize("scales", ["two", "free"])
def test_each_operator_of_qonnx(name, scales, tmp_path):
    if name in POWERS_OF_TWO and scales == "free":
        return
    x = made({**QONNX, **POWERS_OF_TWO}, name, 0, scales, tmp_path / "m.onnx")
    one_scale = not name.endswith(("a scale a channel", "of a half"))
    check(tmp_path / "m.onnx", x, qonnx_tensors, name, one_scale)


@pytest.mark.parametrize("name", QDQ)
@pytest.mark.parametrize("scales", ["two", "free"])
def test_each_operator_of_qdq(name, scales, tmp_path):
    x = made(QDQ, name, 0, scales, tmp_path / "m.onnx")
    check(tmp_path / "m.onnx", x, onnxruntime_tensors, name)

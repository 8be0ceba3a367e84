"""ONNX files: integers equal those of the graph in exact arithmetic, and, but for ties that float32
blurs, those of qonnx and onnxruntime."""

import re
import subprocess
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

import hwgen
from hwgen.cli import app
from hwgen.errors import HwgenWarning, UnsupportedError
from hwgen.importers.onnx import import_onnx
from hwgen.network import Flatten
from support.onnx_graphs import BEFORE, Graph, onnxruntime_tensors, qonnx_tensors, real_tensors
from support.onnx_networks import (
    FUNCTIONS,
    MOVED,
    NETWORKS,
    POWERS_OF_TWO,
    QDQ,
    QLINEAR,
    QONNX,
    REFUSED,
    integers_enter,
    made,
)
from support.selection import some
from support.whole import planned

TIE = 1e-4  # how near to a tie a number must be for float32 to be on its other side
RARE = 1e-2  # of all integers, where what blurs is in a layer before


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


def chosen(names):
    """Return each name with powers of two or free scales in turn; with the other if slow."""
    fast = {(name, ("two", "free")[n % 2]) for n, name in enumerate(names) if "16" not in name}
    return some(((name, scales) for name in names for scales in ("two", "free")), fast)


@pytest.mark.parametrize("name, scales", [*chosen(QONNX), *((n, "two") for n in POWERS_OF_TWO)])
def test_each_operator_of_qonnx(name, scales, tmp_path):
    x = made({**QONNX, **POWERS_OF_TWO}, name, 0, scales, tmp_path / "m.onnx")
    one_scale = not name.endswith(("a scale a channel", "of a half"))
    check(tmp_path / "m.onnx", x, qonnx_tensors, name, one_scale)


@pytest.mark.parametrize("name, scales", chosen(QDQ))
def test_each_operator_of_qdq(name, scales, tmp_path):
    x = made(QDQ, name, 0, scales, tmp_path / "m.onnx")
    check(tmp_path / "m.onnx", x, onnxruntime_tensors, name)


@pytest.mark.parametrize("name", QLINEAR)
def test_integer_kernels(name, tmp_path):
    """onnxruntime's own for int8, which it takes with graph optimisation on and off.

    Of uint8 inputs its kernels saturate in between on processors without VNNI, as it documents.
    """
    for seed, scales in enumerate(("two", "free", "free")):
        x = made(QLINEAR, name, seed, scales, tmp_path / "m.onnx")
        network = import_onnx(tmp_path / "m.onnx")
        y = network.dequantize(network.run(network.quantize(x)))
        for optimised in (False, True):
            (theirs, *_) = onnxruntime_tensors(tmp_path / "m.onnx", x, optimised).values()
            assert np.array_equal(y.astype(np.float32), theirs), f"{name}, seed {seed}"


def test_integers_enter(tmp_path):
    x = integers_enter(0, tmp_path / "m.onnx")
    network, _ = check(tmp_path / "m.onnx", x, onnxruntime_tensors, "uint8")
    assert network.input.zero_point == 113  # of the file: zeros can stand around it


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 8))
@pytest.mark.parametrize("name", [*QONNX, *(f"qdq: {name}" for name in QDQ)])
def test_more_seeds(name, seed, tmp_path):
    qdq, oracle = name.startswith("qdq: "), qonnx_tensors
    if qdq:
        oracle = onnxruntime_tensors
    x = made(QDQ if qdq else QONNX, name.removeprefix("qdq: "), seed, "free", tmp_path / "m.onnx")
    one_scale = not name.endswith(("a scale a channel", "of a half"))
    check(tmp_path / "m.onnx", x, oracle, f"{name}, seed {seed}", one_scale)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*NETWORKS, *MOVED, *FUNCTIONS])
def test_networks_in_hardware(name, tmp_path):
    """The file's integers, golden's, and those of the RTL under stalls."""
    x = made({**NETWORKS, **QONNX}, name, 0, "free", tmp_path / "m.onnx")
    oracle = onnxruntime_tensors if name == "QDQ" else qonnx_tensors
    network, _ = check(tmp_path / "m.onnx", x, oracle, name)
    package = hwgen.generate(planned(network), tmp_path / "package")
    x = np.moveaxis(x, -1, 1) if name == "channels last" else x
    result = package.simulate(network.quantize(x[:3]), simulator="icarus", stalls=0.3, seed=1)
    assert result.equal, result.first_difference


def test_the_last_sums_are_the_output(tmp_path):
    """With a bias that is no multiple of their unit: said, and as near as said."""
    graph = Graph(0, (12,), "two")
    graph.save(tmp_path / "m.onnx", graph.linear(graph.quant("x", 4, -2), 12, 5, bias=True))
    x = graph.rng.normal(0, 1, (64, 12)).astype(np.float32)
    with pytest.warns(HwgenWarning) as found:
        network = import_onnx(tmp_path / "m.onnx")
    most = float(re.search(r"by at most (\S+);", str(found[0].message))[1])
    integers = network.quantize(x)
    theirs = real_tensors(tmp_path / "m.onnx", np.float32(network.input.scale * integers))
    apart = network.dequantize(network.run(integers)) - theirs[graph.nodes[-1].output[0]]
    assert 0 < np.abs(apart).max() <= most


def test_the_largest_is_the_output(tmp_path):
    graph = Graph(0, (12,), "free")
    y = graph.quant(graph.linear(graph.quant("x", 4, -2), 12, 5, bias=True), 6, -2)
    graph.save(tmp_path / "m.onnx", graph.add("ArgMax", y, axis=1))
    x = graph.rng.normal(0, 1, (64, 12)).astype(np.float32)
    network = import_onnx(tmp_path / "m.onnx")
    theirs = real_tensors(tmp_path / "m.onnx", x)[graph.nodes[-1].output[0]]
    assert np.array_equal(network.run(network.quantize(x)), theirs)


def test_what_enters_may_be_said(tmp_path):
    graph = Graph(0, (12,), "two")
    graph.save(tmp_path / "m.onnx", graph.linear("x", 12, 5))
    network = import_onnx(tmp_path / "m.onnx", input_format="uint8", input_scale=1 / 256)
    assert str(network.input.format) == "uint8" and network.input.scale == 1 / 256
    x = graph.rng.integers(0, 256, (64, 12))
    theirs = real_tensors(tmp_path / "m.onnx", x / 256)[graph.nodes[-1].output[0]]
    assert np.array_equal(network.dequantize(network.run(x)), theirs)
    assert str(import_onnx(tmp_path / "m.onnx").input.format) == "int16"


@pytest.mark.parametrize("step", [("Mul", 2.0), ("Sub", 0.25), ("Add", 0.25)])
def test_a_sign_of_the_input(step, tmp_path):
    """Of real numbers as they are, the network's input is the sign, or where they pass an edge."""
    graph = Graph(0, (12,), "two")
    kind, number = step
    x = graph.add(kind, "x", graph.constant(number))
    graph.save(tmp_path / "m.onnx", graph.linear(graph.bipolar(x), 12, 5))
    network = import_onnx(tmp_path / "m.onnx")
    real = graph.rng.normal(0, 0.5, (64, 12)).astype(np.float32)
    real[:, :2] = 0.25, -0.25
    theirs = real_tensors(tmp_path / "m.onnx", real)[graph.nodes[-1].output[0]]
    assert np.array_equal(network.dequantize(network.run(network.quantize(real))), theirs)


def refused(graph, path, *outputs):
    graph.save(path, *outputs)
    with pytest.raises(UnsupportedError) as found:
        import_onnx(path)
    return str(found.value)


def test_all_that_is_unsupported_is_named(tmp_path):
    graph = Graph(0, (3, 6, 6))
    y = graph.conv(graph.quant("x"), 3, 4)
    y = graph.add("LSTM", graph.add("Einsum", graph.add("Einsum", y), domain="other"), domain="")
    text = refused(graph, tmp_path / "m.onnx", y)
    assert "3 parts" in text and "Einsum: Einsum_" in text and "other.Einsum" in text
    assert "LSTM: LSTM_" in text and "use convolutions" in text


@pytest.mark.parametrize("case", REFUSED)
def test_a_way_out_is_said(case, tmp_path):
    make, said = REFUSED[case]
    graph = Graph(0, (3, 6, 6), "free")
    text = refused(graph, tmp_path / "m.onnx", make(graph))
    for part in said:
        assert part in text, text


def test_command(tmp_path):
    x = made(QONNX, "conv", 0, "free", tmp_path / "m.onnx")
    run = CliRunner().invoke
    done = run(app, ["import", str(tmp_path / "m.onnx"), "--check"])
    assert done.exit_code == 0 and "Nothing is written" in done.output
    done = run(app, ["import", str(tmp_path / "m.onnx"), "-o", str(tmp_path / "m.net")])
    assert done.exit_code == 0, done.output
    network = hwgen.load(tmp_path / "m.net")
    assert network == hwgen.import_onnx(tmp_path / "m.onnx")
    assert network.run(network.quantize(x)).shape == (64, 4, 4, 5)


@pytest.mark.parametrize("reader", ["onnx", "tflite"])
def test_readers_of_files_need_no_torch(reader):
    code = f"import sys, hwgen.importers.{reader}; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)

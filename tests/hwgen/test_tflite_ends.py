"""Both ends of TFLite files: real numbers, uint8, softmax, several inputs and outputs; int16."""

import numpy as np
import pytest

from hwgen import load
from hwgen.errors import HwgenError, UnsupportedError
from hwgen.importers.tflite import import_tflite
from hwgen.network import HostStep, Table
from support.tflite_files import Op, Tensor, reference, tflite_file
from support.tflite_maker import Maker
from support.tflite_networks import add, conv_2d, flatten, fully_connected


def softmax(make, x, beta=1.0):
    """Add a softmax."""
    out = make.tensor(tuple(x.shape), 1 / 256)
    out.zero_point = -128
    return make.add("SOFTMAX", [x], out, Beta=beta)


def real(make, shape):
    """Return a tensor of real numbers."""
    made = Tensor(f"t{len(make.tensors)}", shape, None, 0, "FLOAT32")
    make.tensors.append(made)
    return made


def bytes_of(shape, count=40, seed=0):
    return np.random.default_rng(seed).integers(-128, 128, (count, *shape[1:]))


@pytest.mark.parametrize("seed", range(4))
def test_the_host_makes_the_softmax_of_the_file(seed, tmp_path):
    make = Maker(seed, tmp_path / "a.tflite")
    beta = float(np.float32(make.rng.uniform(0.1, 3)))
    made = make.made(softmax(make, fully_connected(make, make.entry(11)), beta))
    network, x = import_tflite(made.path), bytes_of(made.inputs[0])
    (end,) = network.ends
    theirs = reference(made.path, x)[end.name].astype(np.int64)
    y = network.run(x)
    assert np.array_equal(network.dequantize(y) * 256, theirs + 128), f"seed {seed}"
    assert end.steps[0].kind == "int8_softmax" and end.steps[0].numbers[1] == beta
    network.save(tmp_path / "a.net")
    assert np.array_equal(load(tmp_path / "a.net").dequantize(y) * 256, theirs + 128)


def test_the_softmax_of_pixels_goes_along_channels(tmp_path):
    make = Maker(0, tmp_path / "a.tflite")
    made = make.made(softmax(make, conv_2d(make, make.entry(5, 4, 3))))
    network, x = import_tflite(made.path), bytes_of(made.inputs[0])
    theirs = reference(made.path, x)[network.ends[0].name].astype(np.int64)
    y = network.dequantize(network.run(x.transpose(0, 3, 1, 2)))
    assert np.array_equal(y.transpose(0, 2, 3, 1) * 256, theirs + 128)


def test_a_logistic_at_the_end_is_a_table(tmp_path):
    make = Maker(0, tmp_path / "a.tflite")
    out = make.tensor((1, 4), 1 / 256)
    out.zero_point = -128
    x = make.entry(4)
    made = make.made(make.add("LOGISTIC", [x], out))
    network, q = import_tflite(made.path), bytes_of((1, 4), 300)
    assert isinstance(network[network.ends[0].node].op, Table)
    assert np.array_equal(network.run(q), reference(made.path, q)[out.name])


@pytest.mark.parametrize("with_softmax", [False, True])
def test_real_numbers_enter_and_leave(with_softmax, tmp_path):
    make = Maker(1, tmp_path / "a.tflite")
    entry = real(make, (1, 6, 5, 3))
    make.entries.append(entry)
    x = make.add("QUANTIZE", [entry], make.tensor((1, 6, 5, 3)))
    y = conv_2d(make, x)
    if with_softmax:
        y = softmax(make, y)
    out = make.add("DEQUANTIZE", [y], real(make, tuple(y.shape)))
    made = make.made(out)
    network = import_tflite(made.path)
    numbers = np.random.default_rng(0).normal(0, 3, (20, 6, 5, 3)).astype(np.float32)
    theirs = reference(made.path, numbers)
    assert list(network.inputs) == [entry.name] and list(network.outputs) == [out.name]
    q = theirs[x.name].transpose(0, 3, 1, 2)
    assert np.array_equal(network.quantize(numbers.transpose(0, 3, 1, 2)), q)
    found = network.dequantize(network.run(q)).transpose(0, 2, 3, 1)
    assert np.array_equal(found.astype(np.float32), theirs[out.name])


def test_uint8_enters_and_leaves(tmp_path):
    make = Maker(2, tmp_path / "a.tflite")
    entry = make.entry(6, 5, 3)
    entry.type, entry.zero_point = "UINT8", 100
    x = make.add("QUANTIZE", [entry], make.tensor((1, 6, 5, 3), entry.scale))
    x.zero_point = -28
    y = conv_2d(make, x)
    out = make.tensor(tuple(y.shape))
    out.type, out.zero_point = "UINT8", 17
    made = make.made(make.add("QUANTIZE", [y], out))
    q = bytes_of(made.inputs[0]) + 128
    theirs = reference(made.path, q)[out.name]
    ours = import_tflite(made.path).run(q.transpose(0, 3, 1, 2))
    assert np.array_equal(ours.transpose(0, 2, 3, 1), theirs)


def test_several_inputs_and_outputs(tmp_path):
    make = Maker(3, tmp_path / "a.tflite")
    a, b = make.entry(4, 4, 2), make.entry(4, 4, 2)
    total = add(make, a, b)
    flat = flatten(make, total)
    made = make.made(fully_connected(make, flat), total, flat)
    network = import_tflite(made.path)
    assert len(network.inputs) == 2 and len(network.outputs) == 3
    xs = bytes_of(made.inputs[0], seed=1), bytes_of(made.inputs[1], seed=2)
    theirs = reference(made.path, *xs)
    y = network.run(tuple(x.transpose(0, 3, 1, 2) for x in xs))
    for name, found in y.items():
        expected = theirs[name]
        if expected.ndim == 4:
            expected = expected.transpose(0, 3, 1, 2)
        assert np.array_equal(found, expected), name


def int16_file(kind, seed, path):
    """Write a convolution of int16 with weights of int8."""
    rng = np.random.default_rng(seed)
    shape, axis, outs = ((3, 3, 2, 4), 0, 3) if kind == "CONV_2D" else ((1, 3, 2, 4), 3, 4)
    x = Tensor("x", (1, 6, 5, 4), float(np.float32(rng.uniform(0.0005, 0.002))), 0, "INT16")
    scales = np.float32(rng.uniform(0.002, 0.02, outs))
    w = Tensor("w", shape, scales, 0, "INT8", rng.integers(-127, 128, shape), axis)
    data = rng.integers(-30000, 30000, outs)
    b = Tensor("b", (outs,), x.scale * scales, 0, "INT64", data)
    y = Tensor("y", (1, 6, 5, outs), 0.01, 0, "INT16")
    options = {"StrideH": 1, "StrideW": 1, "Padding": 0}
    if kind != "CONV_2D":
        options["DepthMultiplier"] = 1
    ops = [Op(kind, ["x", "w", "b"], ["y"], options)]
    return tflite_file(path, [x, w, b, y], ops, ["x"], ["y"])


@pytest.mark.parametrize("kind", ["CONV_2D", "DEPTHWISE_CONV_2D"])
def test_int16_is_rounded_as_accumulators_of_64_bits_are(kind, tmp_path):
    for seed in range(3):
        path = int16_file(kind, seed, tmp_path / "a.tflite")
        x = np.random.default_rng(seed).integers(-32768, 32768, (20, 6, 5, 4))
        ours = import_tflite(path).run(x.transpose(0, 3, 1, 2))
        assert np.array_equal(ours.transpose(0, 2, 3, 1), reference(path, x)["y"]), f"seed {seed}"


def far_apart(make):
    a, b = make.entry(2, 2, 1), make.entry(2, 2, 1)
    a.scale, b.scale = 1.0, 1e-6
    return add(make, a, b)


def two_grids(make):
    a, b = make.entry(2, 2, 1), make.entry(2, 2, 1)
    b.scale = a.scale * 2
    out = make.tensor((1, 2, 2, 2), a.scale)
    out.zero_point = a.zero_point = b.zero_point
    return make.add("CONCATENATION", [a, b], out, Axis=3)


def batched(make):
    x = make.entry(4)
    x.shape = (2, 4)
    return fully_connected(make, x)


REFUSED = {
    "a softmax before other operators": lambda m: fully_connected(
        m, softmax(m, fully_connected(m, m.entry(6)))
    ),
    "a ADD of scales that are too far apart": far_apart,
    "an output of another scale": two_grids,
    r"a tensor of shape \(2, 4\)": batched,
    "a tensor of FLOAT32": lambda m: m.add(
        "RELU", [m.add("DEQUANTIZE", [m.entry(4)], real(m, (1, 4)))], real(m, (1, 4))
    ),
    "an input of real numbers": lambda m: (
        lambda x: (m.entries.append(x), m.add("RELU", [x], real(m, (1, 4))))[1]
    )(real(m, (1, 4))),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_has_no_integer_meaning_is_refused(message, tmp_path):
    make = Maker(0, tmp_path / "a.tflite")
    made = make.made(REFUSED[message](make))
    with pytest.raises(UnsupportedError, match=message):
        import_tflite(made.path)


def test_a_step_of_a_softmax_needs_what_the_reference_needs():
    with pytest.raises(HwgenError, match="must be above"):
        HostStep("int8_softmax", 0, (1e-9, 1.0))

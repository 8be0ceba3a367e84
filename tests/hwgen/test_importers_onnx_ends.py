"""ONNX files of several inputs and outputs, and what the host makes of these."""

import warnings

import numpy as np
import pytest
from onnx import TensorProto, helper

import hwgen
from hwgen.errors import HwgenWarning, UnsupportedError
from hwgen.importers.onnx import import_onnx
from support.onnx_graphs import BATCH, Graph, real_tensors
from support.whole import planned

NEAR = 1e-12  # float64 beside float64, of functions that are not rational


def imported(path):
    with warnings.catch_warnings():
        warnings.simplefilter("error", HwgenWarning)
        return import_onnx(path)


@pytest.mark.parametrize("axis", [-1, 1, 2])
@pytest.mark.parametrize("kind", ["Softmax", "LogSoftmax", "Sigmoid"])
def test_what_the_host_makes_of_an_output(kind, axis, tmp_path):
    graph = Graph(0, (3, 6, 7), "two")
    y = graph.quant(graph.conv(graph.quant("x", 5, -3), 3, 4), 6, -3)
    graph.save(
        tmp_path / "m.onnx", graph.add(kind, y, **({"axis": axis} if kind != "Sigmoid" else {}))
    )
    network = imported(tmp_path / "m.onnx")
    (end,) = network.ends
    assert end.name == graph.nodes[-1].output[0]
    x = graph.rng.normal(0, 1.2, (BATCH, 3, 6, 7)).astype(np.float32)
    integers = network.quantize(x)
    exact = real_tensors(tmp_path / "m.onnx", np.float32(network.input.scale * integers))
    y = network.run(integers)
    assert np.array_equal(y * network.output.scale, exact[graph.nodes[-1].input[0]])
    apart = np.abs(network.dequantize(y) - exact[end.name])
    assert apart.max() < NEAR * 64


def test_a_sigmoid_and_a_softmax_behind_it(tmp_path):
    graph = Graph(0, (12,), "two")
    y = graph.add("Sigmoid", graph.quant(graph.linear(graph.quant("x", 4, -2), 12, 5), 6, -2))
    graph.save(tmp_path / "m.onnx", graph.add("Softmax", y))
    (end,) = imported(tmp_path / "m.onnx").ends
    assert [str(step) for step in end.steps] == ["sigmoid", "softmax(0)"]


def test_a_softmax_of_an_older_file(tmp_path):
    """Before opset 13 it went along all axes from the first, which for features is the same."""
    graph = Graph(0, (3, 6, 7), "two", opset=11)
    y = graph.quant("x", 5, -3)
    graph.save(tmp_path / "m.onnx", graph.add("Softmax", graph.add("Flatten", y)))
    assert str(import_onnx(tmp_path / "m.onnx").ends[0].steps[0]) == "softmax(0)"
    graph.nodes.pop()
    graph.save(tmp_path / "m.onnx", graph.add("Softmax", y))
    with pytest.raises(UnsupportedError, match="along several axes"):
        import_onnx(tmp_path / "m.onnx")


def made_of_two(path, channels_last=False):
    """Write a file of two inputs and two outputs."""
    graph = Graph(0, (3, 6, 7), "two")
    more = helper.make_tensor_value_info("more", TensorProto.FLOAT, (BATCH, 4))
    a = graph.quant("x", 5, -3)
    b = graph.add("Reshape", graph.quant("more", 4, -2), graph.constant([0, 4, 1, 1], np.int64))
    y = graph.quant(graph.add("Mul", graph.quant(graph.conv(a, 3, 4), 4, -2), b), 5, -3)
    first = graph.add("Sigmoid", graph.quant(graph.conv(y, 4, 3), 6, -3))
    flat = graph.add("Flatten", graph.add("Transpose", y, perm=[0, 2, 3, 1]))
    model = graph.model(first, flat)
    model.graph.input.append(more)
    path.write_bytes(model.SerializeToString())
    return graph, first, flat


def test_several_inputs_and_outputs(tmp_path):
    graph, first, flat = made_of_two(tmp_path / "m.onnx")
    network = imported(tmp_path / "m.onnx")
    assert list(network.inputs) == ["x", "more"] and list(network.outputs) == [first, flat]
    assert {str(t.format) for t in network.inputs.values()} == {"int5", "int4"}
    reals = {
        name: graph.rng.normal(0, 1.2, (BATCH, *t.shape)) for name, t in network.inputs.items()
    }
    integers = network.quantize(reals)
    given = {name: integers[name] * network.inputs[name].scale for name in reals}
    exact = real_tensors(tmp_path / "m.onnx", given)
    y = network.run(integers)
    assert np.array_equal(y[first] * network.outputs[first].scale, exact[graph.nodes[-3].input[0]])
    assert np.array_equal(network.dequantize(y)[flat], exact[flat])  # in the file's order
    assert np.abs(network.dequantize(y)[first] - exact[first]).max() < NEAR


@pytest.mark.slow
def test_several_inputs_and_outputs_in_hardware(tmp_path):
    graph, *_ = made_of_two(tmp_path / "m.onnx")
    network = imported(tmp_path / "m.onnx")
    package = hwgen.generate(planned(network), tmp_path / "package")
    x = network.quantize(
        {name: graph.rng.normal(0, 1.2, (3, *t.shape)) for name, t in network.inputs.items()}
    )
    result = package.simulate(x, simulator="icarus", stalls=0.3, seed=1)
    assert result.equal, result.first_difference

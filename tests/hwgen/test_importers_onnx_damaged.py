"""ONNX files that are damaged, or made to do harm: one error that says where, and nothing else."""

import copy
import time
import tracemalloc
import warnings

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from hwgen.errors import HwgenError, HwgenWarning, StoreError, UnsupportedError
from hwgen.importers.onnx import import_onnx
from support.onnx_graphs import DOMAIN, Graph
from support.onnx_networks import NETWORKS, made

MOST_SECONDS = 20
MOST_BYTES = 1 << 28  # of files of a few kilobytes
FAST, ALL = 30, 1500  # mutations of each file


def imported(path, what):
    """Import a file; whatever else comes of it than a network or an error is a failure."""
    began = time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", HwgenWarning)
            import_onnx(path)
    except HwgenError as error:
        assert str(error), what
    assert time.process_time() - began < MOST_SECONDS, what


def mutated(data, rng):
    """Return a file with bytes changed, left out, or put in twice."""
    data = bytearray(data)
    kind = rng.integers(5)
    at = int(rng.integers(len(data)))
    if kind == 0:
        return bytes(data[:at])
    if kind == 1:
        return bytes(data[:at] + data[at + int(rng.integers(1, 9)) :])
    if kind == 2:
        return bytes(data[:at] + data[max(0, at - int(rng.integers(1, 200))) :])
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(len(data)))
        data[at] = data[at] ^ (1 << int(rng.integers(8))) if kind == 3 else int(rng.integers(256))
    return bytes(data)


@pytest.mark.parametrize(
    "count", [FAST, pytest.param(ALL, marks=pytest.mark.slow)], ids=["fast", "all"]
)
@pytest.mark.parametrize("name", ["QONNX", "QDQ"])
def test_mutations(name, count, tmp_path):
    made(NETWORKS, name, 0, "free", tmp_path / "m.onnx")
    data = (tmp_path / "m.onnx").read_bytes()
    path = tmp_path / "mutated.onnx"
    for seed in range(count):
        path.write_bytes(mutated(data, np.random.default_rng(seed)))
        imported(path, f"{name}, seed {seed}")


def _values(rng):
    return rng.choice([-1, 0, 1, 2, 3, 65535, 1 << 31, (1 << 62) + 1])


def test_numbers_of_nodes(tmp_path):
    """Attributes and constants of any value."""
    made(NETWORKS, "QONNX", 0, "two", tmp_path / "m.onnx")
    whole = onnx.load(tmp_path / "m.onnx")
    for seed in range(FAST):
        rng = np.random.default_rng(seed)
        model = copy.deepcopy(whole)
        node = model.graph.node[int(rng.integers(len(model.graph.node)))]
        if node.attribute and rng.integers(2):
            attribute = node.attribute[int(rng.integers(len(node.attribute)))]
            if attribute.ints:
                attribute.ints[int(rng.integers(len(attribute.ints)))] = int(_values(rng))
            attribute.i = int(_values(rng))
        else:
            constants = model.graph.initializer
            tensor = constants[int(rng.integers(len(constants)))]
            array = onnx.numpy_helper.to_array(tensor).copy()
            wild = [np.nan, np.inf, -1, 0, 1e38, 1e-45, 17, 3.5]
            array.ravel()[:1] = rng.choice(wild)
            tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))
        onnx.save(model, tmp_path / "changed.onnx")
        imported(tmp_path / "changed.onnx", f"seed {seed}, {node.name}")


def error_of(model, path):
    onnx.save(model, path)
    with pytest.raises(StoreError) as found:
        import_onnx(path)
    assert str(found.value).startswith(f"{path}: ")
    return str(found.value)


def plain(*nodes):
    graph = Graph(0, (4,))
    graph.quant("x")
    graph.nodes += nodes
    return graph


def test_a_cycle(tmp_path):
    nodes = [
        helper.make_node("Relu", ["b"], ["a"], "first"),
        helper.make_node("Relu", ["a"], ["b"]),
    ]
    text = error_of(plain(*nodes).model("b"), tmp_path / "m.onnx")
    assert "first: input 'b' must be computed before it; a cycle" in text


def test_names_that_are_given_twice(tmp_path):
    graph = plain(helper.make_node("Relu", ["x"], ["quant0"], "again"))
    text = error_of(graph.model("quant0"), tmp_path / "m.onnx")
    assert "again: tensor 'quant0' is computed twice" in text
    model = plain().model("quant0")
    model.graph.initializer.append(model.graph.initializer[0])
    assert "constant is defined twice" in error_of(model, tmp_path / "m.onnx")


def test_no_other_file_is_read(tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(4))
    model = plain().model("quant0")
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret")
    (tmp_path / "folder").mkdir()
    text = error_of(model, tmp_path / "folder" / "m.onnx")
    assert "c0: constant lies in another file; save it in one file" in text


def test_sizes_are_not_believed(tmp_path):
    model = plain().model("quant0")
    model.graph.initializer[0].dims[:] = [1 << 40, 1 << 20]
    assert "must have at most" in error_of(model, tmp_path / "m.onnx")


@pytest.mark.parametrize("kind", ["ConstantOfShape", "Expand", "Gather", "Add"])
def test_no_more_memory_than_the_file_has(kind, tmp_path):
    graph = Graph(0, (4,))
    wide = graph.constant([1 << 13, 1 << 13], np.int64)
    if kind == "ConstantOfShape":
        graph.add(kind, wide)
    elif kind == "Expand":
        graph.add(kind, graph.constant(1.0), wide)
    elif kind == "Gather":
        graph.add(kind, graph.constant(np.ones(9000)), graph.constant(np.zeros(9000), np.int64))
    else:
        a, b = graph.constant(np.ones((9000, 1))), graph.constant(np.ones((1, 9000)))
        graph.add(kind, a, b)
    graph.quant("x")
    tracemalloc.start()
    text = error_of(graph.model(graph.nodes[-1].output[0]), tmp_path / "m.onnx")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert f"{kind}_0: a constant must have at most" in text
    assert most < MOST_BYTES


def test_many_constants_of_little(tmp_path):
    graph = Graph(0, (4,))
    wide = graph.constant([1 << 12, 1 << 12], np.int64)
    for _ in range(9):
        graph.add("Expand", graph.constant(1.0), wide)
    graph.quant("x")
    text = error_of(graph.model(graph.nodes[-1].output[0]), tmp_path / "m.onnx")
    assert "constants that are computed are too many" in text


def test_no_such_file(tmp_path):
    with pytest.raises(StoreError, match="there is no such file"):
        import_onnx(tmp_path / "m.onnx")
    (tmp_path / "m.onnx").write_text("not a model")
    with pytest.raises(StoreError, match="must be an ONNX file|damaged|must have a node"):
        import_onnx(tmp_path / "m.onnx")
    (tmp_path / "m.onnx").write_bytes(b"")
    with pytest.raises(StoreError, match="must have a node"):
        import_onnx(tmp_path / "m.onnx")


def test_ends_that_are_missing(tmp_path):
    model = plain().model("quant0")
    del model.graph.output[:]
    assert "graph must have an input and an output" in error_of(model, tmp_path / "m.onnx")
    model = plain(helper.make_node("Relu", ["quant0"], ["y"])).model("y")
    model.graph.input.append(helper.make_tensor_value_info("unused", TensorProto.FLOAT, (64, 4)))
    onnx.save(model, tmp_path / "m.onnx")
    with pytest.raises(HwgenError, match="unused: value is never used"):
        import_onnx(tmp_path / "m.onnx")


def test_subgraphs_are_not_looked_into(tmp_path):
    inner = plain().model("quant0").graph
    for _ in range(20):
        inner = (
            helper.make_graph(
                [helper.make_node("If", ["c"], ["y"], "if", then_branch=inner, else_branch=inner)],
                "inner",
                [],
                [helper.make_empty_tensor_value_info("y")],
            )
            if len(inner.SerializeToString()) < 1 << 16
            else inner
        )
    graph = plain(
        helper.make_node("If", ["quant0"], ["y"], "outer", then_branch=inner, else_branch=inner)
    )
    graph.save(tmp_path / "m.onnx", "y")
    with pytest.raises(UnsupportedError, match="If: outer"):
        import_onnx(tmp_path / "m.onnx")


def test_functions_of_the_model(tmp_path):
    model = plain().model("quant0")
    model.functions.add(name="f", domain=DOMAIN)
    assert "inline them" in error_of(model, tmp_path / "m.onnx")

"""Networks of several inputs and outputs, and what the host makes of outputs."""

import numpy as np
import pytest

from hwgen import load
from hwgen.errors import NetworkError, StoreError
from hwgen.formats import Fixed
from hwgen.network import Add, HostStep, Input, Linear, Network, Node, Output, Requantize
from hwgen.network.text import from_text, to_text
from hwgen.passes import PASSES
from support.ends import two_ends

STEPS = (
    *(HostStep(kind, 0) for kind in ("softmax", "log_softmax", "softmin")),
    *(HostStep(kind) for kind in ("sigmoid", "log_sigmoid")),
)
INT8 = HostStep("int8_softmax", 0, (0.14469251036643982, 1.0))


STEPS_OF_ENDS = [(), *((step,) for step in (*STEPS, INT8)), (STEPS[0], STEPS[3])]


def inputs_of(network, frames=3, seed=0):
    rng = np.random.default_rng(seed)
    return {
        name: rng.integers(x.format.lo, x.format.hi, (frames, *x.shape), endpoint=True)
        for name, x in network.inputs.items()
    }


def test_ends_have_names_and_values():
    network = two_ends()
    assert list(network.inputs) == ["image", "extra"] and list(network.outputs) == ["sum", "tap"]
    x = inputs_of(network)
    y = network.run(x)
    assert list(y) == ["sum", "tap"]
    traced = network.trace(x)
    for end in network.ends:
        assert np.array_equal(y[end.name], traced[end.node])
    in_order = network.run((x["image"], x["extra"]))
    assert all(np.array_equal(in_order[name], y[name]) for name in y)


def test_reals_go_by_name():
    network = two_ends()
    x = inputs_of(network)
    real = {name: (q - network.inputs[name].zero_point) * 0.5 for name, q in x.items()}
    again = network.quantize(real)
    assert all(np.array_equal(again[name], x[name]) for name in x)
    y = network.run(x)
    found = network.dequantize(y)
    for end in network.ends:
        t = network.tensors[end.node]
        assert np.array_equal(found[end.name], t.scale * (y[end.name] - t.zero_point))
    alone = network.dequantize(tuple(y.values()))
    assert all(np.array_equal(alone[name], found[name]) for name in found)


@pytest.mark.parametrize("name", PASSES)
def test_passes_keep_ends(name):
    network = two_ends(HostStep("softmax", 0))
    after = PASSES[name](network)
    assert after.ends == network.ends
    x = inputs_of(network)
    before, now = network.run(x), after.run(x)
    assert all(np.array_equal(before[key], now[key]) for key in before)


@pytest.mark.parametrize("steps", STEPS_OF_ENDS, ids=str)
def test_text_and_store_hold_ends(steps, tmp_path):
    network = two_ends(*steps)
    assert from_text(to_text(network)) == network
    network.save(tmp_path / "a.net")
    again = load(tmp_path / "a.net")
    assert again == network and again.ends == network.ends and again.digest == network.digest
    text = str(network)
    assert "output of" in text and all(str(step) in text for step in steps)


def test_networks_that_differ_in_ends_differ():
    one, other = two_ends(), two_ends(HostStep("sigmoid"))
    assert one != other and one.digest != other.digest
    assert Network(one.nodes, one.ends[::-1]) != one


def test_an_argument_that_is_no_such_end_is_named():
    network = two_ends()
    x = inputs_of(network)
    with pytest.raises(NetworkError, match="Network has 2 inputs: 'image', 'extra'; give a dict"):
        network.run(x["image"])
    with pytest.raises(NetworkError, match="Inputs must be 'image', 'extra', not 'image'"):
        network.run({"image": x["image"]})
    with pytest.raises(NetworkError, match="equally many frames, not {'image': 3, 'extra': 2}"):
        network.run({**x, "extra": x["extra"][:2]})
    with pytest.raises(NetworkError, match="Input 'extra' must have shape"):
        network.run({**x, "extra": x["extra"][:, :1]})
    for what in ("input", "output"):
        with pytest.raises(NetworkError, match=rf"2 {what}s, .*look one up in network.{what}s"):
            getattr(network, what)


def test_illegal_ends_are_refused():
    nodes = two_ends().nodes
    for ends, message in (
        (["sum", "nothing"], "output 'nothing': must be the value of a node"),
        (["sum", "tap", "image"], "output 'image': must be computed, not the input"),
        ([Output("a", "sum"), Output("a", "tap")], "a: name of two outputs"),
        (["sum", Output("b", "tap", (HostStep("softmax", 3),))], "Axis of softmax must be one of"),
        (["tap"], "sum: value is never used"),
    ):
        with pytest.raises(NetworkError, match=message):
            Network(nodes, ends)
    for kind, axis in (("tanh", None), ("softmax", None), ("sigmoid", 0), ("softmax", -1)):
        with pytest.raises(NetworkError, match=r"[Hh]ost step"):
            HostStep(kind, axis)
    for numbers in ((), (0.5,), (0.5, 0.0), (0.5, float("nan")), (1e-9, 1.0), ("1", 1.0), (1, 1)):
        with pytest.raises(NetworkError, match=r"int8_softmax must"):
            HostStep("int8_softmax", 0, numbers)
    with pytest.raises(NetworkError, match="softmax must have no numbers"):
        HostStep("softmax", 0, (1.0,))


def test_a_value_may_leave_twice():
    nodes = two_ends().nodes
    probabilities = Output("likely", "sum", (HostStep("softmax", 0),))
    network = Network(nodes, ["sum", "tap", probabilities])
    y = network.run(inputs_of(network))
    assert np.array_equal(y["sum"], y["likely"])
    real = network.dequantize(y)
    assert np.array_equal(real["likely"], HostStep("softmax", 0).apply(real["sum"]))


def test_broken_lines_of_outputs_are_named():
    text = to_text(two_ends(HostStep("softmax", 0)))
    for good, bad, message in (
        ('"kind": "softmax"', '"kind": "tanh"', "Host step must be one of"),
        ('"axis": 0', '"axis": 0.5', "must be an integer"),
        ('"axis": 0', '"axes": 0', "must each have a kind and an axis"),
        ('output "tap" = ', 'output "tap" : ', "output must be written as"),
    ):
        with pytest.raises(StoreError, match=message):
            from_text(text.replace(good, bad))


def test_host_steps_are_what_they_are_called():
    x = np.random.default_rng(0).normal(0, 5, (4, 7))
    powers = np.exp(x)
    expected = {
        "softmax": powers / powers.sum(1, keepdims=True),
        "log_softmax": x - np.log(powers.sum(1, keepdims=True)),
        "softmin": (1 / powers) / (1 / powers).sum(1, keepdims=True),
        "sigmoid": 1 / (1 + np.exp(-x)),
        "log_sigmoid": -np.log(1 + np.exp(-x)),
    }
    for step in STEPS:
        # a float reference in another order: near, not equal
        assert np.abs(step.apply(x) - expected[step.kind]).max() < 1e-12
        far = step.apply([[-1e307, 0.0, 1e307]])
        assert not np.isnan(far).any()


def test_host_steps_give_the_same_bits_in_any_layout():
    x = np.random.default_rng(1).normal(0, 3, (5, 9, 4, 3))
    for kind in ("softmax", "log_softmax", "softmin"):
        for axis in range(3):
            step = HostStep(kind, axis)
            y = step.apply(x)
            assert np.array_equal(step.apply(np.asfortranarray(x)), y)
            assert np.array_equal(step.apply(x[2:3]), y[2:3])


def test_one_end_stays_an_array():
    nodes = (
        Node("x", Input((2,), Fixed(4), [1.0])),
        Node("fc", Linear(np.eye(2, dtype=int), [0, 0], Fixed(2), [1.0]), ("x",)),
    )
    network = Network(nodes, [Output("probabilities", "fc", (HostStep("softmax", 0),))])
    y = network.run([[1, -2]])
    assert y.tolist() == [[1, -2]] and network.run({"x": [[1, -2]]}).tolist() == [[1, -2]]
    assert np.array_equal(network.dequantize(y), HostStep("softmax", 0).apply([[1.0, -2.0]]))
    assert network.dequantize({"probabilities": y}).shape == (1, 2)


def test_add_of_two_inputs():
    nodes = (
        Node("a", Input((2,), Fixed(4), [1.0])),
        Node("b", Input((2,), Fixed(4), [1.0])),
        Node("sum", Add((1, 1)), ("a", "b")),
        Node("out", Requantize([1], [0], Fixed(5), [1.0]), ("sum",)),
    )
    assert Network(nodes).run(([[1, 2]], [[3, -4]])).tolist() == [[4, -2]]

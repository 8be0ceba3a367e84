"""Binary values on wires of one bit: whatever takes them, and at the border."""

import json

import numpy as np
import pytest

import hwgen
from hwgen.errors import HwgenError
from hwgen.formats import Binary, Fixed, Ternary
from hwgen.network import (
    Add,
    AvgPool2d,
    Concat,
    Conv2d,
    Input,
    MaxPool2d,
    Network,
    Node,
    Requantize,
    Threshold,
)
from hwgen.package.stream_format import StreamFormat
from hwgen.planning.layers.elements import ElementEncoding, element_encoding_of, elements_of
from hwgen_rtl_templates.engine import EngineParameters
from hwgen_rtl_templates.mac import MacParameters
from support.networks import SIGNS, chain, random_input, random_network
from support.selection import some
from support.whole import FRAMES, check, planned, random_goal


def sign(rows=((0,),), scale=1.0):
    return Threshold(rows, Binary(), [scale], base=-1)


TERNARY = Ternary()


def binary_conv(rng, out, inputs, kernel=3, of=TERNARY):
    weight = rng.choice(of.levels, (out, inputs, kernel, kernel))
    return Conv2d(weight, rng.integers(-3, 4, out), of, [1.0], padding=(kernel // 2, kernel // 2))


def takers(seed=0):
    """Return a network in which everything that takes values takes binary ones: convolutions that
    pad, pools, a sum, a concatenation, a requantizer alone, an average."""
    rng = np.random.default_rng(seed)
    return Network(
        (
            Node("x", Input((4, 6, 6), Binary(), [1.0])),
            Node("conv", binary_conv(rng, 4, 4), ("x",)),
            Node("sign", sign([[0], [2], [-3], [1]]), ("conv",)),
            Node("pool", MaxPool2d(3, 1, 1), ("sign",)),
            Node("five", binary_conv(rng, 2, 4, 5), ("sign",)),
            Node("sign5", sign(), ("five",)),
            Node("concat", Concat(), ("pool", "sign5", "x")),
            Node("one", binary_conv(rng, 4, 10, 1, Fixed(3)), ("concat",)),
            Node("sign1", sign(scale=3.0), ("one",)),
            Node("add", Add((3, 1)), ("sign1", "sign")),
            Node("narrow", Requantize([2], [2], Fixed(4), [1.0]), ("add",)),
            Node("peak", MaxPool2d(2, 2), ("sign1",)),
            Node("scaled", Requantize([7], [2], Fixed(4), [2.0], 1), ("peak",)),
            Node("mean", AvgPool2d((2, 2), (2, 2)), ("pool",)),
            Node("rounded", Requantize([3], [2], Fixed(4), [2.0], 1), ("mean",)),
            Node("both", Concat(), ("scaled", "rounded")),
            Node("few", binary_conv(rng, 2, 8, 3), ("both",)),
            Node("more", MaxPool2d(2, 2), ("narrow",)),
            Node("last", binary_conv(rng, 2, 4, 3), ("more",)),
            Node("left", Requantize([1], [1], Fixed(5), [1.0]), ("few",)),
            Node("right", sign(scale=4.0), ("last",)),
            Node("all", Add((1, 4)), ("left", "right")),
        )
    )


def test_elements_of_a_binary_tensor():
    tensor = chain(Input((3,), Binary(), [0.5]), sign()).input
    assert element_encoding_of(tensor) == ElementEncoding(-1, 2)
    elements = elements_of(tensor)
    assert (elements.lo, elements.hi, elements.pad_value, elements.format) == (0, 1, 0, None)
    plain = chain(Input((3,), Fixed(3), [0.5], 2), sign()).input
    assert elements_of(plain) is plain and element_encoding_of(plain) == ElementEncoding()


def wire_widths(plan):
    """Yield, for each binary stream between layers and at the border, the bits of its elements."""
    for stage in plan.stages:
        if stage.layer.y_encoding != ElementEncoding():
            yield stage.output.bits
        if (
            isinstance(stage.core, EngineParameters)
            and stage.layer.x_encodings[0] != ElementEncoding()
        ):
            yield stage.core.window.bits
    if isinstance(plan.network.input.format, Binary):
        yield plan.inputs[0].bits


def test_every_taker_of_binary_values(tmp_path):
    plan = check(takers(1), tmp_path / "net", 1)
    assert set(wire_widths(plan)) == {1}


@pytest.mark.parametrize("seed", some(range(5), (4,)))
def test_random_binary(seed, tmp_path):
    plan = check(random_network(seed, SIGNS), tmp_path / "net", seed)
    assert set(wire_widths(plan)) <= {1}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 120))
def test_random_binary_at_length(seed, tmp_path):
    check(random_network(seed, SIGNS), tmp_path / "net", seed)


@pytest.mark.parametrize("seed", some(range(20), range(8)))
def test_arrays_of_binary_inputs_hold_their_sums_and_no_more(seed):
    """By extremes of every channel: the bits of sum w * x' over x' of 0 and 1, or fewer."""
    for stage in planned(random_network(seed, SIGNS), random_goal(seed)).stages:
        layer, path = stage.layer, getattr(stage.core, "datapath", None)
        if layer.weight is None or not isinstance(path, MacParameters):
            continue
        if layer.x_encodings[0] == ElementEncoding() or (layer.x.lo, layer.x.hi) != (0, 1):
            continue
        flat = layer.weight.reshape(layer.outputs, -1)
        lo = int(np.minimum(flat, 0).sum(axis=1).min())
        hi = int(np.maximum(flat, 0).sum(axis=1).max())
        bits = max((-lo - 1).bit_length() + 1, hi.bit_length() + 1) if lo < 0 else hi.bit_length()
        assert path.bits <= max(1, bits), f"seed {seed}, {layer.name}"


def test_border_of_a_binary_network(tmp_path):
    """Users give and get -1 and +1; a bit each travels, and the package says so."""
    rng = np.random.default_rng(5)
    network = chain(Input((3, 4, 4), Binary(), [1.0]), binary_conv(rng, 5, 3), sign())
    plan = planned(network, random_goal(5))
    package = hwgen.generate(plan, tmp_path / "net")
    manifest = json.loads((tmp_path / "net" / "manifest.json").read_text())
    for name in ("inputs", "outputs"):
        found = {key: manifest[name][0][key] for key in ("bits", "signed", "base", "step", "range")}
        assert found == {"bits": 1, "signed": False, "base": -1, "step": 2, "range": [-1, 1]}
    assert ": 0 for -1, and 1 for +1." in (tmp_path / "net" / "README.md").read_text()
    x = random_input(network, FRAMES, 5)
    result = package.simulate(x, simulator="icarus", timeout=300)
    assert result.equal and set(np.unique(result.outputs)) == {-1, 1}
    with pytest.raises(HwgenError):
        package.simulate(0 * x, simulator="icarus", timeout=300)


def test_beats_of_binary_values():
    stream = StreamFormat(4, 1, False, 8, (6,), (6, 1, 1), -1, 2)
    values = np.array([[1, -1, -1, 1, 1, -1]])
    assert (stream.lo, stream.hi) == (-1, 1)
    assert stream.pack(values).hex() == "0901"
    got, unknown = stream.unpack(["09", "x1"])
    assert np.array_equal(got, values) and not unknown[0, :4].any()

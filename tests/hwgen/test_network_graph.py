import numpy as np
import pytest

from hwgen.errors import NetworkError
from hwgen.formats import Fixed
from hwgen.network import (
    Add,
    AvgPool2d,
    Concat,
    Conv2d,
    Flatten,
    Input,
    Linear,
    MaxPool2d,
    Network,
    Node,
    Requantize,
    Threshold,
)
from hwgen.network.ops import same_op
from support.networks import CHAIN, GRAPH, random_input, random_network

INPUT = Input((1, 4, 4), Fixed(4), [0.5], 1)


def test_nodes_by_name_users_and_ends():
    network = Network((Node("a.b c;", INPUT), Node("always", Flatten(), ("a.b c;",))))
    assert network["always"].inputs == ("a.b c;",)
    assert network.users("a.b c;") == (network["always"],)
    assert network.users("always") == ()
    assert network.input.shape == (1, 4, 4) and network.output.shape == (16,)


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ((), "must have at least an input and one op"),
        ((Node("x", INPUT),), "x: network must have at least one op after its input"),
        ((Node("x", Flatten()),), "x: the first node must be an Input"),
        ((Node("x", INPUT), Node("y", INPUT)), "output .y.: must be computed, not the input"),
        ((Node("x", INPUT), Node("x", Flatten(), ("x",))), "x: name is used twice"),
        ((Node("x", INPUT), Node("y", Flatten(), ("y",))), "y: input 'y' must be a node that"),
        ((Node("x", INPUT), Node("", Flatten(), ("x",))), "must be a text of 1 to 200"),
        ((Node("x", INPUT), Node("y" * 201, Flatten(), ("x",))), "must be a text of 1 to 200"),
        ((Node("x", INPUT), Node(3, Flatten(), ("x",))), "must be a text of 1 to 200"),
        ((Node("x", INPUT), Node("y", Flatten(), ())), "y: Number of inputs must be 1, not 0"),
        ((Node("x", INPUT), Node("y", "relu", ("x",))), "y: Op must be one of hwgen's, not str"),
        (
            (Node("x", INPUT), Node("y", Flatten(), ("x",)), Node("z", Flatten(), ("x",))),
            "y: value is never used",
        ),
        (
            (
                Node("x", INPUT),
                Node("y", Flatten(), ("x",)),
                Node("z", Flatten(), ("x",)),
                Node("s", Add(), ("x", "y")),
            ),
            r"s: Inputs must have the shape of the first, .* not \(1, 4, 4\) and \(16,\)",
        ),
        (
            (
                Node("x", INPUT),
                Node("y", MaxPool2d(1, 1), ("x",)),
                Node("z", MaxPool2d(1, 1), ("x",)),
                Node("s", Add(), ("x", "y")),
            ),
            "z: value is never used",
        ),
        (
            (Node("x", INPUT), Node("s", Add(), ("x", "later")), Node("later", Flatten(), ("x",))),
            "s: input 'later' must be a node that comes before it",
        ),
    ],
)
def test_graphs_that_break_a_rule_name_the_node(nodes, message):
    with pytest.raises(NetworkError, match=message):
        Network(nodes)


def test_equality_looks_into_arrays():
    a, b = random_network(3), random_network(3)
    assert a == b and a != random_network(4) and a != "network"
    conv = a["conv1"].op
    weight = conv.weight.copy()
    weight[0, 0, 0, 0] += 1 if weight[0, 0, 0, 0] <= 0 else -1
    changed = Conv2d(
        weight,
        conv.bias,
        conv.weight_format,
        conv.weight_scale,
        conv.stride,
        conv.padding,
        conv.dilation,
    )
    assert not same_op(conv, changed)
    assert a != a.map(lambda n: Node(n.name, changed, n.inputs) if n.name == "conv1" else n)
    with pytest.raises(TypeError, match="unhashable"):
        hash(a)


def test_a_pass_is_verified():
    with pytest.raises(
        NetworkError, match="requantize1: Multiplier must be one number or 63, not 7"
    ):
        random_network(3).map(
            lambda n: Node(n.name, Flatten(), n.inputs) if n.name == "conv1" else n
        )


def test_real_inputs_become_integers_and_back():
    network = Network((Node("in", Input((3,), Fixed(4), [0.5], 1)), Node("o", Flatten(), ("in",))))
    real = [[0.0, 0.25, -0.25], [0.7, 1e9, -np.inf]]
    assert network.quantize(real).tolist() == [[1, 2, 1], [2, 7, -8]]
    assert network.dequantize([[1, 2, 1]]).tolist() == [[0.0, 0.5, 0.0]]
    for bad, message in ((np.zeros((2, 4)), "shape"), ([[np.nan, 0, 0]], "NaN")):
        with pytest.raises(NetworkError, match=message):
            network.quantize(bad)
    with pytest.raises(NetworkError, match="shape"):
        network.dequantize(np.zeros((2, 4)))


def test_users_of_a_fork_come_in_order_and_once():
    network = Network(
        (
            Node("x", INPUT),
            Node("p", MaxPool2d(1, 1), ("x",)),
            Node("s", Add(), ("x", "x")),
            Node("r", Requantize([1], [0], Fixed(4), [0.5], 1), ("s",)),
            Node("y", Concat(), ("x", "p", "r")),
        )
    )
    assert [node.name for node in network.users("x")] == ["p", "s", "y"]
    assert network.output.shape == (3, 4, 4)


def test_quantize_feeds_run():
    for seed in range(20):
        network = random_network(seed, (CHAIN, GRAPH)[seed % 2])
        x = random_input(network, 3, seed)
        tensor = network.input
        assert np.array_equal(network.quantize(tensor.scale[0] * (x - tensor.zero_point)), x), (
            f"seed {seed}"
        )


LINEAR = {"weight": [[1, 2]], "bias": [0], "weight_format": Fixed(4), "weight_scale": [1.0]}
CONV = {**LINEAR, "weight": np.ones((6, 2, 1, 1)), "bias": [0] * 6}
STEPS = {"thresholds": [[1, 1, 3]], "format": Fixed(4), "scale": [1.0]}
WINDOW = {"kernel": 2, "stride": 2}
SHAPE = {"shape": (1, 4, 4), "format": Fixed(4), "scale": [1.0]}
SCALING = {"multiplier": [1], "shift": [0], "format": Fixed(4), "scale": [1.0]}


@pytest.mark.parametrize(
    ("op", "fields", "changes", "message"),
    [
        (Linear, LINEAR, {"weight": [[1, np.nan]]}, "Weight must be integers, without NaN"),
        (Linear, LINEAR, {"weight": [[1, 0.5]]}, "Weight must be integers"),
        (Linear, LINEAR, {"weight": [["a", "b"]]}, "Weight must be integers"),
        (Linear, LINEAR, {"weight": [[1, 2], [3]]}, "Weight must be one array, not rows of unlike"),
        (Linear, LINEAR, {"weight": [[1, 8]]}, "Weights must lie in the range of int4"),
        (Linear, LINEAR, {"weight": np.zeros((0, 2))}, "Weight must not be empty"),
        (Linear, LINEAR, {"bias": [0, 0]}, "Bias must have 1 values, not 2"),
        (Linear, LINEAR, {"bias": [2**62]}, r"Bias must be smaller than 2\*\*62"),
        (Linear, LINEAR, {"bias": [1e19]}, r"Bias must be smaller than 2\*\*62"),
        (Linear, LINEAR, {"bias": np.array([2**64 - 1], np.uint64)}, "Bias must be smaller than"),
        (Linear, LINEAR, {"bias": np.array([-(2**63)])}, "Bias must be smaller than"),
        (Linear, LINEAR, {"weight_scale": [np.nan]}, "Weight scale must be positive and finite"),
        (Linear, LINEAR, {"weight_scale": ["a"]}, "Weight scale must be numbers"),
        (Linear, LINEAR, {"weight_scale": [1, 1]}, "Weight scale must be one number or 1, not 2"),
        (Linear, LINEAR, {"weight_format": "int4"}, "Weight format must be a number format such"),
        (Input, SHAPE, {"shape": 4}, "Input shape must be"),
        (Input, SHAPE, {"shape": (1, 4, 4, 4)}, "Input shape must be"),
        (Input, SHAPE, {"shape": (0,)}, "Input shape must be"),
        (Input, SHAPE, {"shape": (True,)}, "Input shape must be"),
        (Input, SHAPE, {"shape": (2**21,)}, "Input must have at most"),
        (Input, SHAPE, {"shape": (1, 2**15, 2**15)}, "Input must have at most"),
        (Input, SHAPE, {"format": 4}, "Input format must be a number format"),
        (Input, SHAPE, {"scale": [1.0, 2.0]}, "Input scale must be a single number"),
        (Input, SHAPE, {"scale": 0.0}, "Input scale must be positive"),
        (Input, SHAPE, {"zero_point": 0.5}, "Zero point must be an integer"),
        (Requantize, SCALING, {"multiplier": [0]}, r"Multipliers must lie in \[1, 2\*\*31\)"),
        (Requantize, SCALING, {"multiplier": [2**31]}, r"Multipliers must lie in"),
        (Requantize, SCALING, {"shift": [63]}, r"Shifts must lie in \[0, 62\]"),
        (Requantize, SCALING, {"shift": [-1]}, r"Shifts must lie in \[0, 62\]"),
        (Requantize, SCALING, {"multiplier": [1, 1], "shift": [1] * 3}, "as many as each other"),
        (Requantize, SCALING, {"rounding": "floor"}, "Rounding must be one of half_up, half_even"),
        (Requantize, SCALING, {"lo": 3, "hi": 2}, r"Clamp must lie in the range of int4"),
        (Requantize, SCALING, {"hi": 8}, r"Clamp must lie in the range of int4"),
        (Requantize, SCALING, {"format": None}, "Output format must be a number format"),
        (
            MaxPool2d,
            {"kernel": 2, "stride": 2},
            {"kernel": 0},
            "Kernel must be one or two integers",
        ),
        (MaxPool2d, {"kernel": 2, "stride": 2}, {"stride": (1, 2, 3)}, "Stride must be one or two"),
        (Conv2d, CONV, {"groups": 4}, "Groups must divide the 6 output channels, not 4"),
        (Conv2d, CONV, {"groups": 0}, "Groups must divide the 6 output channels, not 0"),
        (Conv2d, CONV, {"groups": -2}, "Groups must divide the 6 output channels, not -2"),
        (Conv2d, CONV, {"groups": 2.0}, "Groups must be an integer, not 2.0"),
        (AvgPool2d, WINDOW, {"kernel": (0, 1)}, "Kernel must be one or two integers of at least 1"),
        (AvgPool2d, WINDOW, {"stride": 0}, "Stride must be one or two integers of at least 1"),
        (AvgPool2d, WINDOW, {"padding": -1}, "Padding must be one or two integers of at least 0"),
        (AvgPool2d, WINDOW, {"padding": ((1, 1), -1)}, "Padding must be one or two integers"),
        (MaxPool2d, WINDOW, {"padding": 3}, r"Padding of a maximum must be less .* span 2, not"),
        (Add, {}, {"multipliers": (0, 1)}, r"must not be zero, and of magnitudes below 2\*\*15"),
        (Add, {}, {"multipliers": (1, -(2**15))}, "must not be zero, and of magnitudes below"),
        (Add, {}, {"multipliers": (1,)}, "Multipliers of a sum must be 2 to 1024 integers"),
        (Add, {}, {"multipliers": (1, 1.0)}, "Multiplier of a sum must be an integer, not 1.0"),
        (Add, {}, {"multipliers": 2}, "Multipliers of a sum must be 2 to 1024 integers, not 2"),
        (Add, {}, {"factors": [1.0, 2.0, 1.0]}, "Factors of a sum must be one number or 2, not 3"),
        (Add, {}, {"factors": [0.0]}, "Factors of a sum"),
        (Threshold, STEPS, {"thresholds": [1, 2]}, "Thresholds must have 2 dimensions, not 1"),
        (Threshold, STEPS, {"thresholds": [[2, 1]]}, "Thresholds must ascend along their last"),
        (Threshold, STEPS, {"thresholds": [[1, 2], [2, 1]]}, "Thresholds must ascend"),
        (Threshold, STEPS, {"thresholds": [[-(2**62), 2**62, -1]]}, "Thresholds must ascend"),
        (Threshold, STEPS, {"thresholds": [[]]}, r"Thresholds must not be empty, not of shape"),
        (Threshold, STEPS, {"thresholds": np.zeros((0, 2))}, "Thresholds must not be empty"),
        (Threshold, STEPS, {"thresholds": [[1, np.inf]]}, "Thresholds must be integers, without"),
        (
            Threshold,
            STEPS,
            {"thresholds": [[2**62 + 1]]},
            r"Thresholds must be smaller than 2\*\*62",
        ),
        (Threshold, STEPS, {"thresholds": [[1], [1, 2]]}, "Thresholds must be one array"),
        (
            Threshold,
            STEPS,
            {"base": 5},
            r"must lie in the range of int4, not \[5, 8\] \(base and 3",
        ),
        (Threshold, STEPS, {"base": -9}, r"must lie in the range of int4, not \[-9, -6\]"),
        (Threshold, STEPS, {"base": None}, "Base must be an integer"),
        (Threshold, STEPS, {"scale": [1, 1]}, "Output scale of thresholds must be a single number"),
        (Threshold, STEPS, {"format": "int4"}, "Output format must be a number format"),
        (Threshold, STEPS, {"zero_point": 1.5}, "Zero point must be an integer"),
        (
            MaxPool2d,
            {"kernel": 2, "stride": 2},
            {"padding": (2, 0)},
            "Padding of a maximum must be",
        ),
    ],
)
def test_ops_refuse_what_they_cannot_mean(op, fields, changes, message):
    op(**fields)
    with pytest.raises(NetworkError, match=message):
        op(**{**fields, **changes})


def test_equality_looks_at_places():
    """The same numbers in another order are another op, as are others of the same sum."""
    weight = [[1, 2], [3, 4]]
    op = Linear(weight, [5, 6], Fixed(4), [0.5, 0.25])
    assert same_op(op, Linear(weight, [5, 6], Fixed(4), [0.5, 0.25]))
    for changes in (
        {"weight": [[2, 1], [3, 4]]},
        {"bias": [6, 5]},
        {"weight_scale": [0.25, 0.5]},
        {"weight_format": Fixed(5)},
    ):
        fields = {"weight": weight, "bias": [5, 6], "weight_format": Fixed(4)}
        fields |= {"weight_scale": [0.5, 0.25], **changes}
        assert not same_op(op, Linear(**fields)), changes

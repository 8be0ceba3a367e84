"""Small networks of several inputs and outputs."""

from dataclasses import replace

import numpy as np

from hwgen.formats import Fixed
from hwgen.network import (
    Add,
    ArgMax,
    Conv2d,
    Flatten,
    Input,
    Linear,
    Network,
    Node,
    Output,
    Requantize,
)
from support.networks import GRAPH, random_network


def two_ends(*steps, side=4, channels=3):
    """Return a network of two inputs, joined by an addition, and two outputs: the sum, and a tap
    before it whose value is used inside as well, with host steps."""
    rng = np.random.default_rng(7)
    of = Fixed(4)

    def conv(inputs, kernel):
        weight = rng.integers(-3, 4, (channels, inputs, kernel, kernel))
        bias = rng.integers(-20, 20, channels)
        return Conv2d(weight, bias, Fixed(3), [0.25], padding=(kernel // 2, kernel // 2))

    def requantize():
        return Requantize([3], [5], of, [0.5])

    nodes = (
        Node("image", Input((2, side, side), of, [0.5])),
        Node("conv", conv(2, 3), ("image",)),
        Node("tap", requantize(), ("conv",)),
        Node("extra", Input((channels, side, side), of, [0.5], zero_point=1)),
        Node("side", conv(channels, 1), ("extra",)),
        Node("side_q", requantize(), ("side",)),
        Node("join", Add((1, 1)), ("tap", "side_q")),
        Node("sum", Requantize([1], [1], of, [1.0]), ("join",)),
    )
    return Network(nodes, ["sum", Output("tap", "tap", steps)])


def random_ends(seed, inputs=None, taps=None, kind=GRAPH, **changes):
    """Return a random network of some inputs, each with layers of its own, which a sum joins now
    and then, and of some outputs more than that: inner values."""
    rng = np.random.default_rng([seed, 1])
    inputs = int(rng.integers(1, 4)) if inputs is None else inputs
    changes = {"layers": 2, "channels": 4, **changes}
    nodes, ends, sums = [], [], []
    for part in range(inputs):
        network = random_network(seed + 1000 * part, kind, **changes)
        renamed = {node.name: f"{node.name} of {part}" for node in network.nodes}
        nodes += [
            replace(node, name=renamed[node.name], inputs=tuple(renamed[n] for n in node.inputs))
            for node in network.nodes
        ]
        last, y = nodes[-1].name, network.output
        if y.format is None or isinstance(nodes[-1].op, ArgMax) or rng.random() < 0.3:
            ends.append(last)
            continue
        size = int(np.prod(y.shape))
        weight, bias = rng.integers(-3, 4, (3, size)), rng.integers(-20, 20, 3)
        nodes += [
            Node(f"flat {part}", Flatten(), (last,)),
            Node(f"linear {part}", Linear(weight, bias, Fixed(3), [1.0]), (f"flat {part}",)),
            Node(f"summand {part}", _down(seed), (f"linear {part}",)),
        ]
        sums.append(f"summand {part}")
    while len(sums) > 1:
        a, b, *sums = sums
        nodes += [
            Node(f"{a} + {b}", Add((1, 1)), (a, b)),
            Node(f"sum of {a}", _down(seed), (f"{a} + {b}",)),
        ]
        sums.append(f"sum of {a}")
    ends += sums
    inner = [node.name for node in nodes if node.inputs and node.name not in ends]
    taps = int(rng.integers(0, 3)) if taps is None else taps
    chosen = rng.choice(inner, min(taps, len(inner)), replace=False).tolist()
    return Network(nodes, [*ends, *(Output(f"tap {name}", name) for name in chosen)])


def _down(seed):
    return Requantize([3], [5 + seed % 3], Fixed(5), [0.25])

"""Small networks of several inputs and outputs."""

import numpy as np

from hwgen.formats import Fixed
from hwgen.network import Add, Conv2d, Input, Network, Node, Output, Requantize


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

"""One layer at a time, from the network to the component, against golden: what only some layers
have, and whole networks would have to meet by chance."""

import numpy as np
import pytest

from hwgen.formats import Binary, Codebook, Fixed
from hwgen.network import (
    Add,
    AvgPool2d,
    Conv2d,
    Input,
    Linear,
    MaxPool2d,
    Network,
    Node,
    Requantize,
    Threshold,
)
from hwgen.planning.implementations import core_for
from hwgen.planning.layers.find import find_layers
from hwgen.planning.layers.folding import Folding
from hwgen.targets import get_target
from hwgen_rtl_templates.mac import MacParameters
from support.engines import check_pixels
from support.kit import as_pixels, simulable
from support.networks import chain, random_input
from support.stream_bench import pack, run_all, unpack

TARGET = get_target("ulx3s-85f")
FRAMES = 2
BOOK = (-7, -3, 2, 6)  # without a zero


def weights(*shape, of=(-3, -2, -1, 1, 2, 3)):
    return np.random.default_rng(len(shape)).choice(of, shape)


def conv(*shape, **options):
    return Conv2d(weights(*shape), np.arange(shape[0]) * 5 - 4, Fixed(3), [1.0], **options)


def book(kind, *shape, **options):
    of = Codebook(2, 4, BOOK)
    return kind(weights(*shape, of=BOOK), np.arange(shape[0]) - 1, of, [1.0], **options)


def halves():
    """Two groups of two rows that read other words."""
    weight = weights(4, 4, 3, 1)
    weight[:2, :2], weight[2:, 1:, 1:] = 0, 0
    return Conv2d(weight, np.arange(4), Fixed(3), [1.0])


def diagonal(**options):
    """Two taps of four, in every filter."""
    weight = weights(4, 2, 2, 2)
    weight[:, :, 0, 0] = weight[:, :, 1, 1] = 0
    return Conv2d(weight, np.arange(4), Fixed(3), [1.0], **options)


IMAGE = Input((2, 3, 4), Fixed(4), [1.0])
SHIFTED = Input((2, 3, 4), Fixed(9), [1.0], zero_point=30)
SIGNS = Input((2, 3, 4), Binary(), [1.0])
LOW = Requantize([1], [0], Fixed(4), [1.0], zero_point=3, lo=-2, hi=1)  # it pads with a bit more
WIDE = Requantize([37], [3], Fixed(10), [1.0], zero_point=-5)
FINE = Requantize([37], [5], Fixed(11), [1.0], zero_point=-5)  # too many steps to count
SIGN = Threshold([[0], [3], [-1]], Binary(), [1.0], base=-1)

CASES = {
    "padding above every value": ((IMAGE, LOW, conv(3, 2, 3, 3, padding=1)), Folding(3, 2, 1)),
    "maximum below the padding": ((IMAGE, LOW, MaxPool2d(3, 1, 1)), Folding(2, 1, 1, 0, "maximum")),
    "maximum requantized": ((SHIFTED, MaxPool2d(2, 1), FINE), Folding(2, 1, 1, 0, "maximum")),
    "average of signs": ((SIGNS, AvgPool2d((2, 3), (1, 2)), WIDE), Folding(2, 1, 1, 0, "average")),
    "signs to signs": ((SIGNS, conv(3, 2, 3, 3, padding=1), SIGN), Folding(3, 3, 1)),
    "book without zero": (
        (Input((5,), Fixed(4), [1.0]), book(Linear, 3, 5)),
        Folding(3, 2, 1, implementation="pasm"),
    ),
    "weights without zero": (
        (
            Input((5,), Fixed(4), [1.0]),
            Linear(weights(3, 5, of=(-1, 1)), [1, 0, -2], Fixed(2), [1.0]),
        ),
        Folding(3, 2, 1),
    ),
    "a shift a channel": (
        (IMAGE, conv(3, 2, 2, 2), Requantize([37, 9, 5], [4, 2, 1], Fixed(9), [1.0])),
        Folding(3, 2, 1),
    ),
    "sums by entry of signed": (
        (IMAGE, book(Conv2d, 2, 2, 2, 2, padding=1)),
        Folding(2, 4, 1, implementation="pasm"),
    ),
    "words of each group": ((Input((4, 5, 2), Fixed(4), [1.0]), halves()), Folding(2, 1, 1, 1)),
    "words half used": ((Input((4, 5, 2), Fixed(4), [1.0]), halves()), Folding(2, 2, 1, 1)),
    "groups": ((Input((4, 3, 3), Fixed(4), [1.0]), conv(4, 2, 2, 2, groups=2)), Folding(2, 4, 1)),
    "words of groups": (
        (Input((4, 3, 3), Fixed(4), [1.0]), diagonal(groups=2)),
        Folding(2, 4, 2, 1),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_engine(case):
    ops, folding = CASES[case]
    network = chain(*ops)
    trace = network.trace(random_input(network, FRAMES, 3))
    layers = find_layers(network)
    layer = layers[-1]
    core = core_for(layer, folding, TARGET)
    assert bool(core.window.live) == bool(folding.skip)
    core = simulable(core) if isinstance(core.datapath, MacParameters) else core
    x = trace[layers[-2].nodes[-1] if len(layers) > 1 else "n0"]
    y = trace[layer.nodes[-1]]
    pixels = [
        as_pixels((q - wire.base) // wire.step)
        for q, wire in ((x, layer.x_encodings[0]), (y, layer.y_encoding))
    ]
    check_pixels(core, *pixels, seed=len(case))  # an odd one: queues of full rate


def test_sum_of_signs():
    """-1 and +1 are added, which travel as 0 and 1, to a value with a zero point."""
    network = Network(
        (
            Node("x", Input((4,), Fixed(4), [1.0], zero_point=-2)),
            Node("fc", Linear(weights(4, 4), [1, -2, 0, 3], Fixed(3), [1.0]), ("x",)),
            Node("sign", Threshold([[0]], Binary(), [3.0], base=-1), ("fc",)),
            Node("y", Add((1, 3)), ("x", "sign")),
        )
    )
    layer = find_layers(network)[-1]
    core = core_for(layer, Folding(2, 2, 2, implementation="sum"), TARGET)
    trace = network.trace(random_input(network, FRAMES, 3))
    inputs = []
    for name, wire, bits in zip(("x", "sign"), layer.x_encodings, core.bits, strict=True):
        sent = ((trace[name] - wire.base) // wire.step).reshape(-1, 2)
        inputs.append([pack(pair, bits) for pair in sent.tolist()])
    dut = core.create()
    ports = zip((dut.i_0, dut.i_1), inputs, strict=True)
    (seen,) = run_all(dut, [(i, sent, [0] * len(sent)) for i, sent in ports], [(dut.o, 2 * FRAMES)])
    found = [unpack(beat, 2, *core.element) for beat in seen.outputs]
    assert found == trace["y"].reshape(-1, 2).tolist()


def test_a_value_with_two_users_is_not_requantized_for_both():
    """Accumulators that something else takes too leave as they are."""
    network = Network(
        (
            Node("x", Input((3,), Fixed(4), [1.0])),
            Node("fc", Linear(weights(2, 3), [0, 0], Fixed(3), [1.0]), ("x",)),
            Node("a", Requantize([1], [2], Fixed(4), [1.0]), ("fc",)),
            Node("b", Requantize([1], [3], Fixed(4), [2.0]), ("fc",)),
            Node("y", Add((1, 2)), ("a", "b")),
        )
    )
    assert [layer.nodes for layer in find_layers(network)] == [("fc",), ("a",), ("b",), ("y",)]

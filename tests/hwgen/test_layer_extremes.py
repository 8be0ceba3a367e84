"""Layers as they are planned, at both ends of their accumulators, some of them powers of two:
widths that the planner chooses, in every number format and every way to compute."""

import numpy as np
import pytest

from hwgen.formats import Binary, Codebook, Fixed, PowerOfTwo, Ternary
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
from hwgen.planning.implementations import core_for, plain_foldings
from hwgen.planning.layers.find import find_layers
from hwgen.planning.layers.folding import Folding
from hwgen.planning.search.candidates import LayerCandidates
from hwgen.targets import get_target
from hwgen_rtl_templates.engine import Engine
from hwgen_rtl_templates.join import Sum
from hwgen_rtl_templates.mac import MacParameters
from support.engines import flatten
from support.extremes import ends, patterns
from support.kit import as_pixels, simulable
from support.networks import chain
from support.reference import REFERENCE
from support.stream_bench import pack, run, run_all, unpack

ONE = [1.0]
ECP5 = get_target("ulx3s-85f")
BOOK = (-100, -1, 0, 127)
SOME = {  # weights of a format, the ends among them
    Fixed(2): (-2, 1, 0),
    Fixed(8): (-128, 127, 0),
    Binary(): (-1, 1),
    Ternary(): (-1, 1, 0),
    PowerOfTwo(4): (-64, 64, 0),
    PowerOfTwo(4, 2): (-128, 128, 0),
    Codebook(2, 8, BOOK): BOOK,
}
LUTS, DSP, ENTRIES, PARALLEL, SERIAL = "array", "dsp", "pasm", "parallel", "serial"
CASES = [
    (Binary(), Binary(), "sign", LUTS),
    (Binary(), Binary(), "none", PARALLEL),
    (Binary(), Fixed(4, False), "even", LUTS),
    (Ternary(), Binary(), "steps", LUTS),
    (Ternary(), Fixed(4), "shift", LUTS),
    (Fixed(2), Fixed(4, False), "shift", LUTS),
    (Fixed(2), Binary(), "sign", SERIAL),
    (Fixed(8), Fixed(8), "multiply", DSP),
    (Fixed(8), Fixed(2), "steps", DSP),
    (Fixed(8), Fixed(4, False), "each", PARALLEL),
    (Fixed(8), Fixed(8, False), "none", SERIAL),
    (PowerOfTwo(4), Fixed(4), "multiply", LUTS),
    (PowerOfTwo(4, 2), Fixed(4, False), "each", LUTS),
    (Codebook(2, 8, BOOK), Fixed(4), "multiply", LUTS),
    (Codebook(2, 8, BOOK), Fixed(4, False), "none", ENTRIES),
    (Codebook(2, 8, BOOK), Binary(), "sign", ENTRIES),
]


def biased(rows, lo, hi):
    """Return biases that put the largest or the least accumulator of a row on a power of two, or
    beside it."""
    biases = []
    for n, row in enumerate(rows):
        most = sum(w * (hi if w > 0 else lo) for w in row)
        least = sum(w * (lo if w > 0 else hi) for w in row)
        power = 1 << max(abs(most), abs(least)).bit_length()
        biases.append(
            (0, power - most, -power - least, power - 1 - most, -power - 1 - least)[n % 5]
        )
    return biases


def post_of(kind, acc):
    """Return what follows accumulators of a type: clamps at both ends, thresholds there."""
    lo, hi = acc.lo, acc.hi
    if kind == "none":
        return []
    if kind == "sign":
        return [Threshold([[0]], Binary(), ONE, base=-1)]
    if kind == "steps":
        steps = sorted({lo, lo + 1, 0, hi, hi + 1})
        return [Threshold([steps], Fixed(4), ONE, base=-8)]
    if kind == "even":
        pitch = max(1, (hi - lo) // 15)
        return [Threshold([[lo + pitch * n for n in range(1, 16)]], Fixed(4), ONE, base=-8)]
    bits = max(abs(lo), abs(hi)).bit_length()
    if kind == "shift":
        return [Requantize([1], [max(0, bits - 3)], Fixed(4), ONE)]
    by = [77] if kind == "multiply" else [1, 77, 3, 128, 5]
    return [Requantize(by, [max(0, bits + 2)], Fixed(4), ONE, 1, lo=-7, rounding="half_even")]


def simulated(layer, folding, x, y):
    """Compare a layer's engine with golden."""
    core = core_for(layer, folding, ECP5)
    if isinstance(core.datapath, MacParameters):
        core = simulable(core)
    pixels = as_pixels((x - layer.x_encodings[0].base) // layer.x_encodings[0].step)
    beats = [
        pack(pixel[n : n + core.window.word], core.window.bits)
        for pixel in pixels
        for n in range(0, core.window.channels, core.window.word)
    ]
    wanted = flatten(core, as_pixels((y - layer.y_encoding.base) // layer.y_encoding.step))
    seen = run(Engine(core), beats, len(wanted))
    for beat, values in zip(seen.outputs, wanted, strict=True):
        got = unpack(beat, core.lanes, *core.element)
        assert [v for v, w in zip(got, values, strict=True) if w is not None] == [
            w for w in values if w is not None
        ]


@pytest.mark.parametrize(("of", "x_of", "post", "kind"), CASES, ids=str)
def test_dot_product(of, x_of, post, kind):
    rows = patterns(SOME[of], 8)
    x = ends(rows, x_of.lo, x_of.hi)
    if isinstance(x_of, Binary):
        x = [[-1 if n < 0 else 1 for n in v] for v in x]
    dense = Linear(rows, biased(rows, x_of.lo, x_of.hi), of, ONE)
    first = chain(Input((8,), x_of, ONE), dense)
    network = chain(*(n.op for n in first.nodes), *post_of(post, first.output))
    (layer,) = find_layers(network)
    ways = [
        f for f in LayerCandidates(layer, ECP5, 25_000_000, {}).foldings if f.implementation == kind
    ]
    folding = ways[len(ways) // 2]
    simulated(layer, folding, np.array(x), network.run(np.array(x)))


@pytest.mark.parametrize(
    ("of", "size"),
    [
        *((Binary(), 1), (Fixed(4), 2), (Fixed(4, False), 3)),
        *((Fixed(4), 4), (Binary(), 8), (Fixed(4, False), 9)),
    ],
    ids=str,
)
def test_windows(of, size):
    """Frames of each size about powers of two, the ends of the format at their edges; maxima and
    averages, with padding."""
    zero = 0 if isinstance(of, Binary) else of.hi
    shape = (1 + size % 3, size, 10 - size)
    frames = [np.full(shape, of.lo), np.full(shape, of.hi)]
    for a, b in ((of.lo, of.hi), (of.hi, of.lo)):
        edges = np.full(shape, a)
        edges[:, 0] = edges[:, -1] = b
        turns = np.full(shape, a).reshape(-1)
        turns[::2] = b
        frames += [edges, turns.reshape(shape)]
    x = np.array(frames)
    ones = np.ones((1, shape[0], 1, 1), dtype=np.int64)
    pool = MaxPool2d if (size + isinstance(of, Binary)) % 2 else AvgPool2d
    if size % 3:
        op = pool((1, min(2, 10 - size)), (1, 1))
    else:  # padded
        op = Conv2d(ones, [0], Binary(), ONE, padding=(1, 2))
    network = chain(Input(shape, of, ONE, zero), op)
    (layer,) = find_layers(network)
    ways = list(plain_foldings(layer, ECP5))
    simulated(layer, ways[size % len(ways)], x, network.run(x))


SUMS = [  # multipliers, zero points and ranges of two values, the ends of the sums beside powers
    ((1, 1), (0, 0), ((0, 8), (0, 8))),
    ((3, 1), (0, 0), ((-3, 0), (-8, 0))),
    ((3, 1), (7, -8), ((-8, 7), (-8, 7))),
    ((1, 8), (-8, 7), ((-8, 7), (-8, 7))),
]


@pytest.mark.parametrize(("by", "zeros", "ranges"), SUMS)
@pytest.mark.parametrize("post", ["none", "shift", "multiply"])
def test_sum(by, zeros, ranges, post):
    """Sums of two values with zero points of their own, at both ends."""
    halves = [
        Node(f"h{n}", Requantize([1], [0], Fixed(5), [float(m)], zero, *clamp), ("x",))
        for n, (m, zero, clamp) in enumerate(zip(by, zeros, ranges, strict=True))
    ]
    nodes = (Node("x", Input((1,), Fixed(8), ONE)), *halves, Node("sum", Add(by), ("h0", "h1")))
    total = Network(nodes).output
    after = [Node("after", op, ("sum",)) for op in post_of(post, total)]
    network = Network((*nodes, *after))
    layer = next(layer for layer in find_layers(network) if isinstance(layer.op, Add))
    core = core_for(layer, Folding(1, 1, 1, implementation="sum"), ECP5)
    lows, highs = zip(*((t.lo, t.hi) for t in layer.xs), strict=True)
    pairs = [[a, b] for a in range(lows[0], highs[0] + 1) for b in range(lows[1], highs[1] + 1)]
    sums = [sum(m * (v - z) for m, v, z in zip(by, pair, zeros, strict=True)) for pair in pairs]
    assert {min(sums), max(sums)} == {total.lo, total.hi}
    wanted = np.array(sums)
    for node in after:
        wanted = REFERENCE[type(node.op)](node.op, (1,), (wanted[:, None], 0, False))[:, 0]
    dut = Sum(core)
    inputs = [
        (i, [pack([pair[n]], core.bits[n]) for pair in pairs], [0] * len(pairs))
        for n, i in enumerate((dut.i_0, dut.i_1))
    ]
    (seen,) = run_all(dut, inputs, [(dut.o, len(pairs))])
    assert [unpack(word, 1, *core.element)[0] for word in seen.outputs] == wanted.tolist()

"""What follows the array: biases in a unit of their own or in the thresholds, tables or a division,
the same function."""

import numpy as np
import pytest

from hwgen.formats import Fixed
from hwgen.network import Input, Linear, Network, Node
from hwgen.network.ops import Threshold
from hwgen.network.thresholds import as_threshold
from hwgen.planning.layers.dot_output import dot_output_of
from hwgen.planning.layers.find import find_layers
from hwgen.planning.lowering.epilogue import Epilogue, _bias, _counters, epilogue_for
from hwgen.targets import get_target
from hwgen_rtl_templates.affine_thresholds import AffineThresholdParameters
from hwgen_rtl_templates.threshold import ThresholdParameters
from support.networks import CHAIN, GRAPH, MIXED, random_network
from support.stream_bench import pack, run, unpack

TARGET = get_target("ulx3s-85f")


def weighted_layers(seed):
    """Yield the layers of random networks that end in few steps, as thresholds."""
    for kind in (CHAIN, GRAPH, MIXED):
        for layer in find_layers(random_network(seed, kind)):
            if layer.epilogue and layer.y.hi - layer.y.lo <= 15 and layer.bias is not None:
                (narrow,) = layer.epilogue
                op = narrow if isinstance(narrow, Threshold) else as_threshold(narrow, layer.acc)
                if op is not None:
                    yield layer, op


def counted(unit, channel, x):
    """Return what a threshold unit makes of an integer of a channel."""
    if isinstance(unit, AffineThresholdParameters):
        start, pitch = unit.lines[channel if len(unit.lines) > 1 else 0]
        x <<= unit.fraction
        row = [start + k * pitch for k in range(1, unit.steps + 1)]
    else:
        row = unit.thresholds[channel if len(unit.thresholds) > 1 else 0]
    return unit.base + unit.step * sum(x >= threshold for threshold in row)


@pytest.mark.parametrize("seed", range(25))
def test_thresholds_hold_the_bias(seed):
    """On every sum of a channel, shifted thresholds count as those of the accumulator."""
    for layer, op in weighted_layers(seed):
        sums = dot_output_of(layer)
        (plain, *others), (shifted, *more) = (_counters(layer, 1, which) for which in (None, sums))
        assert (shifted.x_lo, shifted.x_hi) == (sums.lo, sums.hi)
        rng = np.random.default_rng(seed)
        for channel, offset in enumerate(np.broadcast_to(sums.offsets, layer.outputs).tolist()):
            lo, hi = int(layer.acc.lows[channel]), int(layer.acc.highs[channel])
            accs = {lo, hi, *rng.integers(lo, hi + 1, 20).tolist()}
            accs |= {t + d for t in op.thresholds[channel % len(op.thresholds)] for d in (-1, 0)}
            for acc in accs:
                if lo <= acc <= hi and (acc - offset) % sums.step == 0:
                    before = counted(plain, channel, acc)
                    reached = sum(acc >= t for t in op.thresholds[channel % len(op.thresholds)])
                    y, of = op.base + op.format.step * reached, layer.y_encoding
                    assert before == (y - of.base) // of.step, f"seed {seed}, {layer.name}"
                    x = (acc - offset) // sums.step
                    found = {counted(unit, channel, x) for unit in (shifted, *more)}
                    found |= {counted(unit, channel, acc) for unit in others}
                    assert found == {before}, f"seed {seed}, {layer.name}"


@pytest.mark.parametrize("seed", range(15))
def test_cheapest_is_chosen_and_only_where_sums_fit(seed):
    for layer, _ in weighted_layers(seed):
        sums = dot_output_of(layer)
        for lanes in {1, layer.outputs}:
            chosen = epilogue_for(layer, sums, lanes, TARGET)
            bias = None if sums.plain else _bias(layer, sums, lanes)
            for unit in _counters(layer, lanes):
                assert chosen.cost(TARGET) <= Epilogue(bias, unit).cost(TARGET)
            if sums.plain:
                assert chosen.bias is None
            elif sums.exact:
                for unit in _counters(layer, lanes, sums):
                    assert chosen.cost(TARGET) <= Epilogue(None, unit).cost(TARGET)
            else:
                assert chosen.bias is not None


def test_both_ways_occur():
    found = {
        epilogue_for(layer, dot_output_of(layer), 1, TARGET).bias is None
        for seed in range(30)
        for layer, _ in weighted_layers(seed)
        if not dot_output_of(layer).plain
    }
    assert found == {False, True}


@pytest.mark.parametrize("seed", range(30))
def test_arrays_are_as_wide_as_they_must_be(seed):
    """No wider than the accumulator, nor than the range of the sums without their biases."""
    for kind in (CHAIN, GRAPH, MIXED):
        for layer in find_layers(random_network(seed, kind)):
            sums = dot_output_of(layer)
            bits, _ = sums.shape
            acc = sums.acc
            offsets = np.broadcast_to(sums.offsets, acc.lows.shape).tolist()
            low = min(a - b for a, b in zip(acc.lows.tolist(), offsets, strict=True))
            high = max(a - b for a, b in zip(acc.highs.tolist(), offsets, strict=True))
            assert (sums.lo * sums.step, sums.hi * sums.step) == (low, high)
            span = acc.hi - acc.lo + 1
            assert bits <= max(1, max(abs(acc.lo), abs(acc.hi)).bit_length() + 1)
            assert sums.exact or 1 << bits >= span // sums.step


@pytest.mark.parametrize("seed", range(8))
def test_the_hardware_counts_so(seed):
    """Units of random layers, on every integer around each of their thresholds."""
    for layer, _ in weighted_layers(seed):
        for unit in _counters(layer, layer.outputs, dot_output_of(layer)):
            if not isinstance(unit, AffineThresholdParameters):
                continue
            edges = [
                start + k * pitch >> unit.fraction for start, pitch in unit.lines for k in (1, 2)
            ]
            xs = {unit.x_lo, unit.x_hi, *(edge + d for edge in edges for d in (-1, 0, 1))}
            xs = sorted(x for x in xs if unit.x_lo <= x <= unit.x_hi)
            beats = [pack([x] * layer.outputs, unit.x_shape.width) for x in xs]
            seen = run(unit.create(), beats, len(beats))
            for x, beat in zip(xs, seen.outputs, strict=True):
                found = unpack(beat, layer.outputs, unit.bits, unit.signed)
                assert found == [counted(unit, n, x) for n in range(layer.outputs)], (seed, x)


def test_many_uneven_thresholds_are_tables():
    rng = np.random.default_rng(0)
    x = Fixed(6, True)
    steps = np.sort(rng.integers(-400, 400, (3, 100)))
    nodes = (
        Node("x", Input((5,), x, [1.0])),
        Node("fc", Linear(rng.integers(-7, 8, (3, 5)), [0, 0, 0], Fixed(4), [1.0]), ("x",)),
        Node("y", Threshold(steps, Fixed(8, False), [1.0]), ("fc",)),
    )
    (layer,) = find_layers(Network(nodes))
    assert isinstance(
        epilogue_for(layer, dot_output_of(layer), 1, TARGET).unit, ThresholdParameters
    )

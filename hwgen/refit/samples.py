"""Samples: random small networks that estimates are fitted on and tested with."""

__all__ = ["SAMPLED", "sample", "sample_plan"]

import random
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from hwgen.errors import PlanError
from hwgen.families import FAMILIES
from hwgen.formats import Activation, Binary, Codebook, Fixed, Format, PowerOfTwo, Ternary
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
from hwgen.network.fields import IntArray
from hwgen.planning import Plan, plan
from hwgen.planning.estimate.coefficients import START, taken_for
from hwgen.planning.estimate.parts import structure
from hwgen.planning.implementations import core_for, implementation_of
from hwgen.planning.layers.find import find_layers
from hwgen.planning.layers.folding import Folding
from hwgen.planning.search.candidates import LayerCandidates
from hwgen.targets import Target, get_target

# The target that a family's samples are planned for: synthesis finds the same on its others.
SAMPLED = {name: family.sample_target for name, family in FAMILIES.items() if family.sample_target}
LEAST, MOST = 60, 260  # flip-flops of a sample, or each layer of it; counted and not fitted
ROUGHLY = 1.5  # what a layer's component has more than a plan, at the most
LARGE, LARGER = 8, 4  # of so many samples one may be so many times larger
TRIES = 12  # of a layer's foldings
SCALE = np.array([1.0])
SECOND = 0.3  # share of layers that have a second one behind them


def sample(seed: int) -> Network:
    """Return a small network that the seed determines: a convolution, dense layer or depthwise
    convolution with what follows it, and at times a second one, a pool or a sum behind it, or a
    pool alone. What each layer has once tells itself from what a design has once by the second."""
    rng = np.random.default_rng([seed, 20260])
    x: Activation = Fixed(int(rng.choice([2, 3, 4, 4, 6, 8, 8])), bool(rng.random() < 0.25))
    if rng.random() < 0.1:
        x = Binary()
    if rng.random() < 0.4:
        inputs = int(rng.integers(6, 41))
        nodes = [Node("x", Input((inputs,), x, SCALE))]
        outputs = int(rng.integers(2, 11))
        of = _weighted(rng, nodes, x, (outputs, inputs))
        if of is not None and rng.random() < SECOND:
            _weighted(rng, nodes, of, (int(rng.integers(2, 11)), outputs), name="second")
        return Network(tuple(nodes))
    channels, size = int(rng.integers(1, 6)), int(rng.integers(5, 11))
    nodes = [Node("x", Input((channels, size, size), x, SCALE))]
    kind = rng.random()
    if kind < 0.08:
        _pool(rng, nodes)
        return Network(tuple(nodes))
    kernel = int(rng.integers(1, 4))
    if kind < 0.2:
        of = _weighted(rng, nodes, x, (channels, 1, kernel, kernel), groups=channels)
    else:
        outputs = int(rng.integers(2, 9))
        of = _weighted(rng, nodes, x, (outputs, channels, kernel, kernel))
        if of is not None and rng.random() < SECOND:
            shape = (int(rng.integers(2, 9)), outputs, 1, 1)
            _weighted(rng, nodes, of, shape, name="second")
            return Network(tuple(nodes))
    if of is not None and kind > 0.9:
        nodes.append(Node("sum", Add((1, 1)), ("y", "y")))
        _requantize(rng, nodes, int(1 << of.bits + 1), "z")
    elif kind > 0.75:
        _pool(rng, nodes)
    return Network(tuple(nodes))


def _weighted(
    rng: np.random.Generator,
    nodes: list[Node],
    x: Activation,
    shape: tuple[int, ...],
    groups: int = 1,
    name: str = "layer",
) -> Fixed | None:
    """Add a layer with weights, and mostly a requantizer; return what that makes."""
    weight, of = _weights(rng, shape)
    bias = rng.integers(-99, 100, shape[0]) * int(rng.random() < 0.8)
    if len(shape) == 2:
        op: Conv2d | Linear = Linear(weight, bias, of, SCALE)
    else:
        around = shape[2] // 2 if rng.random() < 0.5 else 0
        padding = ((around, around), (around, around))
        stride = (2, 2) if rng.random() < 0.15 else (1, 1)
        op = Conv2d(weight, bias, of, SCALE, stride=stride, padding=padding, groups=groups)
    nodes.append(Node(name, op, (nodes[-1].name,)))
    if rng.random() < 0.1:
        return None
    reach = np.abs(weight.reshape(shape[0], -1)).sum(axis=1).max() * max(abs(x.lo), x.hi) / 2
    made = "y" if name == "layer" else "z"
    return _requantize(rng, nodes, int(max(1, reach)), made, shape[0])


def _requantize(
    rng: np.random.Generator, nodes: list[Node], reach: int, name: str, channels: int = 1
) -> Fixed | None:
    """Add a requantizer for accumulators up to about `reach`, or at times their sign; return the
    requantizer's format."""
    of = Fixed(int(rng.choice([2, 3, 4, 4, 6, 8])), False)
    if rng.random() < 0.15:
        of = Fixed(8, True)
    per_channel = channels if rng.random() < 0.6 else 1
    if rng.random() < 0.1:  # a sign
        steps = rng.integers(-reach // 4, reach // 4 + 1, (per_channel, 1))
        nodes.append(Node(name, Threshold(steps, Binary(), SCALE, base=-1), (nodes[-1].name,)))
        return None
    bits = int(rng.choice([1, 8, 8, 12]))  # of a multiplier: 1 is a shift alone
    by = rng.integers(1 << bits - 1, 1 << bits, per_channel) if bits > 1 else np.array([1])
    shift = max(0, reach.bit_length() + bits - of.bits)
    nodes.append(Node(name, Requantize(by, np.array([shift]), of, SCALE), (nodes[-1].name,)))
    return of


def _pool(rng: np.random.Generator, nodes: list[Node]) -> None:
    """Add a pool of 2 by 2; behind one that sums up, a requantizer."""
    average = rng.random() < 0.3
    pool = (AvgPool2d if average else MaxPool2d)((2, 2), (2, 2))
    nodes.append(Node("pool", pool, (nodes[-1].name,)))
    if average:
        _requantize(rng, nodes, 1 << 8, "pooled")


def _weights(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[IntArray, Format]:
    """Return weights of a random format: as training leaves them, evenly spread, or pruned."""
    kind = int(rng.integers(8))
    if kind < 4:
        of: Format = Fixed(int(rng.integers(2, 9)))
        levels = np.arange(1 - (1 << of.storage_bits - 1), 1 << of.storage_bits - 1)
    elif kind == 4:
        of, levels = Binary(), np.array([-1, 1])
    elif kind == 5:
        of, levels = Ternary(), np.array([-1, 0, 1])
    elif kind == 6:
        of = PowerOfTwo(int(rng.integers(3, 5)))
        ones = 1 << np.arange((1 << of.bits - 1) - 1)
        levels = np.concatenate([-ones[::-1], [0], ones])
    else:
        book = np.unique(rng.integers(-127, 128, 1 << int(rng.integers(2, 5))))
        index = (len(book) - 1).bit_length()
        of, levels = Codebook(index, 8, tuple(book.tolist())), np.sort(book)
    if rng.random() < 0.5:  # most are small, as after training
        place = rng.normal(0.5, 0.18, shape).clip(0, 1) * (len(levels) - 1)
        weight = levels[np.rint(place).astype(np.int64)]
    else:
        weight = rng.choice(levels, shape)
    if 0 in levels and rng.random() < 0.25:
        weight = weight * (rng.random(shape) < 0.3)
    return weight.astype(np.int64), of


def sample_plan(seed: int, family: str, of: Callable[[int], Network] = sample) -> Plan | None:
    """Return a plan of a sample for a family's target, each of its layers built in one of the
    ways that there are, evenly by kind; None where none of these is small enough, or where a node's
    values never change, whatever the input: of that synthesis leaves next to nothing.

    of : what makes the network of a seed

    Nothing in it depends on what was fitted, so that a sample stays the same.
    """
    with taken_for(START):
        return _sample_plan(seed, of(seed), get_target(SAMPLED[family]))


def _sample_plan(seed: int, network: Network, target: Target) -> Plan | None:
    if any(np.array_equal(tensor.lows, tensor.highs) for tensor in network.tensors.values()):
        return None
    rng = random.Random(seed)
    layers = find_layers(network)
    ways = {
        layer.name: _kinds(LayerCandidates(layer, target, target.clock_hz, {})) for layer in layers
    }
    weighted = sum(layer.weight is not None for layer in layers)
    most = MOST * max(1, weighted) * (1 if seed % LARGE else LARGER)
    for _ in range(TRIES):
        choices, ffs = [], 0.0
        for layer in layers:
            kinds = ways[layer.name]
            folding = rng.choice(kinds[rng.choice(sorted(kinds))])
            choices += folding.choices(layer.name)
            ffs += structure(core_for(layer, folding, target), target).ffs
        if ffs > ROUGHLY * most:  # not worth a whole plan
            continue
        try:
            found = plan(network, target=target, goal="min area", overrides=choices)
        except PlanError:
            continue
        if LEAST <= replace(found).resources.ffs <= most:
            return replace(found)  # that has estimated nothing yet
    return None


def _kinds(ways: LayerCandidates) -> dict[str, list[Folding]]:
    """Return the foldings of a layer by kind."""
    kinds: dict[str, list[Folding]] = {}
    for folding in ways.foldings:
        kinds.setdefault(implementation_of(folding).title, []).append(folding)
    return kinds

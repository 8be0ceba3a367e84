"""Seeded random small networks and inputs, for every test that compares two meanings of one.

What a network should contain is asked for in one way: a `Kind`, changed by keyword, and the ops and
formats that must be in it.

    random_network(seed)                                    a chain of layers
    random_network(seed, GRAPH, layers=2, channels=3)       forks and joins, of two blocks
    random_network(seed, MIXED, contains=(Concat, Binary))  the next that has both
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from hwgen.formats import Format
from hwgen.network import (
    AvgPool1d,
    Conv1d,
    Flatten,
    Input,
    MaxPool1d,
    Network,
    Node,
    Op,
    PositionScale,
    Table,
)
from hwgen.network.ends import one_or_all
from hwgen.network.inference import infer
from hwgen.network.ops.rearrange import Rearrangement
from hwgen.network.rearranged import REARRANGED
from support.builders import Builder, GraphBuilder, MixedBuilder, spread_of
from support.meeting import meeting
from support.order_builder import OrderBuilder

IntArray = npt.NDArray[np.int64]
Wanted = type[Op] | type[Format]
OF_LENGTHS: set[type[Op]] = {Conv1d, MaxPool1d, AvgPool1d}  # in networks with `length` only
ASKED_FOR: set[type[Op]] = {*OF_LENGTHS, PositionScale, Table, *REARRANGED}  # in no kind as it is
TRIES = 200  # of one draw, for what it must contain


@dataclass(frozen=True)
class Kind:
    """What a random network may hold.

    Attributes
    ----------
    joins : it is made of blocks, which fork and join, and not of one layer after another
    formats : weights are of every number format
    signs : share of activations that are signs
    orders : values change their order, shape and size
    layers : weighted layers, or blocks, at most
    channels : of a layer at most
    bits : of weights and activations at most
    length : values are (channels, length) and not images
    unequal : share of windows whose padding may differ on the sides of an axis, and of averages
        whose positions have factors of their own
    tables : share of requantizers, pools and joins that a table follows
    """

    joins: bool = False
    formats: bool = False
    signs: float = 0.0
    orders: bool = False
    layers: int = 4
    channels: int = 13
    bits: int = 8
    length: bool = False
    unequal: float = 0.0
    tables: float = 0.0


CHAIN = Kind()
GRAPH = Kind(joins=True, layers=3, channels=8)
MIXED = Kind(joins=True, formats=True, signs=0.4, layers=3, channels=6)
SIGNS = replace(MIXED, signs=0.9, layers=4, bits=4)  # nearly all activations
TABLES = replace(MIXED, signs=0.2, tables=0.5)

ORDERS = replace(MIXED, orders=True, signs=0.2, bits=4)


def random_network(
    seed: int, kind: Kind = CHAIN, *, contains: Iterable[Wanted] = (), **changes: float
) -> Network:
    """Return a small legal network that its arguments determine.

    Parameters
    ----------
    seed : of all that is random
    kind : what it may hold
    contains : ops, and formats of weights and values, that it must hold
    changes : of fields of `kind`: layers=2
    """
    kind, wanted = replace(kind, **changes), set(contains)
    for number in range(TRIES):
        rng = np.random.default_rng([seed, number] if number else seed)
        network = _blocks(rng, kind) if kind.joins else _layers(rng, kind)
        if wanted <= contents(network):
            return network
    raise ValueError(f"Seed {seed}: none of {TRIES} networks of {kind} contains all of {wanted}")


def contents(network: Network) -> set[Wanted]:
    """Return the ops of a network, and the formats of its weights and values."""
    found: set[Wanted] = {type(node.op) for node in network.nodes}
    found |= {type(tensor.format) for tensor in network.tensors.values() if tensor.format}
    weighted = [node.op for node in network.nodes if hasattr(node.op, "weight_format")]
    return found | {type(op.weight_format) for op in weighted}


def _layers(rng: np.random.Generator, kind: Kind) -> Network:
    """Return a chain.

    One weighted layer or more (Conv2d of kernel 1 to 5, stride 1 and 2, padding 0 to 2, dilation 1
    and 2; Linear, after a Flatten where needed), each followed by a Requantize, the last one not
    always, and some by a MaxPool2d. Weights and activations of 2 bits and more, zero points, all
    roundings.
    """
    b = Builder(rng, kind.channels, kind.bits, kind.length, kind.unequal, kind.tables)
    b.input()
    layers = b.between(1, kind.layers)
    for layer in range(1, layers + 1):
        x = b.tensor
        if len(x.shape) > 1 and b.chance(0.75 if layer == layers else 0.9):
            b.conv(f"conv{layer}")
        else:
            b.linear(f"linear{layer}")
            x = b.tensor if x.shape == b.tensor.shape else infer(Flatten(), [x])
        if layer == layers and b.chance(0.3):
            break
        b.requantize(f"requantize{layer}", spread_of(b.nodes[-1].op.weight, x))
        if len(b.tensor.shape) > 1 and b.chance(0.35):
            b.pool(f"pool{layer}")
        b.tabled(f"table{layer}")
    return Network(tuple(b.nodes))


def _blocks(rng: np.random.Generator, kind: Kind) -> Network:
    """Return a graph.

    Blocks: a plain layer as in a chain; a residual block with the value itself or a 1x1 convolution
    beside it; a concatenation of two to four branches; values that meet in another way; a depthwise
    or grouped convolution and a pointwise one; an average pool. Then, now and then, a global
    average, a linear layer, an `ArgMax`. Thresholds stand in place of some requantizers. With
    formats: the weights of each layer in any, and binary activations, binary inputs, and
    convolutions that pad with -1. Tables as often as wanted. With orders: rearrangements before
    each block.
    """
    b = GraphBuilder(rng, kind.channels, kind.bits, kind.length, kind.unequal, kind.tables)
    if kind.formats:
        more = {
            "tables": kind.tables,
            "length": kind.length,
            "unequal": kind.unequal,
            "signs": kind.signs,
        }
        b = (OrderBuilder if kind.orders else MixedBuilder)(rng, kind.channels, kind.bits, **more)
    b.input()
    for _ in range(b.between(1, kind.layers)):
        if isinstance(b, OrderBuilder):
            (b.reorder, b.reorder, b.mirrored)[b.between(0, 2)]()
        blocks = [b.plain, b.residual, b.concat, partial(meeting, b)]
        if len(b.tensor.shape) > 1:
            blocks += [b.residual, b.separable, b.average]
        blocks[b.between(0, len(blocks) - 1)]()
        b.tabled(b.name("table"))
    b.end()
    if all(isinstance(node.op, (Input, Flatten, Rearrangement)) for node in b.nodes):
        b.plain()
    return Network(tuple(b.nodes))


def random_input(network: Network, batch: int, seed: int) -> Any:
    """Return (batch, *network.input.shape) integers over all that the input's format holds; of
    several inputs a dict of them by name.

    The first frame holds extremes only.
    """
    rng = np.random.default_rng(seed)
    found = {}
    for name, tensor in network.inputs.items():
        of = tensor.format
        steps = (of.hi - of.lo) // of.step
        x = of.lo + of.step * rng.integers(0, steps + 1, (batch, *tensor.shape))
        x[:1] = rng.choice([of.lo, of.hi], (min(batch, 1), *tensor.shape))
        found[name] = x
    return one_or_all(found)


def chain(*ops: Op) -> Network:
    """Return the network of one op after another, named n0, n1 and so on."""
    return Network(
        tuple(Node(f"n{i}", op, (f"n{i - 1}",) if i else ()) for i, op in enumerate(ops))
    )


seeds = st.integers(0, 2**32 - 1)
networks = seeds.map(random_network)
graphs = seeds.map(lambda seed: random_network(seed, GRAPH))
mixed = seeds.map(lambda seed: random_network(seed, MIXED))
orders = seeds.map(lambda seed: random_network(seed, ORDERS))

"""Seeded random small networks and inputs, for every test that compares two meanings of one."""

import numpy as np
import numpy.typing as npt
from builders import Builder, GraphBuilder, MixedBuilder, spread_of
from hypothesis import strategies as st

from hwgen.network import Flatten, Network, Node, Op
from hwgen.network.inference import infer

IntArray = npt.NDArray[np.int64]


def random_network(
    seed: int, *, max_layers: int = 4, max_channels: int = 13, max_bits: int = 8
) -> Network:
    """Return a small legal network that `seed` determines.

    One to `max_layers` weighted layers (Conv2d of kernel 1 to 5, stride 1 and 2, padding 0 to 2,
    dilation 1 and 2; Linear, after a Flatten where needed), each followed by a Requantize, the
    last one not always, and some by a MaxPool2d. Channel counts up to `max_channels`, weights and
    activations of 2 to `max_bits` bits, zero points, all roundings.
    """
    b = Builder(np.random.default_rng(seed), max_channels, max_bits)
    b.input()
    layers = b.between(1, max_layers)
    for layer in range(1, layers + 1):
        x = b.tensor
        if len(x.shape) == 3 and b.chance(0.75 if layer == layers else 0.9):
            b.conv2d(f"conv{layer}")
        else:
            b.linear(f"linear{layer}")
            x = b.tensor if x.shape == b.tensor.shape else infer(Flatten(), [x])
        if layer == layers and b.chance(0.3):
            break
        b.requantize(f"requantize{layer}", spread_of(b.nodes[-1].op.weight, x))
        if len(b.tensor.shape) == 3 and b.chance(0.35):
            b.pool(f"pool{layer}")
    return Network(tuple(b.nodes))


def random_graph(
    seed: int, *, max_blocks: int = 3, max_channels: int = 8, max_bits: int = 8
) -> Network:
    """Return a small legal network with forks and joins that `seed` determines.

    One to `max_blocks` blocks: a plain layer as in `random_network`; a residual block with the
    value itself or a 1x1 convolution beside it; a concatenation of two to four branches; a
    depthwise or grouped convolution and a pointwise one; an average pool. Then, now and then, a
    global average, a linear layer, an `ArgMax`. Thresholds stand in place of some requantizers.
    """
    return _grow(GraphBuilder(np.random.default_rng(seed), max_channels, max_bits), max_blocks)


def _grow(b: GraphBuilder, max_blocks: int) -> Network:
    b.input()
    for _ in range(b.between(1, max_blocks)):
        blocks = [b.plain, b.residual, b.concat]
        if len(b.tensor.shape) == 3:
            blocks += [b.residual, b.separable, b.average]
        blocks[b.between(0, len(blocks) - 1)]()
    b.end()
    if len(b.nodes) == 1:
        b.plain()
    return Network(tuple(b.nodes))


def random_mixed(
    seed: int, *, max_blocks: int = 3, max_channels: int = 6, max_bits: int = 8
) -> Network:
    """Return a small legal network of mixed number formats that `seed` determines.

    As `random_graph`, with the weights of each layer in any format and many a sign: binary
    activations, binary inputs, and convolutions that pad with -1.
    """
    return _grow(MixedBuilder(np.random.default_rng(seed), max_channels, max_bits), max_blocks)


def random_binary(seed: int, *, max_blocks: int = 4, max_channels: int = 6) -> Network:
    """Return a small legal network, as `random_mixed`, but nearly all activations are signs."""
    b = MixedBuilder(np.random.default_rng(seed), max_channels, 4, signs=0.9)
    return _grow(b, max_blocks)


def random_input(network: Network, batch: int, seed: int) -> IntArray:
    """Return (batch, *network.input.shape) integers over all that the input's format holds.

    The first frame holds extremes only.
    """
    rng = np.random.default_rng(seed)
    of = network.input.format
    steps = (of.hi - of.lo) // of.step
    x = of.lo + of.step * rng.integers(0, steps + 1, (batch, *network.input.shape))
    x[:1] = rng.choice([of.lo, of.hi], (min(batch, 1), *network.input.shape))
    return x


def chain(*ops: Op) -> Network:
    """Return the network of one op after another, named n0, n1 and so on."""
    return Network(
        tuple(Node(f"n{i}", op, (f"n{i - 1}",) if i else ()) for i, op in enumerate(ops))
    )


networks = st.integers(0, 2**32 - 1).map(random_network)
graphs = st.integers(0, 2**32 - 1).map(random_graph)
mixed = st.integers(0, 2**32 - 1).map(random_mixed)

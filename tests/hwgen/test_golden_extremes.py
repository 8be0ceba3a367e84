"""Every golden kernel at the ends of what its working types carry.

Bounds of a kernel are put on 2**24 and 2**53, where float32 and float64 end, and beside these, by
each thing that a bound is made of; inputs get to both ends of what is computed, and about the
powers of two in between.
"""

import numpy as np
import pytest

from hwgen.formats import Binary, Fixed
from hwgen.golden import GOLDEN
from hwgen.network import (
    Add,
    Affine,
    ArgMax,
    AvgPool2d,
    Conv2d,
    Input,
    Linear,
    Maximum,
    MaxPool2d,
    Minimum,
    Multiply,
    Requantize,
    Threshold,
)
from hwgen.network.inference import Tensor
from hwgen.network.ops import ROUNDINGS
from support.extremes import landmarks, reaching, vectors
from support.networks import ASKED_FOR, MIXED, chain, random_network
from support.reference import REFERENCE, check, round_quotient

ONE = [1.0]
# (largest input, multiplier): products at 2**24 and 2**53, and beside them
PRODUCTS = [
    (4095, 4097),
    (1 << 12, 1 << 12),
    (172961, 97),
    (20394401, 441653591),
    (1 << 30, 1 << 23),
    (28059810762433, 321),
]
LIMITS = (1 << 24, 1 << 53)


def values(lo, hi, zero_point=0, shape=(1,)):
    """Return the type of values of a range."""
    ends = (np.full(shape[0], end, dtype=np.int64) for end in (lo, hi))
    return Tensor(shape, *ends, np.ones(1), zero_point, None)


def run_kernel(op, types, *inputs):
    """Return what the kernel of an op makes of batches, (batch, channels, ...), as integers."""
    kernel = GOLDEN[type(op)](op, types)
    got = kernel(*(np.moveaxis(np.array(x, dtype=np.int64), 0, -1).copy() for x in inputs))
    return np.moveaxis(got, -1, 0).astype(np.int64)


def test_a_quotient_just_below_a_half():
    """4095 * 4097 = 2**24 - 1: float32 holds it, and not what half of 2**25 is added to."""
    network = chain(
        Input((1,), Fixed(16), ONE),
        Requantize([1], [0], Fixed(16), ONE, lo=0, hi=4095),
        Requantize([4097], [25], Fixed(16), ONE),
    )
    assert network.run(np.array([[4095], [4094], [0]])).tolist() == [[0], [0], [0]]


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize(("most", "by"), PRODUCTS)
def test_requantize(most, by, rounding):
    """Products, products with the half, and quotients, at both ends and about powers of two."""
    bits = (most * by).bit_length()
    for shift, zero in ((bits + 1, 0), (bits, 1), (bits - 1, 0), (bits - 14, -3), (0, 0)):
        half = 1 << shift >> 1

        def quotient(x, shift=shift, half=half, zero=zero):
            return (x - zero) * by + half >> shift

        stages = (lambda x, zero=zero: (x - zero) * by, quotient)
        for lo, hi in ((-most, most), (0, most), (-most - 1, -1)):
            x = reaching(lo + zero, hi + zero, stages, half, -half)
            op = Requantize([by], [shift], Fixed(16), ONE, 2, rounding=rounding)
            got = run_kernel(op, [values(lo + zero, hi + zero, zero)], [[v] for v in x])[:, 0]
            exact = [round_quotient((v - zero) * by, shift, rounding) for v in x]
            assert got.tolist() == [min(max(y + 2, op.lo), op.hi) for y in exact], f"{shift}, {lo}"


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("beside", [-1, 0, 1])
def test_threshold(limit, beside):
    """Thresholds at the ends of a range, beside them, and one above it, which nothing reaches."""
    for lo, hi in ((-7, limit + beside), (-limit - beside, 7)):
        rows = [sorted({lo, lo + 1, hi - 1, hi, hi + 1})]
        x = landmarks(lo, hi, *rows[0])
        op = Threshold(rows, Fixed(4), ONE, base=-8)
        got = run_kernel(op, [values(lo, hi)], [[v] for v in x])[:, 0].tolist()
        assert got == [-8 + sum(v >= t for t in rows[0]) for v in x]


ROWS = {  # of weights, all of the bias, all of one weight, and half of each
    "sums": [[1, 1, 1], [-1, 1, -1], [0, 0, 0]],
    "large": [[257, -3, 0], [-257, 255, 1], [0, 0, 1]],
}


@pytest.mark.parametrize("kind", ["linear", "conv", "padded", "second group"])
@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("limit", LIMITS)
def test_dot_product(limit, rows, kind):
    """Biases that bring a bound to the limit and beside it; sums at both ends."""
    rows, of, zero = ROWS[rows], Fixed(16, False), 7
    x = vectors(rows, 0, 65535)
    reach = [sum(abs(w) for w in row) * 65528 for row in rows]
    for beside in (-1, 0, 1):
        for sign in (1, -1):
            bias = [sign * (limit + beside - most) for most in reach]
            if kind == "linear":
                op = Linear(rows, bias, Fixed(16), ONE)
                network = chain(Input((3,), of, ONE, zero), op)
                check(network, np.array(x), f"{limit}, {beside}")
                continue
            groups = 2 if kind == "second group" else 1
            weight = np.array(rows)[:, :, None, None]
            if groups == 2:  # of which the first one's sums are small
                weight = np.concatenate([np.zeros_like(weight), weight])
                bias = [0, 0, 0, *bias]
            padding = (1, 1) if kind == "padded" else (0, 0)
            op = Conv2d(weight, bias, Fixed(16), ONE, padding=padding, groups=groups)
            network = chain(Input((3 * groups, 1, 1), of, ONE, zero), op)
            batch = np.tile(np.array(x), (1, groups))[:, :, None, None]
            check(network, batch, f"{limit}, {beside}, {kind}")


@pytest.mark.parametrize("kernel", [(16, 16), (17, 16), (16, 17), (257, 1), (1, 257)])
def test_avg_pool(kernel):
    """Sums of 256 values below 2**24, and of a few more above it, where they are odd."""
    op = AvgPool2d(kernel, (1, 1))
    for of, zero in ((Fixed(16, False), 0), (Fixed(16), -32768), (Fixed(16), 32767)):
        network = chain(Input((1, *kernel), of, ONE, zero), op)
        x = np.full((6, 1, *kernel), of.hi)
        x[1, 0, -1, -1] -= 1
        x[2] = of.lo
        x[3] = of.lo
        x[3, 0, 0, 0] += 1
        x[4, 0, ::2] = of.lo
        x[5, 0, :, ::2] = of.lo
        check(network, x, f"{kernel}, {of}, {zero}")


@pytest.mark.parametrize("by", [(255, 1), (256, 1), (1, 256), (128, 129), (1, 1)])
@pytest.mark.parametrize("scale", [0, 29])
def test_add(by, scale):
    """DotOutput whose terms are below the limit, and that are not themselves."""
    lo, hi = -(65535 << scale), 65535 << scale
    hi += (1 << scale) - 1
    op = Add(by)
    pairs = vectors([by], lo, hi)
    types = [values(lo, hi), values(lo, hi)]
    got = run_kernel(op, types, *([[pair[n]] for pair in pairs] for n in (0, 1)))
    assert got[:, 0].tolist() == [by[0] * a + by[1] * b for a, b in pairs]


@pytest.mark.parametrize("limit", LIMITS)
def test_arg_max_and_max_pool(limit):
    """Values that differ by one where the next narrower type has no place between them."""
    for sign in (1, -1):
        ends = [sign * (limit + n) for n in (0, 1, 2)]
        network = chain(
            Input((1,), Fixed(2), ONE),
            Linear([[0]] * 3, ends, Fixed(2), ONE),
            ArgMax(),
        )
        wanted = ends.index(max(ends))
        assert network.run(np.zeros((1, 1), dtype=np.int64)).tolist() == [[wanted]]
    op = Conv2d([[[[1]]]], [limit - 1], Fixed(2), ONE)
    network = chain(Input((1, 1, 3), Fixed(8), ONE), op, MaxPool2d((1, 2), (1, 1), (0, 1)))
    x = np.array([[[[-128, 0, 1]]], [[[2, 1, 0]]], [[[-127, -128, 127]]]])
    check(network, x, f"{limit}")


def test_arg_max_of_equals_is_the_first():
    x = np.array([[3, 3, 3], [-4, 3, 3], [-4, -4, -4], [-3, -4, -3]])
    network = chain(Input((3,), Fixed(3), ONE), ArgMax())
    assert network.run(x)[:, 0].tolist() == [0, 1, 0, 0]


def frames(network):
    """Return frames of the ends of the input's format: alone, in turns, one among the others."""
    of, shape = network.input.format, network.input.shape
    size = int(np.prod(shape))
    found = [np.full(size, of.lo), np.full(size, of.hi)]
    for every in (2, 3):
        for a, b in ((of.lo, of.hi), (of.hi, of.lo)):
            found.append(np.where(np.arange(size) % every == 0, a, b))
    for place in (0, size - 1):
        for a, b in ((of.lo, of.hi), (of.hi, of.lo)):
            found.append(np.where(np.arange(size) == place, a, b))
    near = [of.lo + of.step, of.hi - of.step] if not isinstance(of, Binary) else []
    found += [np.full(size, value) for value in near]
    return np.array(found).reshape(-1, *shape)


@pytest.mark.parametrize("seed", range(12))
def test_networks_of_every_op(seed):
    network = random_network(seed, MIXED, bits=16)
    check(network, frames(network), f"seed {seed}")


def test_every_op_that_computes_is_here():
    here = {Requantize, Threshold, Linear, Conv2d, AvgPool2d, Add, ArgMax, MaxPool2d}
    here |= {Affine, Multiply, Maximum, Minimum}
    assert {op.__name__ for op in set(REFERENCE) - here - ASKED_FOR} == {"Concat", "Flatten"}

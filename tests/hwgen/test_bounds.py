"""Bounds of what a way to build a layer takes: never above what it does take."""

import numpy as np
import pytest

from hwgen.formats import Fixed
from hwgen.network import Input, Linear
from hwgen.planning.bounds import MARGIN, SPARE, least_array
from hwgen.planning.cells import adder_of
from hwgen.planning.constants import constant_array, least_constant, may_be_constant
from hwgen.planning.estimate import estimate
from hwgen.planning.folding import Folding, foldings
from hwgen.planning.layers import find_layers
from hwgen.planning.lowering import core_for, window_for
from hwgen.planning.sums import sums_of
from hwgen.targets import get_target
from hwgen_rtl_templates.dot_product import RowParameters, dot_product
from hwgen_rtl_templates.encodings import (
    Binary,
    Booth,
    PowersOfTwo,
    Radix4,
    Ternary,
    TwosComplement,
)
from support.networks import chain

ENCODINGS = (
    *(TwosComplement(bits, True) for bits in (2, 3, 5, 8)),
    *(TwosComplement(bits, False) for bits in (1, 4)),
    *(Booth(4), Booth(8), Radix4(5), Radix4(9), Binary(), Ternary()),
    *(PowersOfTwo(most=3, terms=1), PowersOfTwo(most=6, terms=2)),
)


@pytest.mark.parametrize("target", ["ulx3s-85f", "icebreaker", "arty-a7-35t"])
@pytest.mark.parametrize("x", [(1, False), (4, False), (8, True)])
def test_each_column_adds_what_is_said(target, x):
    bits, signed = x
    least = -(1 << (bits - 1)) if signed else 0
    ends = (least, least + (1 << bits) - 1)
    adder = adder_of(get_target(target))
    for encoding in ENCODINGS:
        for modulus in (bits + 2, 32):

            def places(lanes, accumulates, less=0, encoding=encoding, modulus=modulus):
                row = RowParameters(
                    encoding, lanes, bits, signed, ends, max(1, modulus - less), adder, accumulates
                )
                return dot_product(row).positions

            grown = MARGIN * (places(2, True, SPARE) - places(1, True, SPARE))
            for lanes in (3, 8):
                for accumulates in (False, True):
                    found = places(lanes, accumulates)
                    assert grown * (lanes - 1) <= found, (encoding, modulus, lanes, accumulates)


@pytest.mark.parametrize("seed", range(6))
def test_no_way_to_build_a_layer_takes_less(seed):
    rng = np.random.default_rng(seed)
    outputs, inputs = (int(n) for n in rng.integers(2, 9, 2))
    weight = rng.integers(-7, 8, (outputs, inputs)) * rng.integers(0, 2, (outputs, inputs))
    dense = Linear(weight, rng.integers(-9, 9, outputs), Fixed(4), [1.0])
    network = chain(Input((inputs,), Fixed(4, bool(seed % 2)), [1.0]), dense)
    (layer,) = find_layers(network)
    target = get_target(("ulx3s-85f", "icebreaker", "arty-a7-35t")[seed % 3])
    for folding in foldings(layer):
        least, found = least_array(layer, folding, target), core_for(layer, folding, target)
        assert least.within(estimate(found, target)), f"seed {seed}: {folding}"
    assert may_be_constant(layer, large=False)
    for wired in (Folding(outputs, 1, 1, parallel=1), Folding(outputs, 1, 1, serial=2)):
        least, window = least_constant(layer, wired, target), window_for(layer, wired, target)
        path = constant_array(layer, wired, window, *sums_of(layer).shape)
        assert least.within(estimate(path, target)), f"seed {seed}: {wired}"

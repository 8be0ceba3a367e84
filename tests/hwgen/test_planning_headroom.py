"""A network whose weights cannot fit is refused before anything is planned, with what would fit."""

import re

import numpy as np
import pytest

import hwgen
from hwgen.errors import PlanError
from hwgen.formats import Fixed
from hwgen.network import Input, Linear
from hwgen.planning.layers.find import find_layers
from hwgen.planning.search import candidates
from hwgen.planning.search.headroom import check_headroom
from hwgen.targets import get_target
from support.networks import chain


def dense(outputs, inputs, bits, zeros=0.0):
    rng = np.random.default_rng(0)
    limit = (1 << (bits - 1)) - 1
    weight = rng.integers(-limit, limit + 1, (outputs, inputs))
    weight[rng.random((outputs, inputs)) < zeros] = 0
    op = Linear(weight, np.zeros(outputs, dtype=np.int64), Fixed(bits), [1.0])
    return chain(Input((inputs,), Fixed(8, False), [1.0]), op)


def test_what_would_fit_is_said_and_nothing_is_looked_at(monkeypatch):
    monkeypatch.setattr(candidates, "Bounds", None)
    with pytest.raises(PlanError) as caught:
        hwgen.plan(dense(300, 200, 8), target="icebreaker", goal="1000 fps")
    needs = r"n1: .* take (\d[\d,]*) bits .* there are 122,880 bits .* and 84,480 in look-up tables"
    found = re.search(needs, str(caught.value))
    assert found and 59_000 * 8 < int(found[1].replace(",", "")) <= 60_000 * 8, caught.value
    assert "quantize to 3 bits a weight, or prune 57% of the weights, or choose " in str(
        caught.value
    )


def test_ways_out_are_ways_out():
    target = get_target("icebreaker")
    for network in (dense(300, 200, 3), dense(300, 200, 8, zeros=0.58)):
        check_headroom(find_layers(network), target, ())
    layers = find_layers(dense(300, 200, 8))
    check_headroom(layers, get_target("ulx3s-85f"), ())
    check_headroom(layers, get_target("osu018"), ())
    check_headroom(layers, target, {"n1"})
    with pytest.raises(PlanError, match="choose a larger target"):
        check_headroom(find_layers(dense(3000, 2000, 8)), target, ())

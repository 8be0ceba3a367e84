"""Formulas of compression on numbers that a hand can follow."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from hwgen.cache import Cache
from hwgen.compression import PruneRecipe
from hwgen.compression.counts import _bits
from hwgen.compression.prune.channel_groups import ChannelGroups
from hwgen.compression.prune.importance.taylor import _noting
from hwgen.compression.prune.masks import joined
from hwgen.compression.prune.ranking import keep_strongest
from hwgen.compression.prune.sensitivity import shares_within
from hwgen.compression.quantize import QuantLinear
from hwgen.compression.quantize.calibrate.kl import TINY, _divergence
from hwgen.compression.quantize.fake import fake_quantize
from hwgen.compression.quantize.learned_scales import FixedScale
from hwgen.compression.quantize.observed import observe, place
from hwgen.compression.quantize.weights.bounded import BoundedWeights
from hwgen.compression.quantize.weights.linear import LinearWeights
from hwgen.compression.resume.checkpoints import Checkpoints, state_hash
from hwgen.formats import Fixed
from hwgen.torch_graph.float_graph import INPUT, FloatGraph, FloatNode


def test_taylor_squares_the_sum_of_a_filter():
    squares = []
    note = _noting(nn.Parameter(torch.tensor([[1.0, 2.0], [1.0, 1.0]])), squares)
    note(torch.tensor([[3.0, -1.0], [2.0, -2.0]]))
    assert [square.tolist() for square in squares] == [[1.0, 0.0]]


@pytest.mark.parametrize("end", [4, 5, 8])
@pytest.mark.parametrize("levels", [2, 3])
def test_divergence_of_a_threshold(end, levels):
    """P has what lies beyond in its last bin; Q has not, merged to levels, spread where P is."""
    counts = [4, 0, 3, 2, 1, 0, 5, 7]
    p = [*counts[: end - 1], sum(counts[end - 1 :])]
    q = []
    for level in range(levels):
        part = counts[level * end // levels : (level + 1) * end // levels]
        q += [sum(part) / max(1, sum(c > 0 for c in part)) * (c > 0) for c in part]
    pairs = [(a / sum(p), max(b / sum(q), TINY / end)) for a, b in zip(p, q, strict=True) if a]
    wanted = sum(a * math.log(a / b) for a, b in pairs)
    assert _divergence(np.array(counts, dtype=float), end, levels) == pytest.approx(wanted)


def test_a_share_beyond_a_fall_is_not_taken():
    scan = {
        "a": {0.25: 0.9, 0.5: 0.7, 0.75: 0.95},
        "b": {0.5: 0.8, 0.25: 0.9},
        "c": {0.25: 0.1},
    }
    assert shares_within(scan, 0.8) == {"a": 0.25, "b": 0.5, "c": 0.0}


def test_masks_let_through_what_both_do():
    a, b = torch.tensor([True, True, False]), torch.tensor([True, False, True])
    found = joined({"x": a, "y": a}, {"x": b, "z": b})
    assert {path: mask.tolist() for path, mask in found.items()} == {
        "x": [True, False, False],
        "y": a.tolist(),
        "z": b.tolist(),
    }


def test_as_many_go_as_the_share_says():
    scores = {"w": torch.arange(100).float()}
    kept = keep_strongest(scores, PruneRecipe(weights=0.29), "weights", 1.0)["w"]
    assert kept.tolist() == [False] * 29 + [True] * 71  # 0.29 * 100 is a little less than 29


def test_a_weak_layer_keeps_its_strongest():
    scores = {"weak": torch.tensor([0.1, 0.3, 0.2]), "strong": torch.tensor([5.0, 6.0, 7.0])}
    kept = keep_strongest(scores, PruneRecipe(weights=0.5, scope="global"), "weights", 1.0)
    assert kept["weak"].tolist() == [False, True, False]
    assert kept["strong"].tolist() == [False, True, True]


@pytest.mark.parametrize(
    ("biases", "width"), [([127, -128], 8), ([128, 0], 9), ([-129], 9), ([0], 1), ([-1, 0], 1)]
)
def test_bits_of_biases(biases, width):
    class Given:
        def format(self, weight):
            return Fixed(4)

    float_layer = nn.Linear(3, len(biases))
    layer = QuantLinear("fc", float_layer, Given(), None, torch.ones(len(biases)))
    layer.integer_bias = lambda: torch.tensor(biases, dtype=torch.float64)
    assert _bits(layer) == 4 * 3 * len(biases) + width * len(biases)


def test_features_of_a_channel_stand_together():
    """A flattened image has its channels outermost: the features of one have its number."""
    first, last = nn.Conv2d(1, 3, 1), nn.Linear(12, 2)
    graph = FloatGraph(
        (
            FloatNode("conv", first, (INPUT,), (3, 2, 2)),
            FloatNode("flatten", nn.Flatten(), ("conv",), (12,)),
            FloatNode("fc", last, ("flatten",), (2,)),
        ),
        {INPUT: (1, 2, 2)},
    )
    groups = ChannelGroups(graph)
    channels = groups.of("conv")
    assert len(set(channels)) == 3
    assert groups.of("flatten") == [channel for channel in channels for _ in range(4)]


def test_the_extremes_of_all_batches():
    seen = None
    for batch in ([-4.0, 9.0], [-1.0, 2.0], [-6.0, 0.5], [0.0, 1.0]):
        seen = observe(seen, torch.tensor(batch), "x")
    assert (seen.lo, seen.hi) == (-6.0, 9.0)


@pytest.mark.parametrize(
    ("lo", "hi", "format", "scale", "zero_point"),
    [
        (-16.0, 7.0, Fixed(4), 2.0, 0),  # the negative end reaches further
        (-8.0, 14.0, Fixed(4), 2.0, 0),
        (-1.0, 14.0, Fixed(4), 2.0, 0),
        (-5.0, 10.0, Fixed(4, False), 1.0, 5),
        (2.0, 30.0, Fixed(4, False), 2.0, 0),
        (-4.0, -1.0, Fixed(3), 1.0, 0),
    ],
)
def test_a_grid_holds_what_was_seen(lo, hi, format, scale, zero_point):
    placed = place(lo, hi, format, power_of_two=False)
    assert (float(placed.scale), placed.zero_point) == (scale, zero_point)


@pytest.mark.parametrize("zero_point", [0, 3])
def test_a_clamp_counts_from_the_zero_point(zero_point):
    x, step = torch.tensor([-9.0, -0.5, 0.25, 0.5, 9.0]), torch.tensor(1.0)
    found = fake_quantize(x, step, 0, 7, zero_point)
    assert found.tolist() == [-zero_point, 0.0, 0.0, 1.0, 7 - zero_point]


def test_linear_weights_leave_the_lowest_code_out():
    weights = LinearWeights(Fixed(3), FixedScale(torch.tensor([1.0]), power_of_two=False))
    x = torch.tensor([[-9.0, -3.5, -3.4, 2.5, 9.0]])
    assert weights.integers(x).tolist() == [[-3.0, -3.0, -3.0, 3.0, 3.0]]
    assert weights(x).tolist() == [[-3.0, -3.0, -3.0, 3.0, 3.0]]


def test_a_hash_of_all_that_weights_are():
    base = {"a": torch.tensor([1.0, 2.0]), "b": torch.tensor([3.0, 4.0])}
    others = [
        {"b": base["a"], "a": base["b"]},
        {"a": base["a"].reshape(2, 1), "b": base["b"]},
        {"a": base["a"].reshape(1, 2), "b": base["b"]},
        {"a": base["a"].view(torch.int32), "b": base["b"]},
        {"a": base["a"].clone(), "c": base["b"]},
        {"a": torch.tensor([1.0, 2.0, 3.0, 4.0]), "b": torch.tensor([])},
    ]
    hashes = {state_hash(state) for state in (base, *others)}
    assert len(hashes) == 1 + len(others)
    assert state_hash({"b": base["b"], "a": base["a"].clone()}) == state_hash(base)


def test_results_of_equal_models_are_told_apart_by_their_number(tmp_path):
    """Two trainings of equal weights need not end alike: the second is not the first one's."""
    model = nn.Linear(1, 1)
    asked = []

    def number(n):
        asked.append(n)
        return float(n)

    for _ in range(2):
        checkpoints = Checkpoints(cache=Cache(tmp_path))
        found = [checkpoints.number("loss", model, lambda n=n: number(n)) for n in (1, 2)]
        assert found == [1.0, 2.0]
    assert asked == [1, 2], "what is known is not computed again"


@pytest.mark.parametrize("norm", [5, 9, 20])
def test_weights_that_outgrew_their_norm_are_brought_back_within_it(norm):
    """As in training, when the scale stays and weights grow: both signs are cut towards zero."""
    weight = torch.tensor([[3.0, -3.0, 2.5, -2.5], [-4.0, -4.0, -4.0, -4.0]])
    bounded = BoundedWeights(Fixed(8), FixedScale(torch.tensor([1.0, 0.5]), False), norm)
    integers = bounded.integers(weight)
    assert int(integers.abs().sum(1).max()) <= norm
    assert torch.equal(bounded(weight).double(), integers * bounded.step.exact()[:, None])

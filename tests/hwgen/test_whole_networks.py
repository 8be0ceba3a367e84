"""Random whole networks: golden == RTL, bit for bit, and every predicted clock as simulated."""

from itertools import product

import numpy as np
import pytest
import torch

import hwgen
from support.coverage import covered
from support.networks import CHAIN, GRAPH, MIXED, TABLES, random_network
from support.selection import some
from support.torch_models import random_module
from support.whole import FRAMES, check, planned, random_goal

KINDS = {
    "chain": CHAIN,
    "graph": GRAPH,  # branches, sums, concatenations, depthwise and grouped convolutions
    "mixed": MIXED,  # weights of every number format and binary activations, in one network
    "tables": TABLES,  # functions of one value, behind requantizers, thresholds and alone
}
# Few networks that hold together all that those of the first 24 seeds of each kind do: ops,
# formats, ways to build a layer, what follows its sums, and the memories it takes (`covered`).
COVER = {
    "chain": (14, 15),
    "graph": (1, 10, 23),
    "mixed": (5, 6, 7, 11, 15, 16, 17, 18, 20),
    "tables": (0, 2, 4, 6, 7, 9, 10, 18, 21),
}
TORCH = (1, 6)  # each option of the recipe both ways, chains and branches


COVERING = [(kind, seed) for kind, seeds in COVER.items() for seed in seeds]
COVERING = [case for case in COVERING if case[0] != "tables" or case[1] in (0, 6)]  # as they cost


@pytest.mark.parametrize(("kind", "seed"), some(product(KINDS, range(24)), COVERING))
def test_random_network(kind, seed, tmp_path):
    check(random_network(seed, KINDS[kind]), tmp_path / "net", seed)


@pytest.mark.slow
def test_few_seeds_cover_what_many_do():
    plans = {
        (kind, seed): covered(planned(random_network(seed, KINDS[kind]), random_goal(seed)))
        for kind in KINDS
        for seed in range(24)
    }
    few = set[str]().union(*(plans[kind, seed] for kind in COVER for seed in COVER[kind]))
    assert few == set[str]().union(*plans.values())


@pytest.mark.parametrize("seed", some(range(26), TORCH))
def test_torch_equals_golden_equals_rtl(seed, tmp_path):
    """Random CNNs from PyTorch: the module, golden and the simulated Verilog agree in each bit."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    model, x = random_module(rng, branches=seed % 2 == 0)
    bits = 2 + seed % 7
    raw = seed % 3 == 2 and isinstance([*model.modules()][-1], torch.nn.Linear)
    recipe = hwgen.QuantizeRecipe(
        weights=f"int{bits}",
        activations=f"uint{2 + int(rng.integers(7))}",
        output=None if raw else ("int8", "uint6")[seed // 4 % 2],
        asymmetric=bool(seed % 2),
        scales=("free", "power_of_two")[seed // 2 % 2],
    )
    done = hwgen.compress(model, hwgen.Recipe(quantize=recipe), calibration=[x])
    network = hwgen.import_torch(done.module, x[:1])
    plan = planned(network, random_goal(seed))
    package = hwgen.generate(plan, tmp_path / "net")
    frames = x[:FRAMES]
    q = network.quantize(frames.numpy())
    golden = network.run(q)
    with torch.no_grad():
        real = done.module(frames).numpy().reshape(golden.shape)
    assert np.array_equal(real, network.dequantize(golden)), f"seed {seed}"
    for stalls in (0.0, 0.3):
        result = package.simulate(q, simulator="icarus", stalls=stalls, seed=seed, timeout=300)
        assert np.array_equal(result.outputs, golden), f"seed {seed}: {result.first_difference}"
        assert result.violations == ()
        if not stalls:
            assert result.frame_ends == plan.timing_of(FRAMES).frame_ends, f"seed {seed}"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 125))
def test_random_network_at_length(seed, tmp_path):
    check(random_network(seed), tmp_path / "net", seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 125))
def test_random_graph_at_length(seed, tmp_path):
    check(random_network(seed, GRAPH), tmp_path / "net", seed)


@pytest.mark.parametrize(
    ("kind", "seed"), some(product(KINDS, range(30)), [*product(KINDS, range(2))])
)
def test_no_clock_is_idle(kind, seed):
    plan = planned(random_network(seed + 5000, KINDS[kind]), random_goal(seed))
    assert plan.interval <= max(plan.busy + 3, plan.busy / 0.97), f"seed {seed}"

"""Every pruner with every quantizer, and chains of two pruners: torch == golden == counts."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch
from torch import nn

from hwgen.compression import PruneRecipe, QuantizeRecipe, Recipe, compress
from hwgen.compression.prune import check_masks
from hwgen.errors import HwgenError
from hwgen.network import Conv2d, Linear
from support.exactness import assert_equal
from support.selection import crossed
from support.torch_models import random_norm

X = torch.randn(16, 1, 6, 6, generator=torch.Generator().manual_seed(0))
PRUNERS = {
    "channels": {"channels": 0.5},
    "blocks": {"blocks": 1},
    "shapes": {"shapes": 0.5},
    "stripes": {"stripes": 0.5},
    "weights": {"weights": 0.7},
}
CHAINS = [(*pair,) for pair in combinations(PRUNERS, 2)]
MIXED = {"stem": "int8/uint6", "a": "ternary", "b": "pot4", "fc": "cb3:6"}
QUANTIZERS = {
    "symmetric": QuantizeRecipe("int4", "uint4"),
    "asymmetric": QuantizeRecipe("int5", "uint4", asymmetric=True, input="uint8"),
    "asymmetric weights": QuantizeRecipe("int4", "uint4", asymmetric_weights=True),
    "power-of-two scales": QuantizeRecipe("int4", "uint4", scales="power_of_two"),
    "int8": QuantizeRecipe.int8(),
    "pot4": QuantizeRecipe("pot4", "uint4", incremental=(0.5, 1.0)),
    "pot4x2": QuantizeRecipe("pot4x2", "uint4"),
    "binary weights": QuantizeRecipe("binary", "uint2", input="int8"),
    "binary": QuantizeRecipe("binary", "binary", input="int8"),
    "ternary": QuantizeRecipe("ternary", "uint4"),
    "codebook": QuantizeRecipe("cb3:8", "uint4"),
    "mixed": QuantizeRecipe("int4", "uint4", layers=MIXED),
    "budget": QuantizeRecipe("int4", "uint4", budget=2000),
    "accumulator": QuantizeRecipe("int4", "uint4", accumulator=12),
}
NO_ZERO = ("binary weights", "binary")  # what is zeroed cannot stay zero


pytestmark = pytest.mark.usefixtures("one_thread")


class Residual(nn.Module):
    """A small residual CNN."""

    def __init__(self):
        super().__init__()
        self.stem, self.norm = nn.Conv2d(1, 4, 3, padding=1, bias=False), random_norm(4)
        self.a, self.b = nn.Conv2d(4, 6, 3, padding=1), nn.Conv2d(6, 4, 3, padding=1)
        self.relu, self.pool, self.fc = nn.ReLU(), nn.MaxPool2d(2), nn.Linear(36, 3)

    def forward(self, x):
        x = self.relu(self.norm(self.stem(x)))
        x = self.relu(x + self.b(self.relu(self.a(x))))
        return self.fc(self.pool(x).flatten(1))


def train(model: nn.Module, epochs: int) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.1)
    labels = torch.arange(len(X)) % 3
    for _ in range(epochs):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(X), labels).backward()
        optimizer.step()


def check(prune: PruneRecipe, quantize: QuantizeRecipe, hint: str) -> None:
    """Compress, with a step of training and without, and compare all that must be equal."""
    torch.manual_seed(0)
    model = Residual()
    gone = prune.blocks > 0
    layers = {path: f for path, f in quantize.layers.items() if not gone or path not in "ab"}
    incremental = quantize.incremental
    for epochs in (0, 1):
        recipe = Recipe(
            replace(prune, epochs=epochs),
            replace(
                quantize, layers=layers, epochs=epochs, incremental=incremental if epochs else ()
            ),
        )
        done = compress(model, recipe, example=X[:1], calibration=[X], train=train)
        network = assert_equal(done.module, torch.cat([X, 3 * X]), f"{hint}, epochs {epochs}")
        last = done.history[-1]
        ops = [node.op for node in network.nodes if isinstance(node.op, Conv2d | Linear)]
        assert last.parameters == network.size.parameters, hint
        assert last.macs == network.size.macs, hint
        assert last.sparsity.weights.zero == sum(int((op.weight == 0).sum()) for op in ops), hint
        float_model = [r for r in done.history if r.step in ("prune", "fine-tune", "blocks")][-1]
        assert last.parameters == float_model.parameters and last.macs == float_model.macs, hint
        for kind in ("weights", "shapes", "stripes"):  # zeroed is zero in the end
            kept = getattr(float_model.sparsity, kind)
            assert getattr(last.sparsity, kind).zero >= kept.zero, (hint, kind)
            assert kept.share >= getattr(prune, kind) - 0.12, (hint, kind)
        for op in ops:
            assert op.weight_format.holds(op.weight), hint


@pytest.mark.parametrize(("pruner", "quantizer"), crossed([*PRUNERS], [*QUANTIZERS]))
def test_every_pair(pruner, quantizer):
    prune, hint = PruneRecipe(**PRUNERS[pruner]), f"{pruner}, {quantizer}"
    if quantizer in NO_ZERO and pruner not in ("channels", "blocks"):
        with pytest.raises(HwgenError, match=r"^\w+: weights that are pruned must stay zero.*int4"):
            check(prune, QUANTIZERS[quantizer], hint)
        return
    check(prune, QUANTIZERS[quantizer], hint)


@pytest.mark.parametrize("chain", CHAINS, ids=" then ".join)
def test_chains_of_two(chain):
    settings = {**PRUNERS[chain[0]], **PRUNERS[chain[1]]}
    for quantizer in ("symmetric", "mixed"):
        check(PruneRecipe(**settings), QUANTIZERS[quantizer], f"{chain}, {quantizer}")


@pytest.mark.parametrize("chain", CHAINS, ids=" then ".join)
def test_one_run_behind_the_other(chain):
    """Two runs, in either order: what the first zeroed stays, as zeros are the weakest."""
    for first, second in (chain, chain[::-1]):
        torch.manual_seed(0)
        once = compress(
            Residual(), Recipe(PruneRecipe(**PRUNERS[first])), example=X[:1], calibration=[X]
        ).module
        masks = {
            path: module.weight != 0
            for path, module in once.named_modules()
            if isinstance(module, nn.Conv2d | nn.Linear)
        }
        twice = compress(
            once, Recipe(PruneRecipe(**PRUNERS[second])), example=X[:1], calibration=[X]
        )
        if second not in ("channels", "blocks"):
            check_masks(twice.module, masks)
        before, after = (
            sum(int((p == 0).sum()) for p in model.parameters()) for model in (once, twice.module)
        )
        assert second in ("channels", "blocks") or after >= before
        assert np.isfinite(twice.module(X).detach().numpy()).all()

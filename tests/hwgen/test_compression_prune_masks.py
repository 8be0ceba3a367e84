"""Masked weights are exactly zero: after pruning, fine-tuning, quantization, in the network."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from hwgen.compression import PruneRecipe, PruneTarget, QuantizeRecipe, Recipe, compress
from hwgen.compression.prune import find_blocks, holding, penalty, scan_sensitivity, shares_within
from hwgen.compression.prune.masks import check_masks
from hwgen.compression.prune.penalty import PENALTIES
from hwgen.errors import HwgenError, InternalError
from hwgen.importers.from_torch import import_torch
from hwgen.network import Affine, Conv2d, Linear
from support.pruned import MASKING, X, residual, train
from support.selection import crossed
from support.torch_models import ResidualDigits, random_module


def zeros(weights: list[np.ndarray]) -> int:
    return sum(int((weight == 0).sum()) for weight in weights)


@pytest.mark.parametrize(
    ("name", "bits"), crossed([*MASKING], ["int8/uint8", "int4/uint4", "int2/uint2"])
)
def test_torch_is_golden_and_counts_agree(name, bits):
    weights, activations = bits.split("/")
    quantize = QuantizeRecipe(weights, activations, epochs=2)
    done = compress(
        residual(), Recipe(MASKING[name], quantize), example=X[:1], train=train, calibration=[X]
    )
    network = import_torch(done.module, X[:1])
    q = network.quantize(X.numpy())
    with torch.no_grad():
        real = done.module(X).numpy()
    out = network.output
    assert np.array_equal(np.rint(real / out.scale) + out.zero_point, network.run(q))
    ops = [node.op for node in network.nodes if isinstance(node.op, Conv2d | Linear)]
    last = done.history[-1]
    assert last.parameters == sum(op.weight.size + op.bias.size for op in ops)
    assert last.sparsity.weights.zero == zeros([op.weight for op in ops])
    assert last.sparsity.weights.total == sum(op.weight.size for op in ops)
    assert last.sparsity.shapes.zero == sum(int((op.weight == 0).all(0).sum()) for op in ops)
    striped = [op.weight for op in ops if op.weight.ndim == 4 and op.weight[0, 0].size > 1]
    assert last.sparsity.stripes.zero == sum(int((w == 0).all(1).sum()) for w in striped)
    tuned = [record for record in done.history if record.step.startswith("fine-tune")][-1]
    for kind in ("weights", "shapes", "stripes"):  # what was promised is there in the end
        share = getattr(MASKING[name], kind)
        counted = getattr(tuned.sparsity, kind)
        assert getattr(last.sparsity, kind).zero >= counted.zero
        assert counted.share >= share - 0.06 or not share, (kind, counted)


@pytest.mark.parametrize("scope", ["layer", "global"])
def test_the_smallest_weights_go_and_no_other(scope):
    model = residual()
    recipe = PruneRecipe(weights=0.7, scope=scope)
    module = compress(model, Recipe(recipe), example=X[:1]).module
    before = {n: p.detach() for n, p in model.named_parameters() if p.dim() > 1}
    after = dict(module.named_parameters())
    if scope == "global":
        assert zeros([after[n].detach().numpy() for n in before]) == int(
            0.7 * sum(p.numel() for p in before.values()) + 1e-9
        )
        below = max(float(p.abs()[after[n] == 0].max()) for n, p in before.items())
        above = min(float(p.abs()[after[n] != 0].min()) for n, p in before.items())
        assert below <= above
    for name, weight in before.items():
        gone = after[name] == 0
        assert torch.equal(after[name][~gone], weight[~gone])
        if scope == "layer":
            assert int(gone.sum()) == int(0.7 * weight.numel() + 1e-9)
            assert weight.abs()[gone].max() <= weight.abs()[~gone].min()


def test_global_pruning_leaves_something_of_each_layer():
    model = residual()
    with torch.no_grad():
        model.a.weight.mul_(1e-9)
    done = compress(model, Recipe(PruneRecipe(weights=0.95, scope="global")), example=X[:1])
    assert int((done.module.a.weight != 0).sum()) == 1


def test_shapes_are_the_same_in_every_filter():
    model = residual()
    module = compress(model, Recipe(PruneRecipe(shapes=0.5)), example=X[:1]).module
    for name in ("stem", "a", "b", "depthwise", "grouped", "fc"):
        strength = getattr(model, name).weight.detach().abs().sum(0)
        zero = (getattr(module, name).weight == 0).all(0)
        assert int(zero.sum()) == strength.numel() // 2
        assert torch.equal(zero, (getattr(module, name).weight == 0).any(0))
        assert strength[zero].max() <= strength[~zero].min()


@pytest.mark.parametrize("group", [1, 3, 4])
def test_stripes_go_by_groups_of_filters(group):
    model = residual()
    recipe = Recipe(PruneRecipe(stripes=0.5, group=group))
    module = compress(model, recipe, example=X[:1]).module
    for name in ("stem", "a", "b", "depthwise"):
        zero = getattr(module, name).weight == 0
        assert torch.equal(zero.all(1), zero.any(1))
        for start in range(0, len(zero), group):
            rows = zero[start : start + group].all(1)
            assert torch.equal(rows, rows[:1].expand_as(rows))
        groups = -(-len(zero) // group)
        assert int(zero.all(1)[::group].sum()) == int(0.5 * groups * 9)
    assert not (module.grouped.weight == 0).any() and not (module.fc.weight == 0).any()


def test_a_skeleton_learns_which_stripes_go():
    """A stripe that hurts shrinks, one that helps grows; without a gradient only L1 acts."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 2, 3, bias=False), nn.Flatten(), nn.Linear(2, 1))
    x = torch.randn(64, 1, 3, 3)
    with torch.no_grad():
        model[0].weight.fill_(0.5)
        model[2].weight.fill_(1.0)
    target = x[:, 0, 1, 1, None]  # the middle alone is wanted
    seen = []

    def fit(module: nn.Module, epochs: int) -> None:
        seen.append([name for name, _ in module.named_parameters()])
        optimizer = torch.optim.SGD(module.parameters(), lr=0.05)
        for _ in range(60):
            optimizer.zero_grad()
            (module(x) - target).square().mean().backward()
            optimizer.step()

    recipe = Recipe(PruneRecipe(stripes=0.8, skeleton=0.01, epochs=1))
    done = compress(model, recipe, example=x[:1], train=fit)
    assert [r.step for r in done.history] == ["float", "skeleton", "prune", "fine-tune"]
    assert any("parametrizations" in name for name in seen[0]) and "0.weight" in seen[1]
    assert type(done.module[0]) is nn.Conv2d
    kept = (done.module[0].weight != 0)[:, 0]
    assert kept[:, 1, 1].all() and int(kept.sum()) == 18 - int(0.8 * 18)


@pytest.mark.parametrize("make", ["sgd", "adam", "adamw", "rogue"])
def test_no_optimizer_moves_what_is_held(make):
    model = residual()
    masks = {"a": torch.rand(model.a.weight.shape) > 0.5, "fc": torch.rand(5, 32) > 0.9}
    makers = {
        "sgd": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
        "adam": lambda p: torch.optim.Adam(p, lr=0.1, weight_decay=0.1),
        "adamw": lambda p: torch.optim.AdamW(p, lr=0.1),
        "rogue": lambda p: torch.optim.SGD(p, lr=0.1),
    }
    with holding(model, masks):
        optimizer = makers[make](model.parameters())
        for _ in range(3):
            optimizer.zero_grad()
            (model(X).square().mean() + model(X).sum()).backward()  # two forwards, one backward
            optimizer.step()
            if make == "rogue":
                with torch.no_grad():
                    model.a.weight.add_(1.0)
            else:
                check_masks(model, masks)
    check_masks(model, masks)
    assert not model.a._forward_pre_hooks and model.a.weight._backward_hooks == {}
    with torch.no_grad():
        model.fc.weight.fill_(1.0)
    with pytest.raises(InternalError, match="^fc: a pruned weight is not zero"):
        check_masks(model, masks)


def test_frozen_layers_may_be_masked():
    model = residual()
    model.a.requires_grad_(False)
    before = copy.deepcopy(model.a.weight.data)
    done = compress(model, Recipe(PruneRecipe(weights=0.5, epochs=1)), example=X[:1], train=train)
    kept = done.module.a.weight != 0
    assert int(kept.sum()) == before.numel() // 2
    assert torch.equal(done.module.a.weight[kept], before[kept])


def test_shares_of_single_layers():
    recipe = PruneRecipe(weights=0.5, layers={"a": 0.9, "fc": 0})
    module = compress(residual(), Recipe(recipe), example=X[:1]).module
    assert int((module.a.weight == 0).sum()) == int(0.9 * module.a.weight.numel())
    assert int((module.fc.weight == 0).sum()) == 0
    with pytest.raises(HwgenError, match=r"^nobody: PruneRecipe\.layers must name layers with"):
        recipe = PruneRecipe(weights=0.5, layers={"nobody": 0.9})
        compress(residual(), Recipe(recipe), example=X[:1])


@pytest.mark.parametrize("kind", ["channels", "shapes", "stripes", "weights"])
def test_sensitivity_prunes_one_layer_at_a_time(kind):
    model = residual()
    before = copy.deepcopy(model.state_dict())
    full = sum(p.numel() for p in model.parameters())

    def evaluate(module: nn.Module) -> float:
        return sum(int((p != 0).sum()) for p in module.parameters()) / full

    scan = scan_sensitivity(model, X[:1], evaluate, kind, shares=(0.25, 0.5))
    layers = {"stem", "a", "b", "depthwise", "grouped", "fc"}
    expected = {
        **{"channels": {"stem", "a"}, "stripes": {"stem", "a", "b", "depthwise"}},
    }.get(kind, layers)
    assert set(scan) == expected
    assert all(1 > row[0.25] > row[0.5] > 0 for row in scan.values())
    assert shares_within(scan, 2.0) == dict.fromkeys(scan, 0.0)
    assert shares_within(scan, 0.0) == dict.fromkeys(scan, 0.5)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    found = shares_within(scan, scan["a"][0.25])
    module = compress(model, Recipe(PruneRecipe(**{kind: 0.5}, layers=found)), example=X[:1]).module
    assert module(X).shape == (24, 5)


@pytest.mark.parametrize("kind", PENALTIES)
def test_penalties(kind):
    """By their formulas, with a gradient that is finite at zero; also of quantized models."""
    model = residual()
    with torch.no_grad():
        model.a.weight[0] = 0
        model.a.weight[:, 0] = 0
    found = penalty(model, kind, 0.5)
    found.backward()
    grads = [p.grad for p in model.parameters() if p.grad is not None]
    assert grads and all(bool(torch.isfinite(grad).all()) for grad in grads)
    total = 0.0
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d) and kind == "norms":
            total += module.weight.abs().sum().item()
        elif isinstance(module, nn.Conv2d | nn.Linear) and kind != "norms":
            weight = module.weight.detach().double().numpy()
            weight = weight.reshape(*weight.shape, *[1] * (4 - weight.ndim))
            if kind == "weights":
                total += np.abs(weight).sum()
            elif kind != "stripes" or weight[0, 0].size > 1:
                axes = {"filters": (1, 2, 3), "channels": (0, 2, 3), "shapes": 0, "stripes": 1}
                total += np.sqrt((weight**2).sum(axes[kind])).sum()
    assert found.item() == pytest.approx(0.5 * total)
    quantized = compress(residual(), Recipe(quantize=QuantizeRecipe()), example=X, calibration=[X])
    if kind == "norms":
        with pytest.raises(HwgenError, match="Penalty on norms needs layers"):
            penalty(quantized.module, kind, 1.0)
    else:
        penalty(quantized.module, kind, 1.0).backward()
        one = penalty(model, kind, 1.0, layers=["a"])
        assert 0 < one.item() < penalty(model, kind, 1.0).item()


def test_penalties_refuse():
    with pytest.raises(HwgenError, match="Kind of penalty must be one of weights"):
        penalty(residual(), "rows", 1.0)
    with pytest.raises(HwgenError, match="^x: penalty must name layers"):
        penalty(residual(), "weights", 1.0, layers=["x"])


def test_blocks_are_removed_for_real():
    """Removing a block equals a branch of zeros."""
    model = residual().eval()
    assert [block.layers for block in find_blocks(model, X[:1])] == [
        ("a", "relu", "b"),
        ("depthwise", "relu", "grouped"),
    ]
    done = compress(model, Recipe(PruneRecipe(blocks=1)), example=X[:1], calibration=[X])
    gone = [{"a", "b"}, {"depthwise", "grouped"}]
    errors = []
    for names in gone:
        silent = copy.deepcopy(model)
        with torch.no_grad():
            for name in names:
                getattr(silent, name).weight.zero_()
                getattr(silent, name).bias.zero_()
            errors.append((float((silent(X) - model(X)).square().mean()), silent, names))
    _, silent, names = min(errors, key=lambda error: error[0])
    assert torch.equal(done.module(X), silent(X))
    assert names.isdisjoint(name for name, _ in done.module.named_modules())
    assert done.history[-1].parameters < done.history[0].parameters
    assert [record.step for record in done.history] == ["float", "blocks"]
    both = Recipe(
        PruneRecipe(0.5, blocks=2, weights=0.5, epochs=1), QuantizeRecipe("int8", "uint8", epochs=1)
    )
    done = compress(model, both, example=X[:1], calibration=[X], train=train)
    network = import_torch(done.module, X[:1])
    ops = [node.op for node in network.nodes if isinstance(node.op, Conv2d | Linear)]
    assert [op.weight.shape[0] for op in ops] == [4, 5]
    assert done.history[-1].parameters == sum(op.weight.size + op.bias.size for op in ops)
    done = compress(model, Recipe(PruneRecipe(blocks=2)), example=X[:1], calibration=[X])
    assert find_blocks(done.module.train(), X[:1]) == []
    with pytest.raises(HwgenError, match="blocks to remove must be at most 2"):
        compress(model, Recipe(PruneRecipe(blocks=3)), example=X[:1], calibration=[X])


def test_blocks_that_others_need_stay():
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c = (nn.Conv2d(2, 2, 1) for _ in range(3))

        def forward(self, x):
            inner = self.a(x)  # used twice: not this addition's alone
            y = x + self.b(inner)
            return y + self.c(inner)

    assert find_blocks(Shared(), X[:1]) == []
    assert [block.layers for block in find_blocks(ResidualDigits(), X[:1, :1])] == [
        ("depthwise", "depthwise_norm", "pointwise", "pointwise_norm")
    ]


@pytest.mark.parametrize("seed", range(6))
def test_random_branched_networks_in_all_kinds(seed):
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    model, x = random_module(rng, branches=True)
    kinds = {"channels": 0.3, "shapes": 0.3, "weights": 0.4}
    recipe = PruneRecipe(**kinds, scope=("layer", "global")[seed % 2], steps=2, epochs=0)
    done = compress(model, Recipe(recipe, QuantizeRecipe()), example=x[:1], calibration=[x])
    network = import_torch(done.module, x[:1])
    with torch.no_grad():
        real = done.module(x).numpy()
    out = network.output
    golden = network.run(network.quantize(x.numpy()))
    ours = np.rint(real.reshape(golden.shape) / out.scale.reshape(-1, *[1] * (golden.ndim - 2)))
    assert np.array_equal(ours + out.zero_point, golden), f"seed {seed}"
    ops = [node.op for node in network.nodes if isinstance(node.op, Conv2d | Linear)]
    record = done.history[-1]
    assert record.sparsity.weights.zero == zeros([op.weight for op in ops]), f"seed {seed}"
    ops += [node.op for node in network.nodes if isinstance(node.op, Affine)]
    assert record.parameters == sum(op.weight.size + op.bias.size for op in ops), f"seed {seed}"


def test_recipes_refuse():
    cases = [
        ({"weights": 1.0}, r"Share of weights to prune must lie in \[0, 1\), not 1.0"),
        ({"stripes": -1}, "Share of stripes"),
        ({"shapes": float("nan")}, "Share of shapes"),
        ({"layers": {"a": 1}}, "Share of layer a"),
        ({"importance": "l3"}, "Importance must be one of l1, l2"),
        ({"scope": "all"}, "Scope must be one of layer, global, not 'all'"),
        ({"multiple": 0}, "PruneRecipe.multiple must be an integer of at least 1"),
        ({"steps": 0.5}, "PruneRecipe.steps must be an integer"),
        ({"blocks": -1}, "Number of blocks to remove must be"),
        ({"skeleton": 1e-3}, "Skeleton needs stripes to remove"),
        ({"stripes": 0.5, "skeleton": -1}, "Strength of skeleton must be at least 0"),
    ]
    for settings, message in cases:
        with pytest.raises(HwgenError, match=message):
            PruneRecipe(**settings)
    for settings in ({"macs": "few"}, {"sparsity": 1.0}, {"accuracy": float("nan")}):
        with pytest.raises(HwgenError, match="Target"):
            PruneTarget(**settings)
    with pytest.raises(HwgenError, match="Stripes need a convolution with a kernel of more"):
        compress(nn.Linear(4, 4), Recipe(PruneRecipe(stripes=0.5)), example=torch.randn(1, 4))

"""Which channels matter least, by each method, against formulas written out here."""

import numpy as np
import pytest
import torch
from torch import nn

from hwgen.compression import PruneRecipe, PruneTarget, QuantizeRecipe, Recipe, compress
from hwgen.compression.prune.importance.reconstruction import greedy_order
from hwgen.compression.recipes.prune_recipe import IMPORTANCES
from hwgen.errors import HwgenError
from hwgen.importers.from_torch import import_torch
from hwgen.network import Conv2d, Linear
from support.pruned import X, residual, train
from support.selection import crossed
from support.torch_models import random_norm


def pair() -> nn.Sequential:
    torch.manual_seed(3)
    return nn.Sequential(
        *(nn.Conv2d(2, 10, 3, bias=False), random_norm(10), nn.ReLU(), nn.Conv2d(10, 5, 6)),
        nn.Flatten(),
    ).eval()


def kept_of(model: nn.Sequential, module: nn.Sequential) -> set[int]:
    """Which filters of the first convolution are left."""
    rows = [row.tobytes() for row in model[0].weight.detach().numpy()]
    return {rows.index(row.tobytes()) for row in module[0].weight.detach().numpy()}


def expected_scores(model: nn.Sequential, importance: str) -> np.ndarray:
    rows = model[0].weight.detach().double().numpy().reshape(10, -1)
    if importance == "l1":
        return np.abs(rows).sum(1)
    if importance == "l2":
        return np.sqrt((rows**2).sum(1))
    if importance == "norm_scale":
        return np.abs(model[1].weight.detach().numpy())
    return np.array([sum(np.linalg.norm(a - b) for b in rows) for a in rows])  # median


@pytest.mark.parametrize("importance", ["l1", "l2", "norm_scale", "median"])
def test_weights_alone(importance):
    model = pair()
    recipe = Recipe(PruneRecipe(0.4, importance=importance))
    module = compress(model, recipe, example=X[:1]).module
    best = np.argsort(expected_scores(model, importance))[4:]
    assert kept_of(model, module) == set(best.tolist())


def test_taylor():
    """One batch, written out: the square of the sum of gradient times weight."""
    model = pair()
    labels = torch.arange(len(X)) % 5

    def one_batch(module: nn.Module, epochs: int) -> None:
        assert epochs == 1
        nn.functional.cross_entropy(module(X), labels).backward()

    recipe = Recipe(PruneRecipe(0.4, importance="taylor", epochs=0))
    module = compress(model, recipe, example=X[:1], train=one_batch).module
    reference = pair().train()
    one_batch(reference, 1)
    weight = reference[0].weight
    scores = ((weight.grad * weight).double().flatten(1).sum(1) ** 2).tolist()
    assert kept_of(model, module) == set(np.argsort(scores)[4:].tolist())
    assert model[0].weight.grad is None

    def idle(module: nn.Module, epochs: int) -> None: ...

    with pytest.raises(HwgenError, match="^0: importance taylor saw no gradient"):
        compress(model, recipe, example=X[:1], train=idle)


def test_reconstruction():
    """The sums of the next layer, channel by channel, and the greedy choice by brute force."""
    model = pair()
    recipe = Recipe(PruneRecipe(0.4, importance="reconstruction"))
    module = compress(model, recipe, example=X[:1], calibration=[X]).module
    with torch.no_grad():
        hidden = model[:3](X).double()
        weight = model[3].weight.double()
        parts = [torch.einsum("nyx,oyx->no", hidden[:, c], weight[:, c]) for c in range(10)]
    gone: list[int] = []
    for _ in range(4):
        left = [c for c in range(10) if c not in gone]
        errors = [float(sum(parts[i] for i in [*gone, c]).square().sum()) for c in left]
        gone.append(left[int(np.argmin(errors))])
    assert kept_of(model, module) == set(range(10)) - set(gone)


def test_channels_that_cancel_go_together():
    shares = torch.tensor([[3.0, 0.0], [-3.0, 0.1], [0.0, 2.0], [4.0, 4.0]], dtype=torch.float64)
    order = greedy_order(shares @ shares.T)
    rest: list[int] = []
    for chosen in order:
        left = [c for c in range(4) if c not in rest]
        errors = {c: float(shares[[*rest, c]].sum(0).square().sum()) for c in left}
        assert errors[chosen] == min(errors.values())
        rest.append(chosen)


@pytest.mark.parametrize(("importance", "scope"), crossed(IMPORTANCES, ("layer", "global")))
def test_every_importance_through_the_whole_way(importance, scope):
    """Through residual adds, depthwise and grouped layers, and a flatten; golden equals torch."""
    model = residual()
    if importance == "norm_scale":
        for name in ("a", "b", "depthwise", "grouped"):
            conv = getattr(model, name)
            setattr(model, name, nn.Sequential(conv, random_norm(conv.out_channels)))
    recipe = Recipe(
        PruneRecipe(0.5, importance=importance, scope=scope, epochs=1, steps=2),
        QuantizeRecipe(epochs=1),
    )
    done = compress(model, recipe, example=X[:1], train=train, calibration=[X])
    network = import_torch(done.module, X[:1])
    with torch.no_grad():
        real = done.module(X).numpy()
    out = network.output
    golden = network.run(network.quantize(X.numpy()))
    assert np.array_equal(np.rint(real / out.scale) + out.zero_point, golden)
    ops = [node.op for node in network.nodes if isinstance(node.op, Conv2d | Linear)]
    assert done.history[-1].parameters == sum(op.weight.size + op.bias.size for op in ops)
    widths = [op.weight.shape[0] for op in ops[:2]]
    if scope == "layer":
        assert widths == [4, 6]
    else:  # a group of 4 pairs, one of 12 channels: half of the 16
        assert widths[0] // 2 + widths[1] in (8, 9)


def test_what_importances_need():
    cases = [
        (PruneRecipe(0.5, importance="taylor"), "Importance taylor needs train"),
        (PruneRecipe(0.5, importance="reconstruction"), "reconstruction needs calibration"),
        (PruneRecipe(blocks=1), "Removing blocks needs calibration"),
        (PruneRecipe(stripes=0.5, skeleton=1e-3), "A skeleton needs train"),
        (PruneRecipe(0.5, target=PruneTarget(accuracy=0.9)), "target accuracy needs evaluate"),
        (PruneRecipe(0.5, target=PruneTarget(cost=9)), "A target cost needs measure"),
        (PruneRecipe(0.5, importance="norm_scale"), "^a: importance norm_scale needs a BatchNorm"),
    ]
    for recipe, message in cases:
        with pytest.raises(HwgenError, match=message):
            compress(residual(), Recipe(recipe), example=X[:1])


@pytest.mark.parametrize(
    ("multiple", "widths"), [(1, (4, 5)), (4, (4, 8)), (8, (8, 8)), (16, (8, 12))]
)
def test_counts_are_multiples(multiple, widths):
    recipe = PruneRecipe(0.6, multiple=multiple)
    module = compress(residual(), Recipe(recipe), example=X[:1]).module
    assert (module.stem.out_channels, module.a.out_channels) == widths


def test_steps_grow_evenly_and_end_where_one_shot_does():
    recipe = Recipe(PruneRecipe(0.75, steps=3, epochs=1))
    done = compress(residual(), recipe, example=X[:1], train=train)
    steps = [f"{name} {k}/3" for k in (1, 2, 3) for name in ("prune", "fine-tune")]
    assert [record.step for record in done.history] == ["float", *steps]
    once = compress(residual(), Recipe(PruneRecipe(0.75)), example=X[:1])
    assert done.history[-1].parameters == once.history[-1].parameters
    counts = [record.parameters for record in done.history[::2]]
    assert sorted(counts, reverse=True) == counts and len(set(counts)) == 4
    assert done.stopped == once.stopped == "shares reached"


def test_cubic_steps_shrink():
    """1 - (1 - k / 4)**3 of the shares: most of it at first, all of it at the end."""
    recipe = PruneRecipe(weights=0.8, steps=4, growth="cubic", epochs=1)
    assert [recipe.progress(k) for k in (1, 2, 3, 4)] == [37 / 64, 7 / 8, 63 / 64, 1.0]
    done = compress(residual(), Recipe(recipe), example=X[:1])
    zeros = [r.sparsity.weights.share for r in done.history if r.step.startswith("prune")]
    assert zeros == pytest.approx([0.4625, 0.7, 0.7875, 0.8], abs=0.02)
    with pytest.raises(HwgenError, match="Growth must be one of linear, cubic, not 'quick'"):
        PruneRecipe(growth="quick")


def test_targets_stop_the_steps():
    full = compress(residual(), Recipe(PruneRecipe(0.75, steps=6)), example=X[:1]).history
    middle = full[3]
    measured: list[float] = []

    def measure(module: nn.Module) -> float:
        measured.append(sum(p.numel() for p in module.parameters()))
        return measured[-1]

    for target, reason in (
        (PruneTarget(parameters=middle.parameters), "parameters"),
        (PruneTarget(macs=middle.macs), "macs"),
        (PruneTarget(cost=middle.parameters + 100), "cost"),
    ):
        recipe = PruneRecipe(0.75, steps=6, target=target)
        done = compress(residual(), Recipe(recipe), example=X[:1], measure=measure)
        assert done.stopped.startswith(reason) and len(done.history) == 4
        assert done.history[-1].parameters == middle.parameters
    assert len(measured) == 3
    recipe = PruneRecipe(weights=0.9, steps=9, target=PruneTarget(sparsity=0.45))
    done = compress(residual(), Recipe(recipe), example=X[:1])
    assert done.history[-1].step == "prune 5/9" and done.stopped.startswith("sparsity")
    assert done.history[-1].sparsity.weights.share == 0.5
    assert done.history[-2].sparsity.weights.share < 0.45


def test_an_accuracy_floor_takes_the_last_step_back():
    def evaluate(module: nn.Module) -> float:
        nonzero = sum(int((p != 0).sum()) for p in module.parameters() if p.dim() > 1)
        return nonzero / 4000

    settings = {"weights": 0.8, "steps": 4, "epochs": 1}
    free = compress(
        residual(), Recipe(PruneRecipe(**settings)), example=X[:1], train=train, evaluate=evaluate
    )
    floor = free.history[4].accuracy  # after fine-tune 2/4
    recipe = PruneRecipe(**settings, target=PruneTarget(accuracy=floor))
    quantize = QuantizeRecipe("int8", "uint8", epochs=0)
    done = compress(
        residual(),
        Recipe(recipe, quantize),
        example=X[:1],
        train=train,
        evaluate=evaluate,
        calibration=[X],
    )
    assert [record.step for record in done.history[-3:]] == [
        "fine-tune 3/4",
        "undo 3/4",
        "quantize",
    ]
    assert done.history[-2].accuracy == floor and "after step 3" in done.stopped
    assert done.history[-2].sparsity == free.history[4].sparsity

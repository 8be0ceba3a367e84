"""Steps of the workflow: training first, sensitivity, stages of quantization, what they store."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

from hwgen.compression import PruneRecipe, QuantizeRecipe, Recipe, compress
from hwgen.compression.prune import holding, scan_sensitivity, shares_within
from hwgen.compression.quantize.learned_scales import LearnedScale
from hwgen.errors import HwgenError, NetworkError
from hwgen.importers.from_torch import import_torch
from hwgen.network import Conv2d, Linear
from support.pruned import MASKING, residual, train

X = torch.randn(24, 2, 8, 8, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(24) % 5


pytestmark = pytest.mark.usefixtures("one_thread")


def accuracy(model: nn.Module) -> float:
    with torch.no_grad():
        return float((model(X).argmax(1) == LABELS).double().mean())


def never(*_: object) -> None:
    raise AssertionError("nothing may start")


def steps(done) -> list[str]:
    return [record.step for record in done.history]


def test_training_comes_first():
    trained = residual()
    trained.train()
    train(trained, 30)
    done = compress(
        residual(),
        Recipe(PruneRecipe(weights=0.5, epochs=0), epochs=30),
        example=X[:1],
        train=train,
        evaluate=accuracy,
    )
    assert steps(done) == ["train", "prune"]
    expected = accuracy(trained.eval())
    assert done.history[0].accuracy == expected > accuracy(residual().eval()) + 0.2
    mine = compress(trained, Recipe(PruneRecipe(weights=0.5)), example=X[:1]).module
    pairs = zip(mine.parameters(), done.module.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("kind", ["channels", "shapes", "stripes", "weights"])
def test_sensitivity_sets_the_shares(kind):
    """The step does what the two functions do by hand, up to the recipe's share."""
    model = residual()
    train(model, 40)
    model.eval()
    asked = PruneRecipe(**{kind: 0.6}, sensitivity=0.1, epochs=0)
    recipe = replace(asked, layers={"fc": 0.3} if kind != "stripes" else {"a": 0.3})
    done = compress(model, Recipe(recipe), example=X[:1], evaluate=accuracy)
    assert steps(done) == ["float", "sensitivity", "prune"]
    assert done.history[1].accuracy == done.history[0].accuracy
    assert done.history[1].sparsity == done.history[0].sparsity
    shares = (0.125, 0.25, 0.375, 0.5, 0.6)
    by_hand = replace(recipe, sensitivity=None)
    scan = scan_sensitivity(model, X[:1], accuracy, kind, shares=shares, recipe=by_hand)
    chosen = shares_within(scan, accuracy(model) - 0.1)
    assert len(set(chosen.values())) > 0 and max(chosen.values()) <= 0.6
    expected = compress(
        model, Recipe(replace(by_hand, layers={**chosen, **recipe.layers})), example=X[:1]
    )
    pairs = zip(expected.module.parameters(), done.module.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def staged(drop, accuracies, **settings):
    """Compress with accuracies made up, one a step."""
    left = iter(accuracies)
    recipe = Recipe.recommended(drop, tune=2, epochs=3)
    return compress(
        residual(),
        recipe,
        example=X[:1],
        calibration=[X],
        evaluate=lambda _: next(left),
        **settings,
    )


@pytest.mark.parametrize(
    ("accuracies", "sufficed"),
    [
        ([0.9, 0.9], "quantize"),
        ([0.9, 0.89], "quantize"),
        ([0.9, 0.88, 0.95], "fine-tune quantized"),
        ([0.9, 0.88, 0.88, 0.9], "qat"),
        ([0.9, 0.88, 0.88, 0.5], ""),
    ],
)
def test_the_recommended_recipe_stops_where_it_is_good_enough(accuracies, sufficed):
    done = staged(0.01, accuracies, train=train)
    names = ["float", "quantize", "fine-tune quantized", "qat"]
    assert done.sufficed == sufficed and steps(done) == names[: len(accuracies)]
    without = staged(0.01, accuracies[:2])
    assert steps(without) == names[:2] and without.sufficed == sufficed.replace(
        *("fine-tune quantized", "")
    ).replace("qat", "")
    for node in import_torch(done.module, X[:1]).nodes:
        if isinstance(node.op, Conv2d | Linear):
            assert str(node.op.weight_format) == "int8"
            assert node.op.weight_scale.shape == (len(node.op.weight),)


def test_fine_tuning_moves_weights_and_no_scales():
    ptq = staged(0.01, [0.9, 0.9], train=train).module
    tuned = staged(0.01, [0.9, 0.8, 0.9], train=train).module
    qat = staged(0.01, [0.9, 0.8, 0.8, 0.9], train=train).module

    def scales(module):
        return [m.exact() for m in module.modules() if isinstance(m, LearnedScale)]

    def same(a, b):
        return [torch.equal(x, y) for x, y in zip(scales(a), scales(b), strict=True)]

    assert all(same(ptq, tuned)) and not any(same(ptq, qat))
    assert all(p.requires_grad for p in tuned.parameters())
    assert not torch.equal(ptq.get_parameter("a.weight"), tuned.get_parameter("a.weight"))


def test_norms_are_frozen_as_they_will_be_folded():
    """The step trains on running statistics, which stay; scale, shift and weights move."""
    model = residual()
    recipe = Recipe(
        PruneRecipe(weights=0.5, epochs=0), QuantizeRecipe("int8", frozen_norms=3, epochs=0)
    )
    floats = []

    def keep(module: nn.Module) -> float:
        floats.append(copy.deepcopy(module))
        return 0.0

    def trains(module: nn.Module, epochs: int) -> None:
        module.train()
        train(module, epochs)

    done = compress(model, recipe, example=X[:1], calibration=[X], train=trains, evaluate=keep)
    assert steps(done) == ["float", "prune", "freeze norms", "quantize"]
    before, after = floats[1], floats[2]
    by_hand = before.train()
    by_hand.norm.eval()
    with holding(by_hand, {p: m.weight != 0 for p, m in before.named_modules() if is_layer(m)}):
        train(by_hand, 3)
    for name, value in after.state_dict().items():
        assert torch.equal(value, by_hand.state_dict()[name]), name
    for name in ("running_mean", "running_var"):
        assert torch.equal(getattr(after.norm, name), getattr(model.norm, name))
    assert not torch.equal(after.norm.weight, model.norm.weight)
    assert done.history[2].sparsity.weights.zero >= done.history[1].sparsity.weights.zero


def is_layer(module: nn.Module) -> bool:
    return isinstance(module, nn.Conv2d | nn.Linear)


def test_recommended_on_a_task_that_is_learned():
    model = residual()
    train(model, 60)
    done = compress(
        *(model, Recipe.recommended(0.05)),
        **{"example": X[:1], "calibration": [X], "evaluate": accuracy, "train": train},
    )
    assert done.sufficed and done.history[-1].accuracy >= done.history[0].accuracy - 0.05


def stored(network) -> int:
    """Return the bytes of a network's weights, tables and biases."""
    bits = 0
    for node in network.nodes:
        if isinstance(node.op, Conv2d | Linear):
            widest = max(int(b if b >= 0 else -b - 1).bit_length() + 1 for b in node.op.bias)
            bits += widest * node.op.bias.size
    return -(-(bits + network.size.storage_bits) // 8)


@pytest.mark.parametrize("weights", ["int4", "binary", "ternary", "pot4x2", "cb4:8"])
def test_bytes_are_those_of_the_network(weights):
    recipe = Recipe(PruneRecipe(0.5, epochs=0), QuantizeRecipe(weights, layers={"fc": "int8"}))
    done = compress(residual(), recipe, example=X[:1], calibration=[X])
    network = import_torch(done.module, X[:1])
    assert done.history[-1].bytes == stored(network)
    for record in done.history[:-1]:
        assert record.bytes == 4 * record.parameters


@pytest.mark.parametrize("name", [*MASKING, "blocks"])
def test_counts_are_those_of_the_network(name):
    prune = MASKING.get(name) or PruneRecipe(0.5, blocks=1, epochs=0)
    recipe = Recipe(replace(prune, epochs=1), QuantizeRecipe("int8", "uint8", epochs=0))
    done = compress(residual(), recipe, example=X[:1], calibration=[X], train=train)
    network, last = import_torch(done.module, X[:1]), done.history[-1]
    assert last.parameters == network.size.parameters
    assert last.macs == network.size.macs
    assert last.bytes == stored(network)
    ops = [node.op for node in network.nodes if isinstance(node.op, Conv2d | Linear)]
    assert last.sparsity.weights.zero == sum(int((op.weight == 0).sum()) for op in ops)


@pytest.mark.parametrize(
    ("recipe", "given", "kind", "message"),
    [
        (Recipe(quantize=QuantizeRecipe()), {"calibration": []}, HwgenError, "at least one batch"),
        (Recipe(quantize=QuantizeRecipe()), {}, HwgenError, "Calibration must be given"),
        (Recipe(quantize=QuantizeRecipe()), {"calibration": [X[:0]]}, NetworkError, "not empty"),
        (
            *(Recipe(quantize=QuantizeRecipe()), {"calibration": [("x", LABELS)]}),
            *(NetworkError, "Calibration holds a tuple of a str, Tensor of shape"),
        ),
        (
            Recipe(quantize=QuantizeRecipe(layers={"conv9": "int8"})),
            *({"calibration": [X]}, HwgenError, "not 'conv9'; there are stem, a, b"),
        ),
        (Recipe(PruneRecipe(weights=0.5, layers={"x": 0.1})), {}, HwgenError, "^x: .* stem, a, b"),
        (Recipe(PruneRecipe(1.0)), {}, HwgenError, "^stem: pruning must leave at least one"),
        (Recipe(PruneRecipe(0.5), epochs=1), {"train": None}, HwgenError, "Recipe trains"),
        (
            Recipe.recommended(),
            {"calibration": [X], "evaluate": None},
            HwgenError,
            "needs evaluate",
        ),
        (
            Recipe(PruneRecipe(0.5, sensitivity=0.1)),
            *({"evaluate": None}, HwgenError, "Sensitivity needs evaluate"),
        ),
    ],
)
def test_what_would_fail_later_fails_first(recipe, given, kind, message, tmp_path):
    settings = {"train": never, "evaluate": never, "example": X[:1]} | given
    if recipe.quantize is not None:
        recipe = replace(recipe, prune=PruneRecipe(0.5), epochs=3 * (settings["train"] is not None))
    with pytest.raises(kind, match=message) as caught:
        compress(residual(), recipe, checkpoints=tmp_path / "kept", **settings)
    assert "\n" not in str(caught.value) and not list((tmp_path / "kept").iterdir())


def test_an_example_comes_from_the_calibration_data():
    recipe = Recipe(quantize=QuantizeRecipe())
    a = compress(residual(), recipe, calibration=(X for _ in range(1)))
    b = compress(residual(), recipe, calibration=[X], example=X[:1])
    assert torch.equal(a.module(X), b.module(X))
    with pytest.raises(HwgenError, match="at least one batch of real inputs; .*or example="):
        compress(residual(), Recipe(PruneRecipe(0.5)))


def test_gradients_of_one_training_do_not_reach_the_next():
    seen = []

    def stain(model: nn.Module, epochs: int) -> None:
        seen.append([p.grad for p in model.parameters() if p.grad is not None])
        model(X).square().mean().backward()

    compress(
        copy.deepcopy(residual()),
        Recipe(PruneRecipe(0.5, epochs=1), QuantizeRecipe(epochs=1), epochs=1),
        **{"example": X[:1], "calibration": [X], "train": stain},
    )
    assert seen == [[], [], []]

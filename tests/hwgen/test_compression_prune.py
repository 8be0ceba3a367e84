"""Channels are removed for real, the weakest ones, and never all of them."""

import pytest
import torch
import torch_pruning
from torch import nn

from hwgen.compression import PruneRecipe, Recipe, compress
from hwgen.compression.counts import count
from hwgen.errors import HwgenError
from hwgen.torch_graph.trace import float_graph_of
from support.torch_models import Branched, ResidualDigits, random_norm


def cnn() -> nn.Sequential:
    torch.manual_seed(0)
    model = nn.Sequential(
        *(nn.Conv2d(2, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()),
        *(nn.MaxPool2d(2), nn.Conv2d(16, 13, 3), nn.ReLU(), nn.Flatten()),
        *(nn.Linear(13 * 4, 20), nn.ReLU(), nn.Linear(20, 7)),
    )
    with torch.no_grad():
        model[1].running_mean.uniform_(-1, 1)
        model[1].running_var.uniform_(0.5, 2)
    return model.eval()


X = torch.randn(3, 2, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("share", "left"),
    [(0.5, (8, 7, 10)), (0.0, (16, 13, 20)), (0.3, (12, 10, 14)), (0.99, (1, 1, 1))],
)
def test_channel_counts(share, left):
    model = cnn()
    module = compress(model, Recipe(PruneRecipe(share)), example=X).module
    a, b, c = left
    shapes = {name: tuple(value.shape) for name, value in module.named_parameters()}
    assert shapes == {
        "0.weight": (a, 2, 3, 3),
        **{"1.weight": (a,), "1.bias": (a,)},
        **{"4.weight": (b, a, 3, 3), "4.bias": (b,)},
        **{"7.weight": (c, b * 4), "7.bias": (c,)},
        **{"9.weight": (7, c), "9.bias": (7,)},
    }
    assert module(X).shape == (3, 7)
    assert model[0].weight.shape[0] == 16  # the user's own is left as it is


def test_the_weakest_go_and_the_rest_is_untouched():
    """Removing channels equals silencing them, through batch norm, pool and flatten."""
    model = cnn()
    module = compress(model, Recipe(PruneRecipe(0.5)), example=X).module
    silenced = cnn()
    with torch.no_grad():
        for index in (0, 4, 7):
            norms = silenced[index].weight.abs().flatten(1).sum(1)
            weak = norms.argsort()[: len(norms) // 2]
            silenced[index].weight[weak] = 0
            if silenced[index].bias is not None:
                silenced[index].bias[weak] = 0
            else:
                silenced[1].weight[weak] = 0
                silenced[1].bias[weak] = 0
        # float sums in another order: closeness is all that float32 promises here
        assert torch.allclose(module(X), silenced(X), atol=1e-6)
        assert not torch.allclose(module(X), model(X), atol=1e-3)


def test_leaving_no_channel_names_the_layer():
    with pytest.raises(HwgenError, match="^0: pruning must leave at least one of its 16 channels"):
        compress(cnn(), Recipe(PruneRecipe(1.0)), example=X)
    for share in (-0.1, 1.1, float("nan"), "half", True):
        with pytest.raises(HwgenError, match="Share of channels to prune must lie in"):
            PruneRecipe(share)


def test_one_layer_is_all_output():
    module = compress(nn.Conv2d(2, 4, 3), Recipe(PruneRecipe(0.5)), example=X).module
    assert module(X).shape == (3, 4, 6, 6)


def pruned(model: nn.Module, share: float, x: torch.Tensor) -> nn.Module:
    return compress(model.eval(), Recipe(PruneRecipe(share)), example=x).module


def shapes(model: nn.Module) -> dict[str, tuple[int, ...]]:
    return {
        name: tuple(module.weight.shape)
        for name, module in model.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear)
    }


def plus(a, b):
    return a + b


def cat(*values):
    return torch.cat(values, 1)


def test_what_is_added_goes_together():
    """Removing channels of a residual network equals silencing those whose norms add up least."""
    torch.manual_seed(1)
    model, x = ResidualDigits(), torch.randn(4, 1, 8, 8)
    for name in ("stem_norm", "depthwise_norm", "pointwise_norm"):
        setattr(model, name, random_norm(48))
    module = pruned(model, 0.25, x)
    assert shapes(module) == {
        "stem": (36, 1, 3, 3),
        "depthwise": (36, 1, 3, 3),
        "pointwise": (36, 36, 1, 1),
        "fc": (10, 36),
    }
    assert module.depthwise.groups == 36
    together = [model.stem, model.depthwise, model.pointwise]
    norms = sum(conv.weight.abs().flatten(1).sum(1) for conv in together)
    weak = norms.argsort()[:12]
    with torch.no_grad():
        for norm in (model.stem_norm, model.depthwise_norm, model.pointwise_norm):
            norm.weight[weak] = 0
            norm.bias[weak] = 0
        # float sums in another order: closeness is all that float32 promises here
        assert torch.allclose(module(x), model(x), atol=1e-5)


def test_a_depthwise_convolution_before_a_flatten():
    """Without a batch norm, autograd's graph loses the flatten; two filters a channel as well."""
    for each in (1, 2):
        torch.manual_seed(2)
        filters = nn.Conv2d(8, 8 * each, 3, groups=8)
        model = nn.Sequential(nn.Conv2d(2, 8, 3), filters, nn.Flatten(), nn.Linear(128 * each, 3))
        module = pruned(model, 0.5, X)
        assert shapes(module) == {
            "0": (4, 2, 3, 3),
            "1": (4 * each, 1, 3, 3),
            "3": (3, 64 * each),
        }
        norms = model[0].weight.abs().flatten(1).sum(1)
        norms = norms + filters.weight.abs().reshape(8, -1).sum(1)
        weak = norms.argsort()[:4]
        with torch.no_grad():
            for index in weak.tolist():
                filters.weight[index * each : (index + 1) * each] = 0
                filters.bias[index * each : (index + 1) * each] = 0
            assert torch.allclose(module(X), model(X), atol=1e-5)


def test_grouped_convolutions_lose_the_same_places_of_every_group():
    torch.manual_seed(3)
    model = nn.Sequential(
        *(nn.Conv2d(2, 12, 1), nn.ReLU(), nn.Conv2d(12, 18, 3, groups=3), nn.BatchNorm2d(18)),
        *(nn.ReLU(), nn.Conv2d(18, 5, 1)),
    )
    module = pruned(model, 0.5, X)
    assert shapes(module) == {"0": (6, 2, 1, 1), "2": (9, 2, 3, 3), "5": (5, 9, 1, 1)}
    assert module[2].groups == 3
    with torch.no_grad():
        for index, size in ((0, 4), (2, 6)):
            norms = model[index].weight.abs().flatten(1).sum(1).reshape(3, size).sum(0)
            weak = norms.argsort()[: size // 2]
            target = model[3] if index else model[0]
            target.weight.reshape(3, size, -1)[:, weak] = 0
            target.bias.reshape(3, size)[:, weak] = 0
            if index:
                target.running_mean.reshape(3, size)[:, weak] = 0
        assert torch.allclose(module(X), model(X), atol=1e-5)


def test_concatenations_and_what_is_added_to_the_input():
    """Channels keep their places in a concatenation; nothing of the input's can go."""
    torch.manual_seed(4)
    convs = {
        **{"a": nn.Conv2d(2, 4, 1), "b": nn.Conv2d(2, 6, 1), "c": nn.Conv2d(10, 10, 1)},
        **{"d": nn.Conv2d(10, 2, 1), "e": nn.Conv2d(2, 7, 1)},
    }
    steps = [("a", 0), ("b", 0), (cat, 1, 2), ("c", 3), (plus, 3, 4), ("d", 5), (plus, 0, 6)]
    named = [
        (step, None, taken) if isinstance(step, str) else ("", step, taken)
        for step, *taken in [*steps, ("e", 7)]
    ]
    model = Branched(named, convs)
    module = pruned(model, 0.5, X)
    assert {name: shape[:2] for name, shape in shapes(module).items()} == {
        **{"a": (2, 2), "b": (3, 2), "c": (5, 5), "d": (2, 5), "e": (7, 2)},
    }
    norms = model.c.weight.abs().flatten(1).sum(1)
    a, b = (conv.weight.abs().flatten(1).sum(1) for conv in (model.a, model.b))
    weak_a = (a + norms[:4]).argsort()[:2]
    weak_b = (b + norms[4:]).argsort()[:3]
    with torch.no_grad():
        for conv, weak in ((model.a, weak_a), (model.b, weak_b)):
            conv.weight[weak] = 0
            conv.bias[weak] = 0
        weak = torch.cat([weak_a, weak_b + 4])
        model.c.weight[weak] = 0
        model.c.bias[weak] = 0
        assert torch.allclose(module(X), model(X), atol=1e-5)


def test_torch_prunings_graph_agrees_where_it_sees_all():
    """An oracle that reads autograd instead of the graph: the same channels have to go together."""
    torch.manual_seed(5)
    model, x = ResidualDigits().eval(), torch.randn(2, 1, 8, 8)
    graph = torch_pruning.DependencyGraph().build_dependency(model, example_inputs=x)
    remove = torch_pruning.prune_conv_out_channels
    group = graph.get_pruning_group(model.stem, remove, idxs=list(range(12)))
    group.prune()
    assert shapes(model) == shapes(pruned(ResidualDigits(), 0.25, x))
    ours, theirs = (
        count(float_graph_of(one, x)) for one in (pruned(ResidualDigits(), 0.25, x), model)
    )
    assert ours.parameters == theirs.parameters


def test_norms_are_of_the_right_layers_after_two_rounds():
    """A pruned model prunes again, down to one channel of each."""
    torch.manual_seed(6)
    model, x = ResidualDigits(), torch.randn(2, 1, 8, 8)
    for _ in range(8):
        model = pruned(model, 0.5, x)
    assert {shape[0] for name, shape in shapes(model).items() if name != "fc"} == {1}
    assert [layer.shape for layer in float_graph_of(model, x).layers][-1] == (10,)

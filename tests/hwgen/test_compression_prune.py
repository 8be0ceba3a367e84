"""Channels are removed for real, the weakest ones, and never all of them."""

import pytest
import torch
from torch import nn

from hwgen.compression import PruneRecipe, Recipe, compress
from hwgen.errors import HwgenError


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

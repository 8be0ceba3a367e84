"""Mixed precision: what room is left under a budget."""

import torch
from torch import nn

from hwgen.compression import QuantizeRecipe
from hwgen.compression.quantize import fold_batch_norm
from hwgen.compression.quantize.mixed import choose_formats
from hwgen.torch_graph.trace import float_graph_of


def test_room_that_is_left_goes_back():
    """A large step of one layer leaves room, in which a small layer goes up again."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 100)).eval()
    x = torch.randn(64, 4)
    with torch.no_grad():
        model[0].weight *= 1e-3  # all that leaves the first layer is its bias: it loses nothing
        model[2].weight *= torch.logspace(-2, 2, 400).reshape(100, 4)
    graph = fold_batch_norm(float_graph_of(model, x[:1]))
    recipe = QuantizeRecipe(budget=4 * 400 + 8 * 16, candidates=("int4", "int8"))
    assert choose_formats(graph, recipe, x) == {"0": "int8", "2": "int4"}

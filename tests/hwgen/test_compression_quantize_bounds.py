"""What is bounded: the norm of a channel's weights, and the bits of all weights."""

import torch
from torch import nn

from hwgen.compression import QuantizeRecipe
from hwgen.compression.quantize import fold_batch_norm
from hwgen.compression.quantize.mixed import choose_formats
from hwgen.compression.quantize.steps import make_step
from hwgen.compression.quantize.weights import BoundedWeights
from hwgen.compression.trace import find_layers
from hwgen.formats import Fixed


def test_a_bounded_channel_keeps_its_large_weights():
    """The nearest point of the L1 ball, rounded towards zero; a long row does not become zeros."""
    row = torch.cat([torch.tensor([7.0, -6.0, 5.5]), torch.full((500,), 0.55)])[None]
    step = make_step("ste", torch.ones(1, dtype=torch.float64), False)
    quantizer = BoundedWeights(Fixed(4), step, 8, 6, "it")
    assert quantizer.norm == 15  # (127 - 32) // 6
    assert quantizer.integers(row)[0, :4].tolist() == [5, -4, 4, 0]
    assert quantizer.integers(row[:, :2]).tolist() == [[7, -6]]  # within the norm
    weight = row.clone().requires_grad_()
    quantizer(weight).sum().backward()
    assert torch.equal(weight.grad, torch.ones_like(row))  # what is zero may come back


def test_room_that_is_left_goes_back():
    """A large step of one layer leaves room, in which a small layer goes up again."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 100)).eval()
    x = torch.randn(64, 4)
    with torch.no_grad():
        model[0].weight *= 1e-3  # all that leaves the first layer is its bias: it loses nothing
        model[2].weight *= torch.logspace(-2, 2, 400).reshape(100, 4)
    flow = fold_batch_norm(find_layers(model, x[:1]))
    recipe = QuantizeRecipe(budget=4 * 400 + 8 * 16, candidates=("int4", "int8"))
    assert choose_formats(flow, recipe, x) == {"0": "int8", "2": "int4"}

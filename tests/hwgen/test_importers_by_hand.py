"""What a layer becomes, field by field, where down and across differ."""

import pytest
import torch
from torch import nn

from hwgen.compression.quantize import QuantAvgPool, QuantConv1d, QuantConv2d
from hwgen.errors import NetworkError
from hwgen.formats import Fixed
from hwgen.importers.from_torch import CONVERT
from hwgen.torch_graph.modules import AvgPool, MaxPool


class Ones:
    """A source, or a quantizer of weights: all is one."""

    zero_point = 0

    def output_scale(self):
        return torch.ones(1, dtype=torch.float64)

    def scale(self, weight):
        return self.output_scale()

    def format(self, weight):
        return Fixed(4)

    def integers(self, weight):
        return torch.ones_like(weight, dtype=torch.float64)


def op_of(layer):
    return CONVERT[type(layer)](layer, ())


@pytest.mark.parametrize("stride", [None, (2, 1)])
def test_maximum(stride):
    op = op_of(nn.MaxPool2d((2, 3), stride, (1, 0)))
    assert (op.kernel, op.stride, op.padding) == ((2, 3), stride or (2, 3), ((1, 1), (0, 0)))
    op = op_of(MaxPool((2, 3), (1, 2), ((0, 1), (2, 0)), (3, 1)))
    assert (op.kernel, op.stride) == ((2, 3), (1, 2))
    assert (op.padding, op.dilation) == (((0, 1), (2, 0)), (3, 1))


def test_average():
    op = op_of(QuantAvgPool("pool", AvgPool((2, 3), (2, 1), ((1, 0), (0, 2))), Ones()))
    assert (op.kernel, op.stride, op.padding) == ((2, 3), (2, 1), ((1, 0), (0, 2)))


def test_along_a_length():
    layer = nn.Conv1d(4, 6, 3, 2, 1, 2, groups=2)
    op = op_of(QuantConv1d("conv", layer, Ones(), Ones(), torch.full((6,), 2.0**40)))
    assert (op.stride, op.padding, op.dilation, op.groups) == ((2,), ((1, 1),), (2,), 2)
    op = op_of(QuantAvgPool("pool", AvgPool((2,), (3,), ((0, 1),)), Ones()))
    assert (op.kernel, op.stride, op.padding) == ((2,), (3,), ((0, 1),))
    op = op_of(nn.MaxPool1d(3, 2, 1, 2))
    assert (op.kernel, op.stride, op.padding, op.dilation) == ((3,), (2,), ((1, 1),), (2,))


@pytest.mark.parametrize("setting", ["ceil_mode", "return_indices"])
def test_a_maximum_that_does_more_is_refused(setting):
    with pytest.raises(NetworkError, match=f"MaxPool2d must not have {setting}; leave it out"):
        op_of(nn.MaxPool2d(2, **{setting: True}))


def test_convolution():
    layer = nn.Conv2d(4, 6, (3, 2), (1, 2), (2, 1), (1, 3), groups=2)
    op = op_of(QuantConv2d("conv", layer, Ones(), Ones(), torch.full((6,), 2.0**40)))
    assert (op.stride, op.padding, op.dilation) == ((1, 2), ((2, 2), (1, 1)), (1, 3))
    assert op.groups == 2 and op.weight.shape == (6, 2, 3, 2)

"""What a layer becomes, field by field, where down and across differ."""

import pytest
import torch
from torch import nn

from hwgen.compression.quantize import QuantAvgPool2d, QuantConv2d
from hwgen.formats import Fixed
from hwgen.importers.from_torch import CONVERT


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
    assert (op.kernel, op.stride, op.padding) == ((2, 3), stride or (2, 3), (1, 0))


@pytest.mark.parametrize("stride", [None, (2, 1)])
def test_average(stride):
    op = op_of(QuantAvgPool2d("pool", nn.AvgPool2d((2, 3), stride, (1, 0)), Ones()))
    assert (op.kernel, op.stride, op.padding) == ((2, 3), stride or (2, 3), (1, 0))


def test_convolution():
    layer = nn.Conv2d(4, 6, (3, 2), (1, 2), (2, 1), (1, 3), groups=2)
    op = op_of(QuantConv2d("conv", layer, Ones(), Ones()))
    assert (op.stride, op.padding, op.dilation) == ((1, 2), (2, 1), (1, 3))
    assert op.groups == 2 and op.weight.shape == (6, 2, 3, 2)

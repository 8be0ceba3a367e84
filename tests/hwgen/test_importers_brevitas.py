"""Modules of Brevitas, exported by itself: what hwgen makes of the files equals the modules."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn

from hwgen.errors import HwgenWarning
from hwgen.importers.onnx import import_onnx
from support.onnx_graphs import BATCH


def module():
    """Return a small residual network, its norms with factors of both signs."""
    import brevitas.nn as qnn

    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            how = dict(return_quant_tensor=True)
            self.entry = qnn.QuantIdentity(bit_width=8, **how)
            self.first = qnn.QuantConv2d(3, 8, 3, padding=1, weight_bit_width=4, bias=False)
            self.norm1, self.relu = nn.BatchNorm2d(8), qnn.QuantReLU(bit_width=4, **how)
            self.pool = nn.MaxPool2d(2)
            self.second = qnn.QuantConv2d(8, 8, 3, padding=1, weight_bit_width=3)
            self.norm2, self.same = nn.BatchNorm2d(8), qnn.QuantIdentity(bit_width=4, **how)
            self.relu2 = qnn.QuantReLU(bit_width=4, **how)
            self.average = nn.AdaptiveAvgPool2d(1)
            self.narrow = qnn.QuantIdentity(bit_width=6, **how)
            self.last = qnn.QuantLinear(8, 10, bias=True, weight_bit_width=4)
            self.out = qnn.QuantIdentity(bit_width=8)

        def forward(self, x):
            x = self.pool(self.relu(self.norm1(self.first(self.entry(x)))))
            y = self.same(self.norm2(self.second(x)))
            x = self.narrow(self.average(self.relu2(y + self.same(x))))
            return self.out(self.last(torch.flatten(x, 1)))

    torch.manual_seed(0)
    made = Residual().train()
    for _ in range(3):  # scales are learnt from what goes through
        made(torch.randn(8, 3, 8, 8))
    for norm in (made.norm1, made.norm2):
        norm.weight.data.uniform_(-1, 1.5)
        norm.bias.data.normal_()
    return made.eval()


@pytest.mark.slow
@pytest.mark.parametrize("dialect", ["export_qonnx", "export_onnx_qcdq"])
def test_what_brevitas_exports(dialect, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import brevitas.export

        made = module()
        path = tmp_path / "m.onnx"
        getattr(brevitas.export, dialect)(made, torch.randn(1, 3, 8, 8), str(path), dynamo=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error", HwgenWarning)
        network = import_onnx(path)
    assert str(network.input.format) == "int8"
    assert {str(x.format) for x in network.tensors.values()} >= {"uint4", "int4"}
    integers = network.quantize(np.random.default_rng(0).normal(0, 1, (BATCH, 3, 8, 8)))
    real = network.input.scale * (integers - network.input.zero_point)
    with torch.no_grad():
        theirs = made(torch.tensor(real, dtype=torch.float32)).numpy()
    ours = network.dequantize(network.run(integers))
    # float32 rounds 2 to the 15th sums in each frame: one in a thousand frames meets a tie
    differs = np.rint(ours / network.output.scale) != np.rint(theirs / network.output.scale)
    assert not differs.any(), f"{int(differs.any(axis=1).sum())} of {BATCH} frames"

"""Programs of torch.export, quantized as PT2E does it: torch's integers equal golden's."""

import numpy as np
import pytest
import torch
import torch.ao.quantization.fx._decomposed  # registers the operators
from torch import nn
from torch.nn import functional as F
from typer.testing import CliRunner

import hwgen
from hwgen.cli import app
from hwgen.errors import HwgenError, StoreError, UnsupportedError
from hwgen.importers.exported import import_exported

BATCH = 64
OPS = torch.ops.quantized_decomposed


class Quantized(nn.Module):
    """A module as convert_pt2e leaves it: integers as buffers, and operators around the layers."""

    def __init__(self, seed):
        super().__init__()
        self.rng = np.random.default_rng(seed)
        for name, shape in self.WEIGHTS.items():
            integers = self.rng.integers(-127, 128, shape).astype(np.int8)
            self.register_buffer(f"{name}_weight", torch.tensor(integers))
            scales = self.rng.uniform(0.003, 0.01, shape[0]).astype(np.float32)
            self.register_buffer(f"{name}_scale", torch.tensor(scales))
            self.register_buffer(f"{name}_zero", torch.zeros(shape[0], dtype=torch.int64))
            bias = self.rng.normal(0, 0.2, shape[0]).astype(np.float32)
            self.register_buffer(f"{name}_bias", torch.tensor(bias))

    def weight(self, name):
        parts = (getattr(self, f"{name}_{part}") for part in ("weight", "scale", "zero"))
        return OPS.dequantize_per_channel.default(*parts, 0, -127, 127, torch.int8)

    def layer(self, function, x, name, **how):
        return function(x, self.weight(name), getattr(self, f"{name}_bias"), **how)


def grid(x, scale, zero=0, lo=-128, hi=127, dtype=torch.int8):
    ends = scale, zero, lo, hi, dtype
    return OPS.dequantize_per_tensor.default(OPS.quantize_per_tensor.default(x, *ends), *ends)


class Residual(Quantized):
    SHAPE = (3, 8, 8)
    WEIGHTS = {"first": (8, 3, 3, 3), "second": (8, 8, 3, 3), "last": (10, 8)}

    def forward(self, x):
        x = grid(x, 0.0281, 17)
        x = grid(F.relu(self.layer(F.conv2d, x, "first", padding=1)), 0.0199, -128)
        x = grid(F.max_pool2d(x, 2), 0.0199, -128)
        y = grid(self.layer(F.conv2d, x, "second", padding=1), 0.0273, -22)
        x = grid(F.relu(y + x), 0.0311, -128)
        x = grid(F.adaptive_avg_pool2d(x, 1), 0.0157, -128)
        return grid(self.layer(F.linear, torch.flatten(x, 1), "last"), 0.0146, -65)


class Sequence(Quantized):
    SHAPE = (4, 12)
    WEIGHTS = {"first": (6, 4, 3), "second": (5, 6, 3)}

    def forward(self, x):
        x = grid(x, 0.02, 128, 0, 255, torch.uint8)
        x = self.layer(F.conv1d, x, "first", stride=2, dilation=2, padding=2)
        x = grid(F.hardtanh(x, 0.0, 2.0), 0.0079, 3, 0, 127, torch.uint8)
        x = F.leaky_relu(self.layer(F.conv1d, x, "second", padding="same"), 0.125)
        return F.max_pool1d(grid(x * 0.5 - 0.25, 0.0123, 5, -127, 127), 2)


class Image(Quantized):
    SHAPE = (3, 6, 7)
    WEIGHTS = {"first": (4, 3, 3, 3), "second": (3, 7, 1, 1)}

    def forward(self, x):
        x = grid(x, 0.03)
        y = grid(torch.sigmoid(self.layer(F.conv2d, x, "first", padding=1)), 1 / 256, -128)
        x = grid(x, 1 / 256, -128)
        x = grid(torch.cat([y, F.avg_pool2d(x, 3, 1, 1, count_include_pad=True)], 1), 1 / 128, -128)
        x = self.layer(F.conv2d, x, "second").mean([2, 3])
        return grid(F.relu6(x), 0.005, -128)


def exported(made):
    example = (torch.zeros(BATCH, *made.SHAPE),)
    return torch.export.export(made.eval(), example)


@pytest.mark.parametrize("kind", [Residual, Sequence, Image])
def test_programs(kind):
    made = kind(0)
    network = import_exported(exported(made))
    integers = network.quantize(np.random.default_rng(1).normal(0, 1, (BATCH, *kind.SHAPE)))
    real = network.input.scale * (integers - network.input.zero_point)
    theirs = made(torch.tensor(real, dtype=torch.float32)).numpy()
    ours = network.dequantize(network.run(integers))
    assert len(np.unique(ours)) > 8
    scale = network.output.scale
    assert np.array_equal(np.rint(ours / scale), np.rint(theirs / scale))


def test_files(tmp_path):
    path = tmp_path / "m.pt2"
    program = exported(Residual(0))
    torch.export.save(program, path)
    assert hwgen.import_exported(path) == import_exported(program)
    done = CliRunner().invoke(app, ["import", str(path), "-o", str(tmp_path / "m.net")])
    assert done.exit_code == 0, done.output
    assert hwgen.load(tmp_path / "m.net") == import_exported(program)


def test_files_that_are_none(tmp_path):
    with pytest.raises(StoreError, match="there is no such file"):
        import_exported(tmp_path / "m.pt2")
    path = tmp_path / "m.pt2"
    torch.export.save(exported(Sequence(0)), path)
    data = path.read_bytes()
    for seed in range(8):
        rng = np.random.default_rng(seed)
        damaged = bytearray(data[: int(rng.integers(len(data)))] if seed % 2 else data)
        for at in rng.integers(len(damaged), size=20):
            damaged[at] ^= 255
        path.write_bytes(damaged)
        try:
            import_exported(path)
        except HwgenError as error:
            assert str(path) in str(error), f"seed {seed}"


def test_calls_that_are_unsupported():
    class Odd(Quantized):
        SHAPE = (3, 6, 6)
        WEIGHTS = {"first": (4, 3, 3, 3)}

        def forward(self, x):
            x = torch.sin(grid(x, 0.1))
            return grid(torch.cumsum(torch.sin(self.layer(F.conv2d, x, "first")), 1), 0.1)

    with pytest.raises(UnsupportedError) as found:
        import_exported(exported(Odd(0)))
    assert "aten.sin.default x2: sin, sin_1" in str(found.value)
    assert "aten.cumsum.default: cumsum" in str(found.value)

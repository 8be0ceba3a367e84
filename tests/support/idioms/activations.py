"""Functions of one value, as users write them."""

__all__ = ["ACTIVATIONS"]

import torch
import torch.nn.functional as F
from torch import nn

from support.idioms.idiom import Idiom, conv, image


def _module(make):
    """A module between two convolutions."""
    return image(lambda m, x: m.b(m.f(m.a(x))), a=conv(), f=make, b=conv(3, 2))


def _function(call):
    return image(lambda m, x: m.b(call(m.a(x))), a=conv(), b=conv(3, 2))


def _steep(module):
    nn.init.constant_(module.weight, -0.3)
    return module


ACTIVATIONS: dict[str, Idiom] = {
    "ReLU6": _module(nn.ReLU6),
    "F.relu6": _function(F.relu6),
    "Hardtanh": _module(nn.Hardtanh),
    "F.hardtanh": _function(lambda x: F.hardtanh(x, -2.0, 2.0)),
    "clamp": _function(lambda x: x.clamp(-0.5, 1)),
    "torch.clamp of one end": _function(lambda x: torch.clamp(x, max=1.0)),
    "clip": _function(lambda x: torch.clip(x, min=-0.2)),
    "LeakyReLU": _module(nn.LeakyReLU),
    "F.leaky_relu": _function(lambda x: F.leaky_relu(x, 0.2)),
    "PReLU": _module(nn.PReLU),
    "PReLU, a slope a channel": _module(lambda: nn.PReLU(3)),
    "PReLU, negative slopes": _module(lambda: _steep(nn.PReLU(3))),
    "ELU": _module(nn.ELU),
    "F.elu": _function(F.elu),
    "CELU": _module(nn.CELU),
    "SELU": _module(nn.SELU),
    "Sigmoid": _module(nn.Sigmoid),
    "torch.sigmoid": _function(torch.sigmoid),
    "x.sigmoid": _function(lambda x: x.sigmoid()),
    "LogSigmoid": _module(nn.LogSigmoid),
    "Tanh": _module(nn.Tanh),
    "torch.tanh": _function(torch.tanh),
    "Hardsigmoid": _module(nn.Hardsigmoid),
    "Softplus": _module(nn.Softplus),
    "Softsign": _module(nn.Softsign),
    "GELU": _module(nn.GELU),
    "GELU by tanh": _module(lambda: nn.GELU(approximate="tanh")),
    "F.gelu": _function(F.gelu),
    "SiLU": _module(nn.SiLU),
    "swish by hand": _function(lambda x: x * torch.sigmoid(x)),
    "Hardswish": _module(nn.Hardswish),
    "Mish": _module(nn.Mish),
    "abs": _function(torch.abs),
    "square": _function(torch.square),
    "x ** 2": _function(lambda x: x**2),
    "x * x": _function(lambda x: x * x),
    "Tanh behind a pool": image(
        lambda m, x: m.b(torch.tanh(F.max_pool2d(m.a(x), 2))), a=conv(), b=conv(3, 2, 1)
    ),
    "ReLU6 behind a sum": image(lambda m, x: F.relu6(m.a(x) + m.b(x)), a=conv(), b=conv()),
}

"""Factors and offsets anywhere, as users write them."""

__all__ = ["AFFINE"]

import torch
import torch.nn.functional as F
from torch import nn

from support.idioms.idiom import Idiom, conv, image


def _norm(channels, kind=nn.BatchNorm2d):
    def make():
        norm = kind(channels)
        nn.init.uniform_(norm.weight, -1.5, 1.5)
        nn.init.normal_(norm.bias)
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)
        return norm

    return make


AFFINE: dict[str, Idiom] = {
    "batch norm before a convolution": image(
        lambda m, x: m.b(F.relu(m.n(m.a(x) + x))), a=conv(2, 2, padding=1), n=_norm(2), b=conv()
    ),
    "batch norm at the input": image(lambda m, x: m.a(m.n(x)), n=_norm(2), a=conv()),
    "batch norm at the input, before padding": image(
        lambda m, x: m.a(m.n(x)), n=_norm(2), a=conv(padding=1)
    ),
    "batch norm behind a pool": image(
        lambda m, x: m.b(m.n(F.max_pool2d(F.relu(m.a(x)), 2))),
        a=conv(),
        n=_norm(3),
        b=conv(3, 2, 1),
    ),
    "batch norm behind a ReLU": image(
        lambda m, x: m.b(m.n(F.relu(m.a(x)))), a=conv(), n=_norm(3), b=conv(3, 2)
    ),
    "batch norm behind a sum": image(
        lambda m, x: F.relu(m.n(m.a(x) + m.b(x))), a=conv(), b=conv(), n=_norm(3)
    ),
    "batch norm behind a concatenation": image(
        lambda m, x: m.c(F.relu(m.n(torch.cat([m.a(x), m.b(x)], 1)))),
        a=conv(),
        b=conv(),
        n=_norm(6),
        c=conv(6, 2),
    ),
    "two batch norms": image(
        lambda m, x: F.relu(m.o(m.n(m.a(x)))), a=conv(), n=_norm(3), o=_norm(3)
    ),
    "batch norm of a value used elsewhere": image(
        lambda m, x: (lambda y: F.relu(m.n(y)) + y)(m.a(x)), a=conv(), n=_norm(3)
    ),
    "BatchNorm1d of features at the input": image(
        lambda m, x: m.a(m.n(x)), shape=(6,), n=_norm(6, nn.BatchNorm1d), a=lambda: nn.Linear(6, 3)
    ),
    "x * 2": image(lambda m, x: m.b(F.relu(m.a(x)) * 2.0), a=conv(), b=conv(3, 2)),
    "x + 1": image(lambda m, x: m.b(F.relu(m.a(x) + 0.5)), a=conv(), b=conv(3, 2)),
    "1 - x": image(lambda m, x: m.b(1 - torch.relu(m.a(x))), a=conv(), b=conv(3, 2)),
    "x / 255": image(lambda m, x: m.a(x / 255), a=conv()),
    "x / 127.5 - 1": image(lambda m, x: F.relu(m.a(x / 127.5 - 1)), a=conv(padding=1)),
    "(x - mean) / std": image(
        lambda m, x: m.a((x - m.mean) / m.std),
        mean=lambda: torch.tensor([0.4, 0.5]).reshape(1, 2, 1, 1),
        std=lambda: torch.tensor([0.2, 0.3]).reshape(1, 2, 1, 1),
        a=conv(),
    ),
    "torch.add with alpha": image(
        lambda m, x: F.relu(torch.add(m.a(x), m.b(x), alpha=0.5)), a=conv(), b=conv()
    ),
    "a residual scaled by 0.1": image(lambda m, x: x + 0.1 * m.a(x), a=conv(2, 2, padding=1)),
    "LayerScale": image(
        lambda m, x: x + m.gamma * m.a(x),
        a=conv(2, 2, padding=1),
        gamma=lambda: nn.Parameter(torch.tensor([0.3, -0.2]).reshape(2, 1, 1)),
    ),
    "a bias of one's own": image(
        lambda m, x: F.relu(m.a(x) + m.bias),
        a=conv(bias=False),
        bias=lambda: nn.Parameter(torch.randn(1, 3, 1, 1)),
    ),
}

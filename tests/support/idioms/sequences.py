"""Sequences and sets, as users write them."""

__all__ = ["SEQUENCES"]

import torch
import torch.nn.functional as F
from torch import nn

from support.idioms.idiom import Idiom, linear, sequence


def _conv1d(ins=2, outs=3, kernel=3, **settings):
    return lambda: nn.Conv1d(ins, outs, kernel, **settings)


SEQUENCES: dict[str, Idiom] = {
    "Conv1d": sequence(lambda m, x: F.relu(m.a(x)), a=_conv1d()),
    "Conv1d, batch norm, ReLU": sequence(
        lambda m, x: F.relu(m.n(m.a(x))), a=_conv1d(padding=1), n=lambda: nn.BatchNorm1d(3)
    ),
    "Conv1d with stride and dilation": sequence(
        lambda m, x: m.b(F.relu(m.a(x))), a=_conv1d(dilation=2), b=_conv1d(3, 2, 2, stride=2)
    ),
    "depthwise Conv1d": sequence(
        lambda m, x: m.b(F.relu(m.a(x))), a=_conv1d(2, 4, groups=2), b=_conv1d(4, 3, 1)
    ),
    "Conv1d, padding='same'": sequence(
        lambda m, x: F.relu(m.a(x)), a=_conv1d(kernel=4, padding="same")
    ),
    "causal by F.pad": sequence(lambda m, x: F.relu(m.a(F.pad(x, (4, 0)))), a=_conv1d(dilation=2)),
    "causal by cutting off": sequence(
        lambda m, x: F.relu(m.a(x)[:, :, :-4]), a=_conv1d(dilation=2, padding=4)
    ),
    "ConvTranspose1d": sequence(
        lambda m, x: F.relu(m.a(x)), a=lambda: nn.ConvTranspose1d(2, 3, 4, stride=2, padding=1)
    ),
    "MaxPool1d": sequence(
        lambda m, x: F.max_pool1d(m.p(F.relu(m.a(x))), 2), a=_conv1d(), p=lambda: nn.MaxPool1d(2)
    ),
    "AvgPool1d": sequence(lambda m, x: m.p(F.relu(m.a(x))), a=_conv1d(), p=lambda: nn.AvgPool1d(2)),
    "AdaptiveAvgPool1d": sequence(
        lambda m, x: m.c(torch.flatten(m.p(m.a(x)), 1)),
        a=_conv1d(),
        p=lambda: nn.AdaptiveAvgPool1d(1),
        c=linear(3),
    ),
    "mean over the length": sequence(
        lambda m, x: m.c(F.relu(m.a(x)).mean(-1)), a=_conv1d(), c=linear(3)
    ),
    "max over the length": sequence(
        lambda m, x: m.c(F.relu(m.a(x)).max(dim=2)[0]), a=_conv1d(), c=linear(3)
    ),
    "flatten behind Conv1d": sequence(
        lambda m, x: m.c(m.a(x).view(x.shape[0], -1)), a=_conv1d(), c=linear(24)
    ),
    "Linear on the last axis": sequence(
        lambda m, x: m.b(F.relu(m.a(x))), shape=(5, 3), a=linear(3, 4), b=linear(4, 2)
    ),
    "mean over a set": sequence(
        lambda m, x: m.b(F.relu(m.a(x)).mean(1)), shape=(5, 3), a=linear(3, 4), b=linear(4, 2)
    ),
    "max over a set": sequence(
        lambda m, x: m.b(F.relu(m.a(x)).amax(dim=1)), shape=(5, 3), a=linear(3, 4), b=linear(4, 2)
    ),
    "sum over a set": sequence(
        lambda m, x: m.b(F.relu(m.a(x)).sum(dim=1)), shape=(5, 3), a=linear(3, 4), b=linear(4, 2)
    ),
    "(batch, length, channels) into Conv1d": sequence(
        lambda m, x: m.a(x.transpose(1, 2)), shape=(10, 2), a=_conv1d()
    ),
    "a signal without channels": sequence(
        lambda m, x: m.a(x.unsqueeze(1)), shape=(10,), a=_conv1d(1)
    ),
    "a gated convolution": sequence(
        lambda m, x: torch.tanh(m.a(x)) * torch.sigmoid(m.b(x)), a=_conv1d(), b=_conv1d()
    ),
}

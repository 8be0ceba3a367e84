"""Shapes, padding, pools and larger outputs, as users write them."""

__all__ = ["LARGER", "PADDING", "POOLS", "SHAPES"]

import torch
import torch.nn.functional as F
from torch import nn

from support.idioms.idiom import Idiom, conv, image, linear

SHAPES: dict[str, Idiom] = {
    "view(-1, n)": image(lambda m, x: m.c(F.relu(m.a(x)).view(-1, 48)), a=conv(), c=linear(48)),
    "view(B, n)": image(
        lambda m, x: m.c(F.relu(m.a(x)).view(x.size(0), 48)), a=conv(), c=linear(48)
    ),
    "reshape(B, -1)": image(
        lambda m, x: m.c(m.a(x).reshape(x.shape[0], -1)), a=conv(), c=linear(48)
    ),
    "contiguous().view": image(
        lambda m, x: m.c(m.a(x).contiguous().view(len(x), -1)), a=conv(), c=linear(48)
    ),
    "squeeze behind a global pool": image(
        lambda m, x: m.c(F.adaptive_avg_pool2d(m.a(x), 1).squeeze(-1).squeeze(-1)),
        a=conv(),
        c=linear(3),
    ),
    "[:, :, 0, 0] behind a global pool": image(
        lambda m, x: m.c(F.adaptive_avg_pool2d(m.a(x), 1)[:, :, 0, 0]), a=conv(), c=linear(3)
    ),
    "flatten(2) and a mean": image(
        lambda m, x: m.c(m.a(x).flatten(2).mean(-1)), a=conv(), c=linear(3)
    ),
    "features to an image": image(
        lambda m, x: m.b(F.relu(m.a(x)).view(-1, 2, 3, 3)), shape=(6,), a=linear(6, 18), b=conv()
    ),
    "Unflatten": image(
        lambda m, x: m.b(m.u(F.relu(m.a(x)))),
        shape=(6,),
        a=linear(6, 18),
        u=lambda: nn.Unflatten(1, (2, 3, 3)),
        b=conv(),
    ),
    "an image with channels last": image(
        lambda m, x: m.a(x.permute(0, 3, 1, 2)), shape=(6, 6, 2), a=conv()
    ),
    "permute before flatten": image(
        lambda m, x: m.c(m.a(x).permute(0, 2, 3, 1).flatten(1)), a=conv(), c=linear(48)
    ),
    "transpose of height and width": image(
        lambda m, x: m.b(m.a(x).transpose(2, 3)), a=conv(), b=conv(3, 2)
    ),
    "slice of channels": image(lambda m, x: m.b(m.a(x)[:, 1:]), a=conv(), b=conv(2, 2)),
    "slice of positions": image(lambda m, x: m.b(m.a(x)[:, :, 1:, :-1]), a=conv(), b=conv(3, 2)),
    "every second position": image(
        lambda m, x: m.b(m.a(x)[..., ::2, ::2]), a=conv(), b=conv(3, 2, 1)
    ),
    "narrow": image(lambda m, x: m.b(m.a(x).narrow(1, 0, 2)), a=conv(), b=conv(2, 2)),
    "chunk": image(
        lambda m, x: (lambda a, b: m.b(F.relu(a) + b))(*m.a(x).chunk(2, dim=1)),
        a=conv(2, 4),
        b=conv(2, 2),
    ),
    "split": image(
        lambda m, x: (lambda a, b: torch.cat([m.b(a), b], 1))(*torch.split(m.a(x), [3, 1], 1)),
        a=conv(2, 4),
        b=conv(3, 2, padding=1),
    ),
    "channel shuffle by hand": image(
        lambda m, x: m.b(
            m.a(x).view(x.size(0), 2, 2, 4, 4).transpose(1, 2).contiguous().view(x.size(0), 4, 4, 4)
        ),
        a=conv(2, 4),
        b=conv(4, 2, groups=2),
    ),
    "ChannelShuffle": image(
        lambda m, x: m.b(m.s(m.a(x))),
        a=conv(2, 4),
        s=lambda: nn.ChannelShuffle(2),
        b=conv(4, 2, groups=2),
    ),
    "flip": image(lambda m, x: m.a(x) + m.a2(torch.flip(x, [3])), a=conv(), a2=conv()),
    "roll": image(lambda m, x: m.b(torch.roll(m.a(x), 1, 2)), a=conv(), b=conv(3, 2)),
    "squeeze of the last axis": image(lambda m, x: m.a(x).squeeze(1), shape=(6,), a=linear(6, 1)),
    "identity slices": image(lambda m, x: m.a(x[:]), a=conv()),
}
PADDING: dict[str, Idiom] = {
    "ZeroPad2d": image(lambda m, x: m.a(m.p(x)), p=lambda: nn.ZeroPad2d((1, 2, 0, 1)), a=conv()),
    "F.pad": image(lambda m, x: m.a(F.pad(x, (1, 1, 1, 1))), a=conv(bias=False)),
    "F.pad of a value used twice": image(
        lambda m, x: (lambda y: m.a(y) + m.b(y))(F.pad(F.relu(x), (0, 1, 0, 1))), a=conv(), b=conv()
    ),
    "F.pad before a maximum": image(
        lambda m, x: m.b(F.max_pool2d(F.pad(m.a(x), (0, 1, 0, 1)), 2)),
        a=conv(2, 3, 4),
        b=conv(3, 2, 1),
    ),
    "ConstantPad2d": image(
        lambda m, x: m.b(m.p(m.a(x))), a=conv(), p=lambda: nn.ConstantPad2d(1, 0.5), b=conv(3, 2)
    ),
    "'same' with an even kernel": image(lambda m, x: m.a(x), a=conv(2, 3, 2, padding="same")),
    "'same' with dilation": image(lambda m, x: m.a(x), a=conv(2, 3, 2, padding="same", dilation=3)),
    "ReflectionPad2d": image(lambda m, x: m.a(m.p(x)), p=lambda: nn.ReflectionPad2d(1), a=conv()),
    "ReplicationPad2d": image(lambda m, x: m.a(m.p(x)), p=lambda: nn.ReplicationPad2d(1), a=conv()),
    "F.pad, reflect": image(lambda m, x: m.a(F.pad(x, (1, 1, 1, 1), mode="reflect")), a=conv()),
    "padding_mode='reflect'": image(lambda m, x: m.a(x), a=conv(padding=1, padding_mode="reflect")),
    "padding_mode='circular'": image(
        lambda m, x: m.a(x), a=conv(padding=1, padding_mode="circular")
    ),
}
POOLS: dict[str, Idiom] = {
    "ceil_mode": image(
        lambda m, x: m.p(F.relu(m.a(x))), a=conv(2, 3, 2), p=lambda: nn.MaxPool2d(2, ceil_mode=True)
    ),
    "ceil_mode with a stride": image(
        lambda m, x: F.max_pool2d(m.a(x), 3, 2, ceil_mode=True), a=conv(2, 3, 1)
    ),
    "ceil_mode of an average": image(
        lambda m, x: F.avg_pool2d(m.a(x), 2, ceil_mode=True), a=conv(2, 3, 2)
    ),
    "count_include_pad=False": image(
        lambda m, x: F.avg_pool2d(m.a(x), 3, 1, 1, count_include_pad=False), a=conv(2, 3, 3)
    ),
    "an uneven adaptive average": image(
        lambda m, x: F.adaptive_avg_pool2d(m.a(x), 3), a=conv(2, 3, 2)
    ),
    "AdaptiveMaxPool2d": image(
        lambda m, x: m.c(m.p(m.a(x)).flatten(1)),
        a=conv(),
        p=lambda: nn.AdaptiveMaxPool2d(1),
        c=linear(3),
    ),
    "amax over the image": image(lambda m, x: m.c(m.a(x).amax((2, 3))), a=conv(), c=linear(3)),
    "a maximum with dilation": image(lambda m, x: F.max_pool2d(m.a(x), 2, 1, dilation=2), a=conv()),
    "F.avg_pool2d over the image": image(
        lambda m, x: m.c(F.avg_pool2d(m.a(x), x.size(2) - 2).view(x.size(0), -1)),
        a=conv(),
        c=linear(3),
    ),
    "mean over one axis": image(lambda m, x: m.a(x).mean(3, keepdim=True), a=conv()),
    "mean over (-2, -1)": image(lambda m, x: m.c(m.a(x).mean((-2, -1))), a=conv(), c=linear(3)),
    "global average and maximum": image(
        lambda m, x: (lambda y: m.c(torch.cat([y.mean((2, 3)), y.amax((2, 3))], 1)))(
            F.relu(m.a(x))
        ),
        a=conv(),
        c=linear(6),
    ),
}
LARGER: dict[str, Idiom] = {
    "Upsample": image(
        lambda m, x: m.b(m.u(m.a(x))), a=conv(), u=lambda: nn.Upsample(scale_factor=2), b=conv(3, 2)
    ),
    "F.interpolate": image(
        lambda m, x: m.b(F.interpolate(m.a(x), scale_factor=2)), a=conv(), b=conv(3, 2)
    ),
    "F.interpolate to a size": image(
        lambda m, x: F.interpolate(F.max_pool2d(x, 2), size=x.shape[2:]) + x
    ),
    "PixelShuffle": image(lambda m, x: m.s(m.a(x)), a=conv(2, 4), s=lambda: nn.PixelShuffle(2)),
    "PixelUnshuffle": image(
        lambda m, x: m.a(m.s(x)), s=lambda: nn.PixelUnshuffle(2), a=conv(8, 3, 2)
    ),
    "ConvTranspose2d(2, 2)": image(
        lambda m, x: F.relu(m.a(x)), shape=(2, 3, 3), a=lambda: nn.ConvTranspose2d(2, 3, 2, 2)
    ),
    "ConvTranspose2d(3, 2, 1, 1)": image(
        lambda m, x: F.relu(m.a(x)), shape=(2, 3, 3), a=lambda: nn.ConvTranspose2d(2, 3, 3, 2, 1, 1)
    ),
    "ConvTranspose2d(4, 2, 1), batch norm": image(
        lambda m, x: F.relu(m.n(m.a(x))),
        shape=(2, 3, 3),
        a=lambda: nn.ConvTranspose2d(2, 3, 4, 2, 1),
        n=lambda: nn.BatchNorm2d(3),
    ),
    "ConvTranspose2d in groups": image(
        lambda m, x: m.a(x), shape=(2, 3, 3), a=lambda: nn.ConvTranspose2d(2, 2, 2, 2, groups=2)
    ),
}

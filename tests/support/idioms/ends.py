"""Several values at once, and ends, as users write them."""

__all__ = ["ENDS", "LAST", "PLAIN", "VALUES"]

import torch
import torch.nn.functional as F
from torch import nn

from support.idioms.idiom import Idiom, conv, image, linear, two

VALUES: dict[str, Idiom] = {
    "x * y": image(lambda m, x: m.a(x) * m.b(x), a=conv(), b=conv()),
    "torch.mul": image(lambda m, x: torch.mul(F.relu(m.a(x)), m.b(x)), a=conv(), b=conv()),
    "squeeze-excite": image(
        lambda m, x: (
            lambda y: m.b(y * torch.sigmoid(m.f(F.relu(m.e(y.mean((2, 3)))))).view(-1, 3, 1, 1))
        )(F.relu(m.a(x))),
        a=conv(),
        e=linear(3, 2),
        f=linear(2, 3),
        b=conv(3, 2),
    ),
    "squeeze-excite by convolutions": image(
        lambda m, x: (lambda y: y * m.g(F.adaptive_avg_pool2d(y, 1)))(F.relu(m.a(x))),
        a=conv(),
        g=lambda: nn.Sequential(
            nn.Conv2d(3, 2, 1), nn.ReLU(), nn.Conv2d(2, 3, 1), nn.Hardsigmoid()
        ),
    ),
    "a gate of one channel": image(
        lambda m, x: (lambda y: y * torch.sigmoid(m.b(y)))(m.a(x)), a=conv(), b=conv(3, 1, 1)
    ),
    "x - y": image(lambda m, x: m.a(x) - m.b(x), a=conv(), b=conv()),
    "torch.sub": image(lambda m, x: torch.sub(m.a(x), F.relu(m.b(x))), a=conv(), b=conv()),
    "torch.maximum": image(lambda m, x: torch.maximum(m.a(x), m.b(x)), a=conv(), b=conv()),
    "torch.minimum": image(lambda m, x: torch.minimum(m.a(x), m.b(x)), a=conv(), b=conv()),
    "torch.max of two": image(
        lambda m, x: m.c(torch.max(m.a(x), m.b(x))), a=conv(), b=conv(), c=conv(3, 2)
    ),
    "a sum of three": image(
        lambda m, x: F.relu(m.a(x) + m.b(x) + m.c(x)), a=conv(), b=conv(), c=conv()
    ),
    "sum() of a list": image(
        lambda m, x: sum(layer(x) for layer in m.a),
        a=lambda: nn.ModuleList(nn.Conv2d(2, 3, 3) for _ in range(3)),
    ),
    "stack and sum": image(lambda m, x: torch.stack([m.a(x), m.b(x)]).sum(0), a=conv(), b=conv()),
    "a concatenation of three": image(
        lambda m, x: m.d(torch.cat((m.a(x), F.relu(m.b(x)), m.c(x)), dim=1)),
        a=conv(),
        b=conv(),
        c=conv(2, 1),
        d=conv(7, 2),
    ),
    "a bias from features": image(
        lambda m, x: m.a(x) + m.f(x.mean((2, 3)))[:, :, None, None], a=conv(), f=linear(2, 3)
    ),
}
ENDS: dict[str, Idiom] = {
    "two images added": two(
        lambda m, x, y: F.relu(m.a(x) + m.b(y)), (2, 6, 6), (2, 6, 6), a=conv(), b=conv()
    ),
    "an image and features": two(
        lambda m, x, y: m.c(torch.cat([m.a(x).flatten(1), m.f(y)], 1)),
        (2, 6, 6),
        (5,),
        a=conv(2, 1),
        f=linear(5, 3),
        c=linear(19),
    ),
    "a tuple": image(
        lambda m, x: (lambda y: (m.b(y), m.c(y)))(F.relu(m.a(x))),
        a=conv(),
        b=conv(3, 2),
        c=conv(3, 1, 1),
    ),
    "a list": image(lambda m, x: [m.a(x), m.b(x)], a=conv(), b=conv(2, 4, 2)),
    "a dict": image(
        lambda m, x: (lambda y: {"box": m.b(y), "score": m.c(y.mean((2, 3)))})(F.relu(m.a(x))),
        a=conv(),
        b=conv(3, 4, 1),
        c=linear(3, 2),
    ),
    "a value and what follows it": image(
        lambda m, x: (lambda y: (y, m.b(y)))(F.relu(m.a(x))), a=conv(), b=conv(3, 2)
    ),
}
LAST: dict[str, Idiom] = {
    "Softmax": image(
        lambda m, x: m.s(m.a(x)), shape=(6,), a=linear(6), s=lambda: nn.Softmax(dim=1)
    ),
    "F.softmax": image(lambda m, x: F.softmax(m.a(x), dim=-1), shape=(6,), a=linear(6)),
    "log_softmax": image(lambda m, x: F.log_softmax(m.a(x), dim=1), shape=(6,), a=linear(6)),
    "a softmax of each pixel": image(lambda m, x: torch.softmax(m.a(x), 1), a=conv()),
    "Sigmoid at the end": image(lambda m, x: m.s(m.a(x)), shape=(6,), a=linear(6, 1), s=nn.Sigmoid),
    "sigmoid > 0.5": image(lambda m, x: torch.sigmoid(m.a(x)) > 0.5, shape=(6,), a=linear(6, 3)),
    "argmax of a softmax": image(
        lambda m, x: F.softmax(m.a(x), dim=1).argmax(1), shape=(6,), a=linear(6, 3)
    ),
    "argmax": image(lambda m, x: m.a(x).argmax(dim=1), shape=(6,), a=linear(6, 3)),
}
PLAIN: dict[str, Idiom] = {
    "Sequential": Idiom(
        lambda: nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(True), nn.Flatten(), nn.Linear(48, 4)),
        ((2, 6, 6),),
    ),
    "a loop over a ModuleList": image(
        lambda m, x: (lambda s: [s.append(F.relu(la(s[-1]))) for la in m.a] and s[-1])([x]),
        a=lambda: nn.ModuleList([nn.Conv2d(2, 3, 3), nn.Conv2d(3, 2, 3)]),
    ),
    "F.conv2d with weights of one's own": image(
        lambda m, x: F.relu(F.conv2d(x, m.w, m.v, padding=1)),
        w=lambda: nn.Parameter(torch.randn(3, 2, 3, 3)),
        v=lambda: nn.Parameter(torch.randn(3)),
    ),
    "F.linear with weights of one's own": image(
        lambda m, x: F.linear(x, m.w), shape=(6,), w=lambda: nn.Parameter(torch.randn(3, 6))
    ),
    "x @ w": image(
        lambda m, x: F.relu(x @ m.w), shape=(6,), w=lambda: nn.Parameter(torch.randn(6, 3))
    ),
    "one layer twice": image(lambda m, x: m.a(F.relu(m.a(x))), a=conv(2, 2)),
    "weight norm": image(
        lambda m, x: F.relu(m.a(x)),
        a=lambda: nn.utils.parametrizations.weight_norm(nn.Conv2d(2, 3, 3)),
    ),
    "dropout of every kind": image(
        lambda m, x: m.c(m.e(F.dropout(m.d(m.a(x)), 0.5, m.training).flatten(1))),
        a=conv(),
        d=lambda: nn.Dropout2d(0.2),
        e=lambda: nn.AlphaDropout(0.1),
        c=linear(48),
    ),
    "asserts and shapes": image(
        lambda m, x: m.c(m.a(x).flatten(1)) if x.shape[1] == 2 and x.dim() == 4 else x,
        a=conv(),
        c=linear(48),
    ),
}

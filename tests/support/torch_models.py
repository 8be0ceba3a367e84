"""PyTorch models that tests share: random ones, and a residual CNN for digits."""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


class ResidualDigits(nn.Module):
    """A residual depthwise-separable CNN for 8x8 digits; of 48 channels it has 3,946 parameters."""

    def __init__(self, channels: int = 48):
        super().__init__()
        self.stem = nn.Conv2d(1, channels, 3, padding=1, bias=False)
        self.stem_norm = nn.BatchNorm2d(channels)
        self.pool = nn.MaxPool2d(2)
        self.depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.depthwise_norm = nn.BatchNorm2d(channels)
        self.pointwise = nn.Conv2d(channels, channels, 1, bias=False)
        self.pointwise_norm = nn.BatchNorm2d(channels)
        self.average = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits (batch, 10) of images (batch, 1, 8, 8)."""
        x = self.pool(F.relu(self.stem_norm(self.stem(x))))
        y = F.relu(self.depthwise_norm(self.depthwise(x)))
        x = F.relu(x + self.pointwise_norm(self.pointwise(y)))
        return self.fc(torch.flatten(self.average(x), 1))


def random_norm(channels: int, kind: type[nn.Module] = nn.BatchNorm2d) -> nn.Module:
    """A batch norm as if trained."""
    norm = kind(channels)
    norm.running_mean.uniform_(-1, 1)
    norm.running_var.uniform_(0.2, 2)
    nn.init.uniform_(norm.weight, -0.5, 1.5)
    nn.init.uniform_(norm.bias, -0.5, 0.5)
    return norm


def random_module(
    rng: np.random.Generator, *, branches: bool = False, functions: bool = False
) -> tuple[nn.Module, torch.Tensor]:
    """A random CNN of one to three convolutions, and random inputs for it; torch's own seed decides
    the weights.

    branches : with skips, concatenations, groups and averages
    functions : clamps and curves in place of most ReLUs, where there are branches
    """
    return _branched(rng, functions) if branches else _chain(rng)


def _chain(rng: np.random.Generator) -> tuple[nn.Module, torch.Tensor]:
    channels, height, width = int(rng.integers(1, 4)), *map(int, rng.integers(6, 11, 2))
    x = torch.tensor(rng.normal(rng.normal(), 1, (24, channels, height, width))).float()
    layers: list[nn.Module] = []
    y = x
    for _ in range(rng.integers(1, 4)):
        out = int(rng.integers(1, 10))
        kernel = tuple(int(k) for k in rng.integers(1, 6, 2))
        padding = tuple(int(p) for p in rng.integers(0, 3, 2))
        dilation = tuple(int(d) for d in rng.integers(1, 3, 2))
        room = [y.shape[2 + a] + 2 * padding[a] for a in range(2)]
        kernel = tuple(min(kernel[a], (room[a] - 1) // dilation[a] + 1) for a in range(2))
        stride = tuple(int(s) for s in rng.integers(1, 3, 2))
        bias = bool(rng.integers(2))
        block = [nn.Conv2d(channels, out, kernel, stride, padding, dilation, bias=bias)]
        if rng.integers(2):
            block.append(random_norm(out))
        if rng.integers(3):
            block.append(nn.ReLU())
        y = nn.Sequential(*layers, *block).eval()(x)
        if rng.integers(2) and min(y.shape[2:]) >= 2:
            block.append(nn.MaxPool2d(2, stride=int(rng.integers(1, 3)), padding=1))
        layers += block
        y, channels = nn.Sequential(*layers).eval()(x), out
    if rng.integers(4):
        layers += [nn.Flatten(), nn.Linear(y[0].numel(), 5, bias=bool(rng.integers(2)))]
    return nn.Sequential(*layers), x


Step = tuple[str, Callable[..., torch.Tensor] | None, tuple[int, ...]]


Leave = Callable[[list[torch.Tensor]], object]


class Branched(nn.Module):
    """A program of steps: each takes the values of earlier ones, the first are the inputs.

    steps : (name of a module, or of nothing; a function where there is no module; values)
    leave : makes what is returned of all values
    """

    def __init__(
        self,
        steps: list[Step],
        modules: dict[str, nn.Module],
        leave: Leave = lambda values: values[-1],
    ):
        super().__init__()
        self.steps, self.leave = steps, leave
        for name, module in modules.items():
            self.add_module(name, module)

    def run(self, *inputs):
        values = [*inputs]
        for name, function, taken in self.steps:
            call = getattr(self, name) if function is None else function
            values.append(call(*[values[index] for index in taken]))
        return self.leave(values)

    def forward(self, x):
        return self.run(x)

    def extra_repr(self) -> str:
        return "; ".join(f"{i + 1} = {n}{t}" for i, (n, _, t) in enumerate(self.steps))


# Functions of one value, as modules and in a forward; of channels
FUNCTIONS: tuple[Callable[[int], Callable[..., torch.Tensor]], ...] = (
    *(lambda _, kind=kind: kind() for kind in (nn.ReLU6, nn.Hardtanh, nn.LeakyReLU, nn.PReLU)),
    *(lambda _, kind=kind: kind() for kind in (nn.ELU, nn.Sigmoid, nn.Tanh, nn.Softplus, nn.GELU)),
    *(lambda _, kind=kind: kind() for kind in (nn.SiLU, nn.Hardswish, nn.Mish, nn.Hardsigmoid)),
    lambda _: torch.abs,
    lambda _: lambda v: v * torch.sigmoid(v),
    lambda _: lambda v: v.clamp(-0.5, 1.5),
    lambda _: lambda v: torch.square(v),
    lambda channels: _slopes(channels),
)


def _slopes(channels: int) -> nn.PReLU:
    layer = nn.PReLU(channels)
    nn.init.uniform_(layer.weight, -0.5, 0.8)
    return layer


JOINS: dict[str, Callable[..., torch.Tensor]] = {
    "add": torch.add,
    "plus": lambda p, q: p + q,
    "minus": lambda p, q: p - q,
    "alpha": lambda p, q: torch.add(p, q, alpha=0.3),
    "times": lambda p, q: p * q,
    "gate": lambda p, q: p * q.mean((2, 3), keepdim=True),
    "shifted": lambda p, q: q.mean((2, 3), keepdim=True) - p,
    "larger": torch.maximum,
    "smaller": torch.minimum,
}


class Writer:
    """Writes random steps, and knows the value of each on random inputs."""

    def __init__(self, rng: np.random.Generator, *x: torch.Tensor, functions: bool):
        self.rng, self.values, self._functions = rng, [*x], functions
        self.steps: list[Step] = []
        self.modules: dict[str, nn.Module] = {}

    def add(self, name: str, call: Callable[..., torch.Tensor], *taken: int) -> int:
        """Add a step, and return the index of its value."""
        made: Callable[..., torch.Tensor] | None = call
        if isinstance(call, nn.Module):
            name, made = f"{name}{len(self.steps)}", None
            self.modules[name] = call.eval()
        self.steps.append((name, made, taken))
        with torch.no_grad():
            self.values.append(call(*[self.values[index] for index in taken]))
        return len(self.values) - 1

    def shape(self, index: int) -> tuple[int, ...]:
        return tuple(self.values[index].shape[1:])

    def conv(self, at: int, out: int) -> int:
        """A convolution that keeps the size of the image, perhaps grouped or depthwise."""
        channels = self.shape(at)[0]
        groups = int(self.rng.choice([g for g in (1, 1, 2, 3, channels) if channels % g == 0]))
        out = max(1, round(out / groups)) * groups
        kernel = int(self.rng.choice([1, 3, 3, 5]))
        bias = bool(self.rng.integers(2))
        conv = nn.Conv2d(channels, out, kernel, padding=kernel // 2, groups=groups, bias=bias)
        at = self.add("conv", conv, at)
        if self.rng.integers(2):
            at = self.add("norm", random_norm(out), at)
        return at

    def match(self, at: int, channels: int) -> int:
        """A value of so many channels."""
        if self.shape(at)[0] == channels:
            return at
        return self.add("conv", nn.Conv2d(self.shape(at)[0], channels, 1), at)

    def join(self, a: int, b: int) -> int:
        if self.rng.integers(2):
            name = str(self.rng.choice(list(JOINS)))
            return self.add(name, JOINS[name], a, self.match(b, self.shape(a)[0]))
        taken = [a, b] + ([a] if self.rng.integers(6) == 0 else [])
        return self.add("cat", lambda *values: torch.cat(values, 1), *taken)

    def affine(self, at: int) -> int:
        """A factor, an offset, or a norm, wherever it stands."""
        kinds = (
            ("norm", random_norm(self.shape(at)[0])),
            ("scaled", lambda v: 0.5 - v * 0.3),
            ("scaled", lambda v: (v - 0.1) / 2),
        )
        return self.add(*kinds[self.rng.integers(3)], at)

    def relu(self, at: int) -> int:
        if self._functions and self.rng.integers(5):
            function = FUNCTIONS[self.rng.integers(len(FUNCTIONS))]
            return self.add("function", function(self.shape(at)[0]), at)
        kinds = (("relu", nn.ReLU()), ("relu", F.relu), ("relu", lambda v: v.relu()))
        return self.add(*kinds[self.rng.integers(3)], at)

    def pool(self, at: int) -> int:
        kinds = (
            ("pool", nn.MaxPool2d(2)),
            ("pool", nn.MaxPool2d(3, 2, 1)),
            ("average", nn.AvgPool2d(2)),
            ("average", nn.AvgPool2d(3, 2, 1)),
            ("average", lambda v: F.avg_pool2d(v, 2, padding=1)),
        )
        return self.add(*kinds[self.rng.integers(len(kinds))], at)

    def end(self, at: int) -> int:
        """An average over the image, or all of it, and a linear layer, perhaps an argmax."""
        rng = self.rng
        choice = rng.integers(5)
        if choice == 0:
            return at
        if choice == 1:
            at = self.add("mean", lambda v: v.mean((2, 3)), at)
        elif choice == 2:
            at = self.add("average", nn.AdaptiveAvgPool2d(1), at)
        elif choice == 3:
            at = self.add("mean", lambda v: v.mean(dim=[-1, -2], keepdim=True), at)
        if len(self.shape(at)) == 3:
            at = self.add("flatten", lambda v: torch.flatten(v, 1), at)
        if rng.integers(4):
            features = self.shape(at)[0]
            at = self.add("fc", nn.Linear(features, 6), at)
            if rng.integers(3) == 0:  # branches of features, with a skip
                hidden = self.add("fc", nn.Linear(6, 6), self.relu(at))
                at = self.add("plus", lambda p, q: p + q, hidden, at)
        if rng.integers(5) == 0:
            at = self.add("argmax", lambda v: v.argmax(1), at)
        return at


def _branched(rng: np.random.Generator, functions: bool) -> tuple[nn.Module, torch.Tensor]:
    channels, height, width = int(rng.integers(1, 4)), *map(int, rng.integers(4, 8, 2))
    x = torch.tensor(rng.normal(rng.normal(), 1, (16, channels, height, width))).float()
    writer = Writer(rng, x, functions=functions)
    at = 0
    for _ in range(rng.integers(1, 4)):
        skip = at
        for _ in range(rng.integers(1, 3)):
            at = writer.conv(at, int(rng.integers(1, 9)))
            if rng.integers(3):
                relu = writer.relu(at)
                # now and then a value used by a ReLU and something else
                at = writer.join(relu, at) if rng.integers(4) == 0 else relu
        if rng.integers(4):
            at = writer.join(at, skip)
        if rng.integers(6) == 0:
            at = writer.add("plus", lambda p, q: p + q, at, at)
        if rng.integers(4) == 0:
            at = writer.affine(at)
        if rng.integers(2):
            at = writer.relu(at)
        if rng.integers(2) and min(writer.shape(at)[1:]) >= 2:
            at = writer.pool(at)
    writer.end(at)
    return Branched(writer.steps, writer.modules), x

"""Random PyTorch models whose values change their shape: lengths and images, convolutions of every
kind, transposed ones too, elements in another order, several inputs and outputs."""

__all__ = ["random_pool", "random_shapes"]

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from support.moves import MOVES, Move
from support.torch_models import FUNCTIONS, Branched, Leave, Writer, random_norm

CONVS: dict[int, type[nn.Module]] = {2: nn.Conv1d, 3: nn.Conv2d}  # by the axes of a value
TRANSPOSED: dict[int, type[nn.Module]] = {2: nn.ConvTranspose1d, 3: nn.ConvTranspose2d}
NORMS: dict[int, type[nn.Module]] = {1: nn.BatchNorm1d, 2: nn.BatchNorm1d, 3: nn.BatchNorm2d}
MOST = 250  # elements of a value
TRIES = 10  # of a step that fits
# Ways to join two values of one shape
JOINS: dict[str, Callable[..., torch.Tensor]] = {
    "plus": lambda p, q: p + q,
    "minus": lambda p, q: p - q,
    "times": lambda p, q: p * q,
    "larger": torch.maximum,
    "smaller": torch.minimum,
    "cat": lambda p, q: torch.cat([p, q], 1),
}
LASTS: dict[str, Callable[..., torch.Tensor]] = {
    "softmax": lambda v: v.softmax(1),
    "log_softmax": lambda v: F.log_softmax(v, dim=1),
    "sigmoid": torch.sigmoid,
    "above": lambda v: torch.sigmoid(v) > 0.5,
    "argmax": lambda v: v.argmax(1),
}


class OfTwo(Branched):
    """A program of two inputs."""

    def forward(self, x, y):
        return self.run(x, y)


class OfThree(Branched):
    """A program of three inputs."""

    def forward(self, x, y, z):
        return self.run(x, y, z)


def random_pool(rng: np.random.Generator, size: Sequence[int]) -> nn.Module:
    """Return a pool of torch's of any settings, of values of that many positions on each axis."""
    rank = len(size)
    kind = rng.choice(["Max", "Avg", "AdaptiveAvg", "AdaptiveMax"])
    of = getattr(nn, f"{kind}Pool{rank}d")
    if kind.startswith("Adaptive"):
        return of(tuple(int(rng.integers(1, n + 3)) for n in size))
    kernel = [int(rng.integers(1, min(4, n) + 1)) for n in size]
    settings = {
        "stride": [int(n) for n in rng.integers(1, 4, rank)],
        "padding": [int(rng.integers(0, k // 2 + 1)) for k in kernel],
        "ceil_mode": bool(rng.integers(2)),
    }
    if kind == "Avg":
        settings["count_include_pad"] = bool(rng.integers(2))
        if rank == 2 and rng.random() < 0.2:
            settings["divisor_override"] = int(rng.integers(1, 9))
    return of(kernel, **settings)


def _weighted(rng: np.random.Generator, shape: tuple[int, ...]) -> nn.Module:
    """Return a layer with weights for a value of that shape."""
    channels, out, bias = shape[0], int(rng.integers(1, 7)), bool(rng.integers(2))
    if len(shape) == 1 or rng.random() < 0.15:
        return nn.Linear(shape[-1], out, bias=bias)
    rank = len(shape) - 1
    groups = int(rng.choice([g for g in (1, 1, 2, 3, channels) if channels % g == 0]))
    out = max(1, round(out / groups)) * groups
    kernel, stride = rng.integers(1, 4, rank).tolist(), rng.integers(1, 3, rank).tolist()
    dilation = rng.integers(1, 3, rank).tolist() if rng.random() < 0.3 else [1] * rank
    more = {"bias": bias, "groups": groups, "dilation": dilation}
    if rng.random() < 0.3:
        larger = [int(rng.integers(0, max(s, d))) for s, d in zip(stride, dilation, strict=True)]
        padding = rng.integers(0, 2, rank).tolist()
        kind = TRANSPOSED[len(shape)]
        return kind(channels, out, kernel, stride, padding, output_padding=larger, **more)
    modes = ["zeros", "zeros", "zeros", "reflect", "replicate", "circular"]
    more["padding_mode"] = str(rng.choice(modes))
    kind = CONVS[len(shape)]
    if rng.random() < 0.3:
        return kind(channels, out, kernel, padding="same", **more)
    return kind(channels, out, kernel, stride, rng.integers(0, 3, rank).tolist(), **more)


class ShapeWriter(Writer):
    """Writes steps for values of any shape."""

    def fitting(self, name: str, at: int, makes: Sequence[Move]) -> int:
        """Add the first step drawn that torch takes and that does not grow beyond what is small;
        `at` where there is none."""
        for _ in range(TRIES):
            call = makes[self.rng.integers(len(makes))](self.rng, self.shape(at))
            try:
                with torch.no_grad():
                    y = None if call is None else call(self.values[at])
            except (RuntimeError, ValueError):
                continue
            if y is not None and 0 < y[0].numel() <= MOST and 2 <= y.ndim <= 4:
                return self.add(name, call, at)
        return at

    def layer(self, at: int) -> int:
        """Weights, perhaps a norm, and most often a function."""
        at = self.fitting("layer", at, [_weighted])
        if self.rng.integers(3) == 0:
            shape = self.shape(at)
            at = self.add("norm", random_norm(shape[0], NORMS[len(shape)]), at)
        return self.function(at) if self.rng.integers(4) else at

    def function(self, at: int) -> int:
        """A ReLU, or now and then a function of another kind."""
        if self.rng.integers(4):
            return self.relu(at)
        function = FUNCTIONS[self.rng.integers(len(FUNCTIONS) - 1)]  # not of channels
        return self.add("function", function(self.shape(at)[0]), at)

    def moved(self, at: int) -> int:
        """Elements in another order."""
        return self.fitting("move", at, MOVES)

    def pooled(self, at: int) -> int:
        """A pool of any settings, where there are positions."""
        if len(self.shape(at)) == 1:
            return at
        return self.fitting("pool", at, [lambda rng, shape: random_pool(rng, shape[1:])])

    def like(self, at: int, shape: tuple[int, ...]) -> int:
        """A value of another shape, made by a layer and a pool or by features."""
        if len(self.shape(at)) != len(shape) or len(shape) == 1:
            at = self.add("flatten", lambda v: v.flatten(1), at)
            at = self.add("like", nn.Linear(self.shape(at)[0], shape[0]), at)
            ones = [1] * (len(shape) - 1)
            return self.add("spread", lambda v: v.view(-1, shape[0], *ones), at) if ones else at
        if self.shape(at)[0] != shape[0]:
            kind = CONVS[len(shape)]
            at = self.add("like", kind(self.shape(at)[0], shape[0], 1), at)
        if self.shape(at)[1:] != shape[1:]:
            kinds = (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d)
            at = self.add("like", kinds[len(shape) - 2](shape[1:]), at)
        return at

    def joined(self, a: int, b: int) -> int:
        """Two values as one of the first one's shape, but for channels."""
        b = self.like(b, self.shape(a))
        names = list(JOINS)
        if self.shape(a) != self.shape(b):  # one number a channel spreads over positions
            names = ["plus", "minus", "times"]
        name = str(self.rng.choice(names))
        return self.add(name, JOINS[name], a, b)

    def block(self, at: int) -> int:
        """A layer or two, with elements that move before or behind, and perhaps a skip."""
        start, rng = at, self.rng
        for _ in range(rng.integers(0, 2)):
            at = self.moved(at)
        for _ in range(rng.integers(1, 3)):
            at = self.layer(at)
        for _ in range(rng.integers(0, 3)):
            at = self.moved(at)
        if rng.integers(3) == 0:
            at = self.pooled(at)
        if rng.integers(3) == 0:
            at = self.joined(at, start)
        return at

    def end(self, at: int) -> int:
        """As it is, or features."""
        if self.rng.integers(2):
            at = self.add("flatten", lambda v: torch.flatten(v, 1), at)
            at = self.add("fc", nn.Linear(self.shape(at)[0], 4), at)
        return at


def _input(rng: np.random.Generator, rank: int) -> torch.Tensor:
    shape = {
        1: (int(rng.integers(2, 9)),),
        2: (int(rng.integers(1, 5)), int(rng.integers(5, 13))),
        3: (int(rng.integers(1, 4)), *rng.integers(3, 8, 2).tolist()),
    }[rank]
    return torch.tensor(rng.normal(rng.normal(), 1, (16, *shape))).float()


def _leave(rng: np.random.Generator, taken: list[int]) -> Leave:
    """Return what makes a tuple, list or dict of some values, or the only one of them."""
    if len(taken) == 1:
        return lambda values: values[taken[0]]
    ways: tuple[Leave, ...] = (
        lambda values: tuple(values[index] for index in taken),
        lambda values: [values[index] for index in taken],
        lambda values: {f"y{n}": values[index] for n, index in enumerate(taken)},
    )
    return ways[rng.integers(len(ways))]


def random_shapes(
    rng: np.random.Generator, *, rank: int = 3, ends: bool = False
) -> tuple[nn.Module, torch.Tensor | tuple[torch.Tensor, ...]]:
    """A random model and random inputs for it, of several a tuple; torch's own seed decides the
    weights.

    rank : axes of the first input: 3 an image, 2 a length
    ends : of one to three inputs and as many outputs, of which the host computes some
    """
    ranks = [rank, *rng.integers(1, 4, rng.integers(0, 3)).tolist()] if ends else [rank]
    x = tuple(_input(rng, rank) for rank in ranks)
    writer = ShapeWriter(rng, *x, functions=False)
    at = writer.block(0)
    for number in range(1, len(x)):
        at = writer.joined(at, writer.layer(number))
    for _ in range(rng.integers(0, 2 if ends else 3)):
        at = writer.block(at)
    at = writer.end(at)
    taken = [at]
    if ends:
        inner = [index for index in range(len(x), at) if _may_leave(writer, index)]
        taken += rng.choice(inner, min(len(inner), rng.integers(0, 3)), replace=False).tolist()
        if rng.integers(2):
            name = str(rng.choice(list(LASTS)[: 5 if len(writer.shape(at)) == 1 else 4]))
            taken[0] = writer.add(name, LASTS[name], at)
    kind = (Branched, OfTwo, OfThree)[len(x) - 1]
    model = kind(writer.steps, writer.modules, _leave(rng, taken))
    return model, x if len(x) > 1 else x[0]


def _may_leave(writer: Writer, index: int) -> bool:
    """Say whether a value is computed, and not an input in another order."""
    inputs = len(writer.values) - len(writer.steps)
    name, _, taken = writer.steps[index - inputs]
    if name.startswith(("move", "flatten")):
        return taken[0] >= inputs and _may_leave(writer, taken[0])
    return True

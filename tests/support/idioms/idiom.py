"""A way of writing a model, as small as shows it."""

__all__ = ["Idiom", "Written", "conv", "image", "linear", "sequence", "two"]

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

Shape = tuple[int, ...]


class Written(nn.Module):
    """A model whose forward is a function of itself and its inputs, with layers by name."""

    def __init__(self, forward: Callable[..., Any], **layers: Any) -> None:
        super().__init__()
        self._written = forward
        for name, layer in layers.items():
            if isinstance(layer, Tensor) and not isinstance(layer, nn.Parameter):
                self.register_buffer(name, layer)
            else:
                setattr(self, name, layer)

    def forward(self, x: Any) -> Any:
        return self._written(self, x)


class WrittenForTwo(Written):
    """The same with two inputs."""

    def forward(self, x: Any, y: Any) -> Any:  # type: ignore[override]
        return self._written(self, x, y)


@dataclass(frozen=True)
class Idiom:
    """A model, made anew by each call, and the shapes of its inputs without the batch."""

    make: Callable[[], nn.Module]
    shapes: tuple[Shape, ...]

    def made(self) -> tuple[nn.Module, tuple[Tensor, ...]]:
        """Return the model and a batch of inputs."""
        torch.manual_seed(7)
        model = self.make().eval()
        return model, tuple(torch.randn(64, *shape) for shape in self.shapes)


def _of(shapes: tuple[Shape, ...], forward: Any, layers: dict[str, Callable[[], Any]]) -> Idiom:
    kind = Written if len(shapes) == 1 else WrittenForTwo
    return Idiom(lambda: kind(forward, **{n: make() for n, make in layers.items()}), shapes)


def two(forward: Any, *shapes: Shape, **layers: Callable[[], Any]) -> Idiom:
    """Return an idiom of two inputs."""
    return _of(shapes, forward, layers)


def image(forward: Any, shape: Shape = (2, 6, 6), **layers: Callable[[], Any]) -> Idiom:
    """Return an idiom on an image; layers are given as functions that make them."""
    return _of((shape,), forward, layers)


def sequence(forward: Any, shape: Shape = (2, 10), **layers: Callable[[], Any]) -> Idiom:
    """Return an idiom on a sequence."""
    return _of((shape,), forward, layers)


def conv(ins: int = 2, outs: int = 3, kernel: int = 3, **settings: Any) -> Callable[[], nn.Module]:
    """Return what makes a convolution."""
    return lambda: nn.Conv2d(ins, outs, kernel, **settings)


def linear(ins: int, outs: int = 4) -> Callable[[], nn.Module]:
    """Return what makes a fully connected layer."""
    return lambda: nn.Linear(ins, outs)

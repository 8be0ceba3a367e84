"""A call in a forward, as the tables of functions see it."""

__all__ = ["Call", "Calls", "Function", "argument", "first", "is_channels"]

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, fx, nn

Shape = tuple[int, ...]
Modules = tuple[nn.Module, ...]  # one after another


@dataclass(frozen=True)
class Call:
    """A call of a function or method.

    node : of the graph
    shapes : of its operands with the batch, in their order; None where it is not known
    constants : operands that are the same whatever enters the model; None for the others
    """

    node: fx.Node
    shapes: tuple[Shape | None, ...] = ()
    constants: tuple[Tensor | None, ...] = ()

    @property
    def dimensions(self) -> int | None:
        """Of the first operand with the batch, None where it is not known."""
        shape = self.shapes[0] if self.shapes else None
        return None if shape is None else len(shape)

    def argument(self, position: int, name: str, default: Any = None) -> Any:
        """Return an argument by its place or its name."""
        return argument(self.node, position, name, default)


def argument(node: fx.Node, position: int, name: str, default: Any = None) -> Any:
    """Return an argument of a node by its place or its name."""
    return node.args[position] if len(node.args) > position else node.kwargs.get(name, default)


def first(node: fx.Node) -> list[object]:
    """Return the first tensor that a call takes."""
    return list(node.all_input_nodes[:1])


@dataclass(frozen=True)
class Function:
    """What is known of a function that a forward may call.

    modules : returns modules that, one after another, mean what the call does; None if there are
        none
    operands : returns what a call takes as tensors
    constants : whether some of these may be constants
    """

    modules: Callable[[Call], Modules | None]
    operands: Callable[[fx.Node], list[object]] = first
    constants: bool = False


Calls = dict[Any, Function]  # by what is called: a function, or the name of a method


def is_channels(dim: object, dimensions: int | None) -> bool:
    """Say whether an axis, counted with the batch, is that of channels or features."""
    if not isinstance(dim, int) or isinstance(dim, bool):
        return False
    return dim == 1 or (dim < 0 and dimensions is not None and dim + dimensions == 1)

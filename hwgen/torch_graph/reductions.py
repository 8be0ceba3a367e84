"""Means and largest values over axes: what a call reduces, and calls that come to one."""

__all__ = ["Reduction", "reduction_of", "simplify_reduction"]

import operator
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import fx

MEANS: tuple[object, ...] = (torch.mean, "mean")
SUMS: tuple[object, ...] = (torch.sum, "sum")
LARGEST: tuple[object, ...] = (torch.amax, "amax")
MAXIMA = (torch.max, "max")  # over an axis: the largest values and where they are
TAKEN: dict[object, object] = {getattr: "values", operator.getitem: 0}  # out of it
WHOLE: dict[tuple[object, ...], Callable[..., object]] = {
    MEANS: torch.mean,
    SUMS: torch.sum,
    LARGEST: torch.amax,
}


@dataclass(frozen=True)
class Reduction:
    """What a call of a mean or of largest values takes together.

    axes : counted with the batch, ascending
    keepdim : whether they stay, with an extent of 1
    """

    axes: tuple[int, ...]
    keepdim: bool


def reduction_of(node: fx.Node, dimensions: int | None) -> Reduction | None:
    """Return what a call reduces; None where it names no axes, or does more than that.

    Parameters
    ----------
    dimensions : of the value, with the batch; 4 where they are not known
    """
    count = dimensions or 4
    dims = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim")
    keepdim = node.args[2] if len(node.args) > 2 else node.kwargs.get("keepdim", False)
    axes = list(dims) if isinstance(dims, (tuple, list)) else [dims]
    whole = [axis % count for axis in axes if isinstance(axis, int) and not isinstance(axis, bool)]
    if len(whole) != len(axes) or not axes or not set(node.kwargs) <= {"input", "dim", "keepdim"}:
        return None
    return Reduction(tuple(sorted(set(whole))), bool(keepdim))


def simplify_reduction(node: fx.Node, shapes: dict[fx.Node, tuple[int, ...]]) -> None:
    """Write x.max(dim).values as x.amax(dim), and x.mean(3).mean(2) as x.mean((2, 3))."""
    _take_values(node)
    for names, whole in WHOLE.items():
        source = _source(node) if node.target in names else None
        if source is None or source.target not in names or len(source.users) != 1:
            continue
        first, below = _source(source), shapes.get(source)
        if first is None or below is None or first not in shapes:
            continue
        inner = reduction_of(source, len(shapes[first]))
        outer = reduction_of(node, len(below))
        if inner is None or outer is None or inner.keepdim or outer.keepdim:
            continue
        left = [axis for axis in range(len(shapes[first])) if axis not in inner.axes]
        axes = sorted((*inner.axes, *(left[axis] for axis in outer.axes)))
        node.op, node.target = "call_function", whole
        node.args, node.kwargs = (first, tuple(axes)), {}


def _take_values(node: fx.Node) -> None:
    """Write the largest values, taken out of what torch.max returns, as a call of their own."""
    place = TAKEN.get(node.target)
    pair = node.args[0] if place is not None and node.args[1] == place else None
    if not isinstance(pair, fx.Node) or pair.target not in MAXIMA or pair.op == "call_module":
        return
    source = _source(pair)
    found = reduction_of(pair, None)
    if source is not None and found is not None:
        dim = pair.args[1] if len(pair.args) > 1 else pair.kwargs["dim"]
        node.op, node.target = "call_function", torch.amax
        node.args, node.kwargs = (source, dim, found.keepdim), {}


def _source(node: fx.Node) -> fx.Node | None:
    """Return the value that a call takes."""
    source = node.args[0] if node.args else node.kwargs.get("input")
    return source if isinstance(source, fx.Node) and node.op != "call_module" else None

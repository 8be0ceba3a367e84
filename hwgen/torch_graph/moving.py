"""Calls that only move elements: which ones the result holds is found by running them on numbers.

Views, transpositions, slices, flips, chunks, resizing to the nearest neighbour and the like are
run on a tensor that holds the number of each of its elements, one after the other until the result
has a shape that a value may have. So what is in between may have any number of axes, or the batch
in another place, and a call's arguments need not be understood.
"""

__all__ = ["MOST_AXES", "MOVING_MODULES", "Moved", "Moving"]

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from hwgen.torch_graph.modules import Rearrange
from hwgen.torch_graph.modules.rearrange import CONSTANT, of_each
from hwgen.torch_graph.tracer import RESHAPING, SHAPE_ERRORS

Shape = tuple[int, ...]
NEAREST = ("nearest", "nearest-exact")
MOST_AXES = 4  # of a value, the batch included
VIEWS = (*RESHAPING, "unflatten", torch.unflatten, "view_as", "reshape_as")
METHODS = (
    *("permute", "transpose", "swapaxes", "swapdims", "movedim", "moveaxis", "t"),
    *("flip", "fliplr", "flipud", "roll", "rot90", "narrow", "select", "index_select", "take"),
    *("chunk", "split", "tensor_split", "unbind", "split_with_sizes", "repeat_interleave"),
    *("diagonal", "expand", "tile", "repeat"),
)
FUNCTIONS = tuple(getattr(torch, name) for name in METHODS if hasattr(torch, name))
MOVING = {
    *VIEWS,
    *METHODS,
    *FUNCTIONS,
    *(operator.getitem, torch.channel_shuffle, F.channel_shuffle),
    *(F.interpolate, F.upsample, F.pad),
}
MOVING_MODULES = (
    *(nn.Unflatten, nn.ChannelShuffle, nn.Upsample, nn.UpsamplingNearest2d),
    *(nn.ReflectionPad1d, nn.ReflectionPad2d, nn.ReplicationPad1d, nn.ReplicationPad2d),
    *(nn.CircularPad1d, nn.CircularPad2d, nn.ZeroPad1d, nn.ZeroPad2d),
    *(nn.ConstantPad1d, nn.ConstantPad2d),
)
FILLING = (nn.ZeroPad1d, nn.ZeroPad2d, nn.ConstantPad1d, nn.ConstantPad2d)


@dataclass(frozen=True)
class Moved:
    """A value of which it is known where its elements come from.

    root : the value whose elements it holds
    numbers : of these elements, in the shape of the value with the batch, or several such tensors
    constant : what stands where a number is `CONSTANT`
    views : whether it is only written in other shapes
    """

    root: fx.Node
    numbers: Any
    constant: float = 0.0
    views: bool = True


class Moving:
    """Follows elements through the calls of a graph.

    Parameters
    ----------
    model : whose buffers a call may take
    shapes : of all values, with the batch
    """

    def __init__(self, model: nn.Module, shapes: Mapping[fx.Node, Shape]):
        self._model = model
        self._shapes = shapes
        self._known: dict[fx.Node, Moved] = {}  # values that no layer gives yet

    def called(self, node: fx.Node) -> Moved | None:
        """Return where the elements of a call's result come from, None where that is not known or
        they are computed."""
        target: Any = node.target
        view_of = target is getattr and node.args[1] in ("T", "mT", "H")
        if (target not in MOVING and not view_of) or not node.all_input_nodes:
            return None
        before = self._before(node.all_input_nodes[0])
        filling = target is F.pad and _argument(node, 2, "mode", "constant") == "constant"
        resizing = target in (F.interpolate, F.upsample)
        if resizing and _argument(node, 3, "mode", "nearest") not in NEAREST:
            return None
        if before is None:
            return None

        def run(numbers: Any) -> Any:
            args, kwargs = self._arguments(node, numbers)
            if filling:
                return F.pad(numbers, args[1] if len(args) > 1 else kwargs["pad"], value=CONSTANT)
            if node.op == "call_method":
                return getattr(args[0], str(target))(*args[1:], **kwargs)
            return target(*args, **kwargs)

        value = (_argument(node, 3, "value", 0.0) or 0.0) if filling else None
        return self._moved(node, before, run, value, target in VIEWS or view_of)

    def run_module(self, node: fx.Node, module: nn.Module) -> Moved | None:
        """Return where the elements of the result of a module come from that only moves some."""
        before = self._before(node.all_input_nodes[0])
        if before is None or (isinstance(module, nn.Upsample) and module.mode not in NEAREST):
            return None
        if isinstance(module, FILLING):
            padding: Any = module.padding
            value: Any = module.value
            return self._moved(
                node, before, lambda n: F.pad(n, padding, value=CONSTANT), value, False
            )
        return self._moved(node, before, module, None, isinstance(module, nn.Unflatten))

    def padded(self, node: fx.Node, module: nn.Conv1d | nn.Conv2d) -> Moved | None:
        """Return where the elements come from that a convolution puts around its frame."""
        before = self._before(node.all_input_nodes[0])
        if before is None:
            return None
        widths, mode = module._reversed_padding_repeated_twice, module.padding_mode
        return self._moved(node, before, lambda n: F.pad(n, widths, mode=mode), None, False)

    def keep(self, node: fx.Node, moved: Moved) -> None:
        """Remember a value that no layer gives."""
        self._known[node] = moved

    def knows(self, node: fx.Node) -> bool:
        """Say whether a value is one that no layer gives."""
        return node in self._known

    def module_of(self, moved: Moved, ends: bool = False) -> nn.Module | None:
        """Return what gives a value of its root's, None where that has a shape that no value may
        have: several tensors, too many axes, a batch that is not the first axis.

        Parameters
        ----------
        ends : whether nothing takes it, so that it may have any axes besides the batch
        """
        numbers, before = moved.numbers, self._shapes[moved.root]
        if not isinstance(numbers, Tensor) or not (2 <= numbers.dim() <= MOST_AXES or ends):
            return None
        shape, batch = tuple(numbers.shape[1:]), before[0]
        count = torch.Size(before[1:]).numel()
        rows = numbers.reshape(len(numbers), -1)
        start = count * torch.arange(batch)[:, None]
        if len(rows) != batch or not rows.numel():
            return None
        index = torch.where(rows == CONSTANT, CONSTANT, rows - start)
        if (index != index[0]).any() or int(index.max()) >= count:
            return None
        index = index[0]
        if torch.equal(index, torch.arange(count)):
            if shape == before[1:]:
                return nn.Identity()
            if len(shape) == 1:
                return nn.Flatten()
        each = None if moved.views else of_each(index, before[1:], shape)
        if each is not None:
            return Rearrange(each, shape[1:], moved.constant, each=True)
        return Rearrange(index, shape, moved.constant)

    def _before(self, node: fx.Node) -> Moved | None:
        if node in self._known:
            return self._known[node]
        shape = self._shapes.get(node)
        if shape is None:
            return None
        count = torch.Size(shape).numel()
        return Moved(node, torch.arange(count, dtype=torch.float64).reshape(shape).long())

    def _moved(
        self,
        node: fx.Node,
        before: Moved,
        run: Callable[[Any], Any],
        constant: float | None,
        views: bool,
    ) -> Moved | None:
        try:  # padding and resizing are for floats
            numbers = _long(run(_double(before.numbers)))
        except (KeyError, AttributeError, *SHAPE_ERRORS):
            return None
        value = before.constant if constant is None else float(constant)
        tensors = numbers if isinstance(numbers, (tuple, list)) else (numbers,)
        had = before.numbers if isinstance(before.numbers, Tensor) else torch.zeros(1)
        if constant is not None and value != before.constant and bool((had == CONSTANT).any()):
            return None
        if not all(isinstance(tensor, Tensor) for tensor in tensors):
            return None
        return Moved(before.root, numbers, value, before.views and views)

    def _arguments(self, node: fx.Node, numbers: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return a call's arguments, with numbers for what is moved."""
        moved = node.all_input_nodes[0]

        def value_of(other: fx.Node) -> Any:
            if other is moved:
                return numbers
            if other.op == "get_attr":
                return operator.attrgetter(str(other.target))(self._model)
            raise KeyError(other)

        args: Any = fx.node.map_arg(node.args, value_of)
        kwargs: Any = fx.node.map_arg(node.kwargs, value_of)
        return tuple(args), dict(kwargs)


def _argument(node: fx.Node, position: int, name: str, default: Any) -> Any:
    return node.args[position] if len(node.args) > position else node.kwargs.get(name, default)


def _double(numbers: Any) -> Any:
    if isinstance(numbers, Tensor):
        return numbers.double().contiguous()  # a view that needs it comes behind `contiguous`
    return type(numbers)(map(_double, numbers))


def _long(numbers: Any) -> Any:
    if isinstance(numbers, Tensor):
        return numbers.long()
    return tuple(map(_long, numbers)) if isinstance(numbers, (tuple, list)) else numbers

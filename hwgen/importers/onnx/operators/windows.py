"""What operators with windows share: layout, padding and strides."""

__all__ = ["MOST", "Window", "image", "lying", "shape_behind", "window_of"]

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hwgen.errors import StoreError
from hwgen.importers.growing import Refusal
from hwgen.importers.onnx.builder import Builder
from hwgen.importers.onnx.file import OnnxNode
from hwgen.importers.onnx.values import Joined, Value
from hwgen.network.ops import Padding

CHANNELS_LAST = "qonnx.custom_op.channels_last"
MOST = 1 << 16  # of anything about a window


@dataclass(frozen=True)
class Window:
    """Of each spatial axis: kernel, stride, dilation and (before, behind) of zeros."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: Padding


def lying(builder: Builder, node: OnnxNode, value: Value | Joined) -> Any:
    """Return an operator's input so that its channels are where the operator wants them.

    Raises
    ------
    Refusal : it is no image or sequence, or channels lie elsewhere in the whole file
    """
    rank: int = len(value.shape) - 1
    first, last = tuple(range(rank)), (*range(1, rank), 0)
    wanted = last if node.domain == CHANNELS_LAST else first
    if rank not in (2, 3):
        raise Refusal(f"{node.kind} of a tensor of shape {value.shape}", "use images or sequences")
    if value.axes == wanted:
        return value
    if {value.axes, wanted} == {first, last}:
        builder.found_other_layout()
        if not builder.channels_last or isinstance(value, Joined):
            raise Refusal(f"{node.kind} along other axes than the channels", "transpose before it")
    single = builder.single(value, node.inputs[0])
    return builder.laid_out(single, wanted, f"{node.outputs[0]}.in")


def image(node: OnnxNode, value: Value | Joined) -> tuple[int, ...]:
    """Return the spatial shape of an operator's input that lies as the operator wants it."""
    return value.shape[1:-1] if node.domain == CHANNELS_LAST else value.shape[2:]


def shape_behind(node: OnnxNode, batch: int, channels: int, spatial: Sequence[int]) -> Any:
    """Return the file's shape of an operator's output."""
    if node.domain == CHANNELS_LAST:
        return (batch, *spatial, channels)
    return (batch, channels, *spatial)


def _integers(node: OnnxNode, name: str, rank: int, least: int) -> tuple[int, ...]:
    found = node.attributes.get(name, [least] * rank)
    if len(found) != rank or not all(least <= n <= MOST for n in found):
        raise StoreError(f"{name} must be {rank} integers from {least} to {MOST}, not {found}")
    return tuple(int(n) for n in found)


def window_of(
    node: OnnxNode,
    size: Sequence[int],
    kernel: Sequence[int] | None = None,
    before: Padding | None = None,
) -> Window:
    """Return the window that an operator's attributes say.

    Parameters
    ----------
    size : of the input
    kernel : where the weights say it
    before : of zeros that stand around the input already
    """
    rank = len(size)
    if kernel is None:
        if "kernel_shape" not in node.attributes:
            raise StoreError("kernel_shape must be said")
        kernel = _integers(node, "kernel_shape", rank, 1)
    if len(kernel) != rank:
        raise StoreError(f"weights of {len(kernel)} spatial axes do not fit {rank}")
    stride = _integers(node, "strides", rank, 1)
    dilation = _integers(node, "dilations", rank, 1)
    pads = _integers(node, "pads", 2 * rank, 0)
    padding = list(zip(pads[:rank], pads[rank:], strict=True))
    size = [n + sum(axis) for n, axis in zip(size, before or [(0, 0)] * rank, strict=True)]
    mode = node.attributes.get("auto_pad", "NOTSET")
    if mode.startswith("SAME"):
        for n in range(rank):
            extent = -(-size[n] // stride[n])
            span = dilation[n] * (kernel[n] - 1) + 1
            total = max((extent - 1) * stride[n] + span - size[n], 0)
            ends = total // 2, total - total // 2
            padding[n] = ends if mode == "SAME_UPPER" else ends[::-1]
    elif mode == "VALID":
        padding = [(0, 0)] * rank
    if node.attributes.get("ceil_mode", 0):
        for n in range(rank):
            padding[n] = _ceiled(size[n], kernel[n], stride[n], padding[n], dilation[n])
    if before is not None:
        padding = [(a + c, b + d) for (a, b), (c, d) in zip(before, padding, strict=True)]
    return Window(tuple(kernel), stride, dilation, tuple(padding))


def _ceiled(
    size: int, kernel: int, stride: int, padding: tuple[int, int], dilation: int
) -> tuple[int, int]:
    """Return padding with which a last window that does not fit does, if it begins inside."""
    before, behind = padding
    span = dilation * (kernel - 1) + 1
    extent = -(-max(size + before + behind - span, 0) // stride) + 1
    if (extent - 1) * stride >= size + before:
        extent -= 1
    return before, max(behind, (extent - 1) * stride + span - size - before)

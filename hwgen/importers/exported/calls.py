"""Calls of a program of `torch.export` as nodes of an ONNX graph."""

__all__ = ["CALLS", "Nodes"]

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor, fx

from hwgen.importers.onnx.file import OnnxNode

DECOMPOSED = "quantized_decomposed"


class Nodes:
    """Nodes in the making, and constants; each call gives the tensor of its own name."""

    def __init__(self) -> None:
        self.made: list[OnnxNode] = []
        self.constants: dict[str, npt.NDArray[Any]] = {}

    def name(self, value: Any) -> str:
        """Return the tensor of an argument: what a node gives, or a number as a constant."""
        if value is None:
            return ""
        if isinstance(value, fx.Node):
            return value.name
        if isinstance(value, Tensor):
            value = value.detach().cpu().numpy()
        name = f"constant.{len(self.constants)}"
        self.constants[name] = np.asarray(value)
        return name

    def add(
        self,
        call: fx.Node,
        kind: str,
        inputs: Sequence[Any],
        domain: str = "",
        out: str = "",
        **attributes: Any,
    ) -> str:
        """Add a node, which gives the call's tensor or another."""
        out = out or call.name
        names = tuple(self.name(value) if not isinstance(value, str) else value for value in inputs)
        while names and not names[-1]:
            names = names[:-1]
        self.made.append(OnnxNode(call.name, kind, domain, names, (out,), attributes))
        return out

    def unknown(self, call: fx.Node) -> None:
        """Add what will be refused by its name."""
        inputs = [value for value in call.args if isinstance(value, fx.Node)]
        self.add(call, str(call.target), inputs)


def _arguments(call: fx.Node) -> dict[str, Any]:
    """Return what a call is given, by the names of its schema."""
    schema = call.target._schema.arguments  # type: ignore[union-attr]
    found = {a.name: a.default_value for a in schema if a.has_default_value()}
    found.update(zip((a.name for a in schema), call.args, strict=False))
    return {**found, **call.kwargs}


def _shape(value: Any) -> list[int]:
    return [n if isinstance(n, int) else 0 for n in value.meta["val"].shape]


def _wide(values: Any, rank: int) -> list[int]:
    """Return one number for each spatial axis."""
    each: list[int] = list(values) if isinstance(values, (list, tuple)) else [values]
    return each * rank if len(each) == 1 else each


def _conv(nodes: Nodes, call: fx.Node) -> None:
    of = _arguments(call)
    rank = len(_shape(of["input"])) - 2
    padding = of["padding"]
    if isinstance(padding, str):
        how: dict[str, Any] = {"auto_pad": "SAME_UPPER" if padding == "same" else "VALID"}
    else:
        how = {"pads": _wide(padding, rank) * 2}
    nodes.add(
        call,
        "Conv",
        [of["input"], of["weight"], of["bias"]],
        strides=_wide(of["stride"], rank),
        dilations=_wide(of["dilation"], rank),
        group=of["groups"],
        **how,
    )


def _linear(nodes: Nodes, call: fx.Node) -> None:
    of = _arguments(call)
    if len(_shape(of["input"])) == 2:
        nodes.add(call, "Gemm", [of["input"], of["weight"], of["bias"]], transB=1)
        return
    turned = nodes.add(call, "Transpose", [of["weight"]], out=f"{call.name}.weight", perm=[1, 0])
    if of["bias"] is None:
        nodes.add(call, "MatMul", [of["input"], turned])
        return
    sums = nodes.add(call, "MatMul", [of["input"], turned], out=f"{call.name}.sums")
    nodes.add(call, "Add", [sums, of["bias"]])


def _pool(kind: str) -> Callable[[Nodes, fx.Node], None]:
    def add(nodes: Nodes, call: fx.Node) -> None:
        of = _arguments(call)
        given = of.get("self", of.get("input"))
        rank = len(_shape(given)) - 2
        kernel = _wide(of["kernel_size"], rank)
        how: dict[str, Any] = (
            {"dilations": _wide(of["dilation"], rank)} if kind == "MaxPool" else {}
        )
        if kind == "AveragePool":
            how["count_include_pad"] = int(of.get("count_include_pad", True))
            if of.get("divisor_override") is not None:
                nodes.unknown(call)
                return
        nodes.add(
            call,
            kind,
            [given],
            kernel_shape=kernel,
            strides=_wide(of["stride"], rank) if of["stride"] else kernel,
            pads=_wide(of["padding"], rank) * 2,
            ceil_mode=int(of["ceil_mode"]),
            **how,
        )

    return add


def _adaptive(nodes: Nodes, call: fx.Node) -> None:
    of = _arguments(call)
    if all(n == 1 for n in of["output_size"]):
        nodes.add(call, "GlobalAveragePool", [of["self"]])
    else:
        nodes.unknown(call)


def _mean(nodes: Nodes, call: fx.Node) -> None:
    of = _arguments(call)
    axes = np.array(of["dim"] or range(len(_shape(of["self"]))))
    nodes.add(call, "ReduceMean", [of["self"], axes], keepdims=int(of["keepdim"]))


def _quantize(kind: str, per_channel: bool) -> Callable[[Nodes, fx.Node], None]:
    def add(nodes: Nodes, call: fx.Node) -> None:
        of = _arguments(call)
        scale, zero = ("scales", "zero_points") if per_channel else ("scale", "zero_point")
        inputs = [of["input"], of[scale], np.int64(0) if of[zero] is None else of[zero]]
        nodes.add(
            call,
            kind,
            inputs,
            DECOMPOSED,
            axis=of["axis"] if per_channel else 1,
            lo=int(of["quant_min"]),
            hi=int(of["quant_max"]),
        )

    return add


def _plain(kind: str, *names: str, **renamed: str) -> Callable[[Nodes, fx.Node], None]:
    """Return what adds a node of a kind: inputs by name, attributes by their name in ONNX."""

    def add(nodes: Nodes, call: fx.Node) -> None:
        of = _arguments(call)
        if of.get("alpha", 1) != 1 and kind in ("Add", "Sub"):
            nodes.unknown(call)
            return
        attributes = {theirs: of[ours] for theirs, ours in renamed.items()}
        nodes.add(call, kind, [of[name] for name in names], **attributes)

    return add


def _clamp(lo: str | float, hi: str | float) -> Callable[[Nodes, fx.Node], None]:
    def add(nodes: Nodes, call: fx.Node) -> None:
        of = _arguments(call)
        ends = [of[end] if isinstance(end, str) else end for end in (lo, hi)]
        ends = [None if end is None else np.float64(end) for end in ends]
        nodes.add(call, "Clip", [of["self"], *ends])

    return add


def _reshape(nodes: Nodes, call: fx.Node) -> None:
    given = call.args[0]
    if math.prod(_shape(call)[1:]) == math.prod(_shape(given)[1:]):
        nodes.add(call, "Reshape", [given, np.array([0, *_shape(call)[1:]])])
    else:
        nodes.unknown(call)


def _cat(nodes: Nodes, call: fx.Node) -> None:
    of = _arguments(call)
    nodes.add(call, "Concat", of["tensors"], axis=of["dim"])


def _batch_norm(nodes: Nodes, call: fx.Node) -> None:
    of = _arguments(call)
    channels = _shape(of["input"])[1]
    weight = np.ones(channels) if of["weight"] is None else of["weight"]
    bias = np.zeros(channels) if of["bias"] is None else of["bias"]
    inputs = [of["input"], weight, bias, of["running_mean"], of["running_var"]]
    nodes.add(call, "BatchNormalization", inputs, epsilon=of["eps"])


ATEN: dict[str, Callable[[Nodes, fx.Node], None]] = {
    **{f"conv{rank}d.{way}": _conv for rank in (1, 2) for way in ("default", "padding")},
    "linear.default": _linear,
    "batch_norm.default": _batch_norm,
    **dict.fromkeys(("max_pool1d.default", "max_pool2d.default"), _pool("MaxPool")),
    **dict.fromkeys(("avg_pool1d.default", "avg_pool2d.default"), _pool("AveragePool")),
    **dict.fromkeys(("adaptive_avg_pool1d.default", "adaptive_avg_pool2d.default"), _adaptive),
    "mean.dim": _mean,
    **dict.fromkeys(("relu.default", "relu_.default"), _plain("Relu", "self")),
    **dict.fromkeys(("relu6.default", "relu6_.default"), _clamp(0.0, 6.0)),
    **dict.fromkeys(("hardtanh.default", "hardtanh_.default"), _clamp("min_val", "max_val")),
    **dict.fromkeys(("clamp.default", "clamp_.default"), _clamp("min", "max")),
    **dict.fromkeys(
        ("leaky_relu.default", "leaky_relu_.default"),
        _plain("LeakyRelu", "self", alpha="negative_slope"),
    ),
    "sigmoid.default": _plain("Sigmoid", "self"),
    "tanh.default": _plain("Tanh", "self"),
    **{
        f"{name}{way}.Tensor": _plain(kind, "self", "other")
        for name, kind in (("add", "Add"), ("sub", "Sub"), ("mul", "Mul"), ("div", "Div"))
        for way in ("", "_")
    },
    "cat.default": _cat,
    "permute.default": _plain("Transpose", "self", perm="dims"),
    **dict.fromkeys(
        ("flatten.using_ints", "view.default", "reshape.default", "squeeze.dims"), _reshape
    ),
    **dict.fromkeys(
        ("clone.default", "contiguous.default", "alias.default"), _plain("Identity", "self")
    ),
    **dict.fromkeys(("dropout.default", "dropout_.default"), _plain("Identity", "input")),
    "softmax.int": _plain("Softmax", "self", axis="dim"),
    "log_softmax.int": _plain("LogSoftmax", "self", axis="dim"),
}
CALLS: dict[str, Callable[[Nodes, fx.Node], None]] = {
    **{f"aten.{name}": call for name, call in ATEN.items()},
    **{
        f"{DECOMPOSED}.{kind}_per_{what}.{overload}": _quantize(kind, what == "channel")
        for kind in ("quantize", "dequantize")
        for what in ("tensor", "channel")
        for overload in (("default", "tensor") if what == "tensor" else ("default",))
    },
}

"""ONNX files of quantized networks, made node by node, and what other tools compute of them."""

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun
from torch.nn import functional as F

BATCH = 64
DOMAIN = "qonnx.custom_op.general"
CHANNELS_LAST = "qonnx.custom_op.channels_last"


class Graph:
    """A file in the making: each method adds a node and returns the name of its tensor.

    scales : "two" for powers of two, with which float32 is exact; "free" for any
    """

    def __init__(self, seed, shape, scales="two", batch=BATCH, opset=21, type=TensorProto.FLOAT):
        self.rng = np.random.default_rng(seed)
        self.scales = scales
        self.opset, self.dialect = opset, 1
        self.nodes, self.constants = [], []
        self.entry = helper.make_tensor_value_info("x", type, (batch, *shape))
        self.shape = shape

    def constant(self, value, dtype=np.float32):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def add(self, kind, *inputs, domain="", outputs=1, **attributes):
        names = [f"{kind.lower()}{len(self.nodes)}" + "abc"[n] * (n > 0) for n in range(outputs)]
        node = helper.make_node(kind, list(inputs), names, domain=domain, **attributes)
        node.name = f"{kind}_{len(self.nodes)}"
        self.nodes.append(node)
        return names[0] if outputs == 1 else names

    def scale(self, near, shape=()):
        """Return a scale, or several, near a power of two."""
        if self.scales == "two":
            return (2.0 ** (near + self.rng.integers(-1, 2, shape))).astype(np.float32)
        return (2.0**near * self.rng.uniform(0.6, 1.4, shape)).astype(np.float32)

    def quant(self, x, bits=4, near=-2, signed=1, narrow=0, zero=0, mode="ROUND", shape=()):
        return self.add(
            *("Quant", x, self.constant(self.scale(near, shape)), self.constant(zero)),
            self.constant(bits),
            domain=DOMAIN,
            signed=signed,
            narrow=narrow,
            rounding_mode=mode,
        )

    def bipolar(self, x, near=0):
        return self.add("BipolarQuant", x, self.constant(self.scale(near)), domain=DOMAIN)

    def weights(self, shape, bits=4, per_channel=True, narrow=1):
        """Return quantized weights; the first axis is that of output channels."""
        near = 1 - bits
        wide = (shape[0], *[1] * (len(shape) - 1)) if per_channel else ()
        real = self.constant(self.rng.normal(0, 0.5, shape))
        if bits == 1:
            return self.bipolar(real, -1)
        return self.quant(real, bits, near, narrow=narrow, shape=wide)

    def linear(self, x, features, out, bits=4, bias=False):
        weight = self.add("Transpose", self.weights((out, features), bits), perm=[1, 0])
        y = self.add("MatMul", x, weight)
        return self.add("Add", y, self.constant(self.rng.normal(0, 0.3, out))) if bias else y

    def conv(self, x, channels, out, kernel=3, bits=4, bias=False, group=1, **attributes):
        weight = self.weights((out, channels // group, kernel, kernel), bits)
        biases = [self.constant(self.rng.normal(0, 0.3, out))] if bias else []
        return self.add("Conv", x, weight, *biases, group=group, **attributes)

    def norm(self, x, channels, negative=True):
        factor = self.rng.uniform(0.5, 1.5, channels)
        if negative:
            factor *= self.rng.choice([-1, 1], channels)
        numbers = [
            *(factor, self.rng.normal(0, 0.3, channels), self.rng.normal(0, 0.3, channels)),
            self.rng.uniform(0.3, 2, channels),
        ]
        return self.add("BatchNormalization", x, *map(self.constant, numbers))

    # of QuantizeLinear and DequantizeLinear

    def qdq(self, x, near=-5, dtype=np.uint8, zero=None):
        """Return x quantized and dequantized."""
        info = np.iinfo(dtype)
        if zero is None:
            zero = int(self.rng.integers(info.min, info.max + 1))
        ends = self.constant(self.scale(near)), self.constant(zero, dtype)
        return self.add("DequantizeLinear", self.add("QuantizeLinear", x, *ends), *ends)

    def qdq_weights(self, shape, per_channel=True):
        integers = self.rng.integers(-127, 128, shape)
        size = (shape[0],) if per_channel else ()
        more = {"axis": 0} if per_channel else {}
        scale = self.constant(self.scale(-7, size))
        zero = self.constant(np.zeros(size), np.int8)
        return self.add("DequantizeLinear", self.constant(integers, np.int8), scale, zero, **more)

    def qdq_bias(self, size):
        integers = self.rng.integers(-2000, 2000, size)
        scale = self.constant(self.scale(-12))
        return self.add("DequantizeLinear", self.constant(integers, np.int32), scale)

    def model(self, *outputs):
        ends = [helper.make_empty_tensor_value_info(name) for name in outputs]
        graph = helper.make_graph(self.nodes, "graph", [self.entry], ends, self.constants)
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid(DOMAIN, self.dialect)]
        opsets.append(helper.make_opsetid(CHANNELS_LAST, 17))
        return helper.make_model(graph, opset_imports=opsets, ir_version=10)

    def save(self, path, *outputs):
        onnx.save(self.model(*(outputs or self.nodes[-1].output[:1])), path)
        return path


def qonnx_tensors(path, x):
    """Return all tensors of a file as the executor of the package qonnx computes them."""
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx

    model = onnx.load(path)
    del model.graph.output[:]  # else their shapes would stand twice
    shapes = {
        name: (a.shape, a.dtype) for name, a in real_tensors(path, x).items() if a is not None
    }
    for name in (name for node in model.graph.node for name in node.output):
        shape, dtype = shapes[name]
        kind = TensorProto.INT64 if dtype == np.int64 else TensorProto.FLOAT
        model.graph.value_info.append(helper.make_tensor_value_info(name, kind, shape))
    return execute_onnx(ModelWrapper(model), {model.graph.input[0].name: x}, True)


def onnxruntime_tensors(path, x, optimised=False):
    """Return all tensors of a file as onnxruntime computes them, or the output alone.

    optimised : with integer kernels, where it has them
    """
    model = onnx.load(path)
    if not optimised:
        names = {name for node in model.graph.node for name in node.output}
        names -= {output.name for output in model.graph.output}
        model.graph.output.extend(helper.make_empty_tensor_value_info(n) for n in sorted(names))
    options = onnxruntime.SessionOptions()
    levels = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = (
        levels.ORT_ENABLE_ALL if optimised else levels.ORT_DISABLE_ALL
    )
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    outputs = [output.name for output in session.get_outputs()]
    return dict(zip(outputs, session.run(outputs, {session.get_inputs()[0].name: x}), strict=True))


NEAR = 1e-9  # of a tie: in exact arithmetic it is one
BEFORE = {}  # what quantizers rounded in the last call of `real_tensors`, by their tensors


def _snapped(x):
    """Return numbers in which float64's last bits do not blur a tie."""
    near = np.rint(2 * x) / 2
    return np.where(np.abs(x - near) < NEAR * np.maximum(1, np.abs(x)), near, x)


def _kept(op, x):
    BEFORE[op.onnx_node.output[0]] = x
    return _snapped(x)


def _rounded(mode, x):
    away = {"UP": np.ceil, "HALF_UP": lambda a: np.floor(a + 0.5)}
    away["HALF_DOWN"] = lambda a: np.ceil(a - 0.5)
    if mode in away:
        return np.sign(x) * away[mode](np.abs(x))
    return {"ROUND": np.rint, "FLOOR": np.floor, "CEIL": np.ceil, "DOWN": np.trunc}[mode](x)


class Quant(OpRun):
    op_domain = DOMAIN

    def _run(self, x, scale, zero, bits, narrow=None, rounding_mode=None, signed=None):
        u = _kept(self, x / scale + zero)
        if bits == 1 and signed:
            n = np.where(u >= 0, 1.0, -1.0)
        else:
            half = 2.0 ** (bits - 1)
            ends = (narrow - half, half - 1) if signed else (0.0, 2 * half - 1 - narrow)
            n = _rounded(rounding_mode, np.clip(u, *ends))
        return ((n - zero) * scale,)


class BipolarQuant(OpRun):
    op_domain = DOMAIN

    def _run(self, x, scale):
        return (np.where(_kept(self, x) >= 0, 1.0, -1.0) * scale,)


class Trunc(OpRun):
    op_domain = DOMAIN

    def _run(self, x, scale, zero, before, *behind, narrow=None, rounding_mode=None, signed=None):
        n = np.rint(_kept(self, x / scale + zero))
        if len(behind) == 1:
            return ((_rounded(rounding_mode, n / 2.0 ** (before - behind[0])) - zero) * scale,)
        out, bits = behind
        shift = 2.0 ** np.rint(np.log2(out / scale))
        half = 2.0 ** (bits - 1)
        n = np.clip(n / shift, *((narrow - half, half - 1) if signed else (0, 2 * half - 1)))
        return ((_rounded(rounding_mode, n) - zero / shift) * out,)


def _along(a, axis, rank):
    return a if a.size == 1 else a.reshape([-1 if n == axis % rank else 1 for n in range(rank)])


class QuantizeLinear(OpRun):
    def _run(self, x, scale, zero, axis=1, **_):
        info, wide = np.iinfo(zero.dtype), _along(zero, axis, x.ndim).astype(np.float64)
        n = np.rint(_kept(self, x / _along(scale, axis, x.ndim))) + wide
        return (np.clip(n, info.min, info.max).astype(zero.dtype),)


class DequantizeLinear(OpRun):
    def _run(self, x, scale, zero=None, axis=1, **_):
        wide = 0.0 if zero is None else _along(zero, axis, x.ndim).astype(np.float64)
        return ((x - wide) * _along(scale, axis, x.ndim),)


class ConvTranspose(OpRun):
    """As torch computes it: the reference's own cannot have groups."""

    def _run(self, x, w, b=None, group=1, strides=None, dilations=None, **how):
        rank = x.ndim - 2
        strides, dilations = strides or [1] * rank, dilations or [1] * rank
        more = how.get("output_padding") or [0] * rank
        bias = None if b is None else torch.tensor(b)
        whole = F.conv_transpose2d(
            torch.tensor(x), torch.tensor(w), bias, strides, 0, more, group, dilations
        ).numpy()
        pads = how.get("pads") or [0] * 2 * rank
        if how.get("output_shape"):
            left = np.array(whole.shape[2:]) - how["output_shape"]
            half = left // 2 if how["auto_pad"] == "SAME_UPPER" else left - left // 2
            pads = [*half, *(left - half)]
        ends = zip(whole.shape[2:], pads[:rank], pads[rank:], strict=True)
        return (whole[(..., *(slice(first, size - last) for size, first, last in ends))],)


def _with_channels_last(kind):
    """Return the op of ONNX's own that has channels last."""

    def run(self, x, *more, **attributes):
        inputs = [np.moveaxis(a, -1, 1) if a.ndim > 1 else a for a in (x, *more)]
        names = [f"i{n}" for n in range(len(inputs))]
        given = {name: value for name, value in attributes.items() if value is not None}
        node = helper.make_node(kind, names, ["y"], **given)
        (y,) = ReferenceEvaluator(node).run(None, dict(zip(names, inputs, strict=True)))
        return (np.moveaxis(y, 1, -1),)

    return type(kind, (OpRun,), {"op_domain": CHANNELS_LAST, "_run": run})


OPS = [Quant, BipolarQuant, Trunc, QuantizeLinear, DequantizeLinear, ConvTranspose]
OPS += map(_with_channels_last, ("Conv", "MaxPool"))


def real_tensors(path, x):
    """Return all tensors of a file, computed in float64; of several inputs x is a dict."""
    BEFORE.clear()
    model = onnx.load(path)
    for constant in model.graph.initializer:
        if constant.data_type == TensorProto.FLOAT:
            wide = numpy_helper.to_array(constant).astype(np.float64)
            constant.CopyFrom(numpy_helper.from_array(wide, constant.name))
    given = x if isinstance(x, dict) else {model.graph.input[0].name: x}
    for entry in model.graph.input:
        if given[entry.name].dtype.kind == "f":
            given = {**given, entry.name: given[entry.name].astype(np.float64)}
            entry.type.tensor_type.elem_type = TensorProto.DOUBLE
    evaluator = ReferenceEvaluator(model, new_ops=OPS)
    return evaluator.run(None, given, intermediate=True)

"""TFLite files, made as small as a test needs, and what LiteRT's reference kernels say of them."""

__all__ = ["Op", "Tensor", "reference", "tflite_file"]

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import tflite


@dataclass
class Tensor:
    """A tensor: of one scale or several, a constant where it holds data."""

    name: str
    shape: Sequence[int]
    scale: Any = 1.0
    zero_point: int = 0
    type: str = "INT8"
    data: Any = None
    axis: int = 0


@dataclass
class Op:
    """An operator: tensors by their names, options by the schema's."""

    kind: str
    inputs: Sequence[str]
    outputs: Sequence[str]
    options: Mapping[str, Any] = field(default_factory=dict)


OPTIONS = {
    "CONV_2D": "Conv2DOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "FULLY_CONNECTED": "FullyConnectedOptions",
    "ADD": "AddOptions",
    "SUB": "SubOptions",
    "MUL": "MulOptions",
    "AVERAGE_POOL_2D": "Pool2DOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    "MEAN": "ReducerOptions",
    "RESHAPE": "ReshapeOptions",
    "CONCATENATION": "ConcatenationOptions",
    "SOFTMAX": "SoftmaxOptions",
    "LEAKY_RELU": "LeakyReluOptions",
    "RESIZE_NEAREST_NEIGHBOR": "ResizeNearestNeighborOptions",
    "TRANSPOSE_CONV": "TransposeConvOptions",
    "TRANSPOSE": "TransposeOptions",
    "PAD": "PadOptions",
    "PADV2": "PadV2Options",
    "MIRROR_PAD": "MirrorPadOptions",
    "SLICE": "SliceOptions",
    "STRIDED_SLICE": "StridedSliceOptions",
    "DEPTH_TO_SPACE": "DepthToSpaceOptions",
    "SPACE_TO_DEPTH": "SpaceToDepthOptions",
    "EXPAND_DIMS": "ExpandDimsOptions",
    "SQUEEZE": "SqueezeOptions",
    "ARG_MAX": "ArgMaxOptions",
    "SHAPE": "ShapeOptions",
    "PACK": "PackOptions",
    "HARD_SWISH": "HardSwishOptions",
    "QUANTIZE": "QuantizeOptions",
    "DEQUANTIZE": "DequantizeOptions",
}
FIRST_VERSION = {  # that have no second one
    *(
        "RESHAPE",
        "HARD_SWISH",
        "SQUEEZE",
        "EXPAND_DIMS",
        "DEPTH_TO_SPACE",
        "SHAPE",
        "PACK",
        "RELU_N1_TO_1",
    ),
}
DTYPES = {"INT8": np.int8, "INT16": np.int16, "INT32": np.int32, "INT64": np.int64}
DTYPES |= {"UINT8": np.uint8, "FLOAT32": np.float32}


def tflite_file(
    path: Path,
    tensors: Sequence[Tensor],
    ops: Sequence[Op],
    inputs: Sequence[str],
    outputs: Sequence[str],
) -> Path:
    """Write a file and return its path."""
    builder = flatbuffers.Builder(1 << 16)
    numbers = {tensor.name: n for n, tensor in enumerate(tensors)}
    buffers = [_buffer(builder, b"")]
    made = []
    for tensor in tensors:
        number = 0
        if tensor.data is not None:
            number = len(buffers)
            data = np.ascontiguousarray(tensor.data, DTYPES[tensor.type]).tobytes()
            buffers.append(_buffer(builder, data))
        made.append(_tensor(builder, tensor, number))
    kinds = list(dict.fromkeys(op.kind for op in ops))
    codes = [_code(builder, kind) for kind in kinds]
    operators = [_operator(builder, op, kinds.index(op.kind), numbers) for op in ops]
    parts = [
        _offsets(builder, made, tflite.SubGraphStartTensorsVector),
        _ints(builder, [numbers[n] for n in inputs], tflite.SubGraphStartInputsVector),
        _ints(builder, [numbers[n] for n in outputs], tflite.SubGraphStartOutputsVector),
        _offsets(builder, operators, tflite.SubGraphStartOperatorsVector),
    ]
    tflite.SubGraphStart(builder)
    for add, part in zip(
        (
            tflite.SubGraphAddTensors,
            tflite.SubGraphAddInputs,
            tflite.SubGraphAddOutputs,
            tflite.SubGraphAddOperators,
        ),
        parts,
        strict=True,
    ):
        add(builder, part)
    graphs = _offsets(builder, [tflite.SubGraphEnd(builder)], tflite.ModelStartSubgraphsVector)
    code_vector = _offsets(builder, codes, tflite.ModelStartOperatorCodesVector)
    buffer_vector = _offsets(builder, buffers, tflite.ModelStartBuffersVector)
    tflite.ModelStart(builder)
    tflite.ModelAddVersion(builder, 3)
    tflite.ModelAddOperatorCodes(builder, code_vector)
    tflite.ModelAddSubgraphs(builder, graphs)
    tflite.ModelAddBuffers(builder, buffer_vector)
    builder.Finish(tflite.ModelEnd(builder), file_identifier=b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path


def reference(path: Path, *inputs: Any) -> dict[str, Any]:
    """Return every tensor that LiteRT's reference kernels compute for a batch of inputs.

    Parameters
    ----------
    inputs : each (batch, ...) as the file has it behind its first axis

    Returns
    -------
    name -> (batch, ...) integers
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    run = Interpreter(
        str(path),
        experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
        experimental_preserve_all_tensors=True,
    )
    run.allocate_tensors()
    places = [(d["index"], d["dtype"]) for d in run.get_input_details()]
    named = {d["name"]: d["index"] for d in run.get_tensor_details() if d["name"]}
    found: dict[str, list[Any]] = {name: [] for name in named}
    for frames in zip(*inputs, strict=True):
        for (index, dtype), frame in zip(places, frames, strict=True):
            run.set_tensor(index, np.asarray(frame, dtype)[None])
        run.invoke()
        for name, index in named.items():
            value = run.get_tensor(index)
            found[name].append(value[0] if value.ndim > 1 else value)
    return {name: np.array(values) for name, values in found.items()}


def _buffer(builder: Any, data: bytes) -> int:
    vector = None
    if data:
        builder.StartVector(1, len(data), 16)
        builder.head -= len(data)
        builder.Bytes[builder.head : builder.head + len(data)] = data
        vector = builder.EndVector()
    tflite.BufferStart(builder)
    if vector is not None:
        tflite.BufferAddData(builder, vector)
    return tflite.BufferEnd(builder)


def _offsets(builder: Any, offsets: Sequence[int], start: Any) -> int:
    start(builder, len(offsets))
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return builder.EndVector()


def _ints(builder: Any, values: Sequence[int], start: Any) -> int:
    start(builder, len(values))
    for value in reversed(values):
        builder.PrependInt32(value)
    return builder.EndVector()


def _tensor(builder: Any, tensor: Tensor, buffer: int) -> int:
    name = builder.CreateString(tensor.name)
    shape = _ints(builder, list(tensor.shape), tflite.TensorStartShapeVector)
    quantization = None
    if tensor.scale is not None:
        scales = np.atleast_1d(np.asarray(tensor.scale, np.float32))
        scale = builder.CreateNumpyVector(scales)
        zero = builder.CreateNumpyVector(np.full(len(scales), tensor.zero_point, np.int64))
        tflite.QuantizationParametersStart(builder)
        tflite.QuantizationParametersAddScale(builder, scale)
        tflite.QuantizationParametersAddZeroPoint(builder, zero)
        tflite.QuantizationParametersAddQuantizedDimension(builder, tensor.axis)
        quantization = tflite.QuantizationParametersEnd(builder)
    tflite.TensorStart(builder)
    tflite.TensorAddShape(builder, shape)
    tflite.TensorAddType(builder, getattr(tflite.TensorType, tensor.type))
    tflite.TensorAddBuffer(builder, buffer)
    tflite.TensorAddName(builder, name)
    if quantization is not None:
        tflite.TensorAddQuantization(builder, quantization)
    return tflite.TensorEnd(builder)


def _code(builder: Any, kind: str) -> int:
    number = getattr(tflite.BuiltinOperator, kind)
    tflite.OperatorCodeStart(builder)
    tflite.OperatorCodeAddDeprecatedBuiltinCode(builder, min(number, 127))
    tflite.OperatorCodeAddBuiltinCode(builder, number)
    tflite.OperatorCodeAddVersion(builder, 1 if kind in FIRST_VERSION else 2)
    return tflite.OperatorCodeEnd(builder)


def _operator(builder: Any, op: Op, code: int, numbers: Mapping[str, int]) -> int:
    ins = [numbers[name] if name else -1 for name in op.inputs]
    inputs = _ints(builder, ins, tflite.OperatorStartInputsVector)
    outs = [numbers[name] for name in op.outputs]
    outputs = _ints(builder, outs, tflite.OperatorStartOutputsVector)
    options, kind = None, OPTIONS.get(op.kind)
    if kind is not None:
        values = {
            name: _ints(builder, value, getattr(tflite, f"{kind}Start{name}Vector"))
            if isinstance(value, list)
            else value
            for name, value in op.options.items()
        }
        getattr(tflite, f"{kind}Start")(builder)
        for name, value in values.items():
            getattr(tflite, f"{kind}Add{name}")(builder, value)
        options = getattr(tflite, f"{kind}End")(builder)
    tflite.OperatorStart(builder)
    tflite.OperatorAddOpcodeIndex(builder, code)
    tflite.OperatorAddInputs(builder, inputs)
    tflite.OperatorAddOutputs(builder, outputs)
    if options is not None and kind is not None:
        tflite.OperatorAddBuiltinOptionsType(builder, getattr(tflite.BuiltinOptions, kind))
        tflite.OperatorAddBuiltinOptions(builder, options)
    return tflite.OperatorEnd(builder)

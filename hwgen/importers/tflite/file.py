"""A TFLite file as plain data.

The format is FlatBuffers, whose Python reader believes every offset: what it raises on a damaged
file is turned into one error, and no count of anything may exceed what the file's bytes can hold.
Source: the schema of TensorFlow Lite, version 3.
"""

__all__ = ["DAMAGE", "TfliteModel", "TfliteOperator", "TfliteTensor", "read_tflite"]

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hwgen.errors import HwgenError, StoreError, bring
from hwgen.files import read_file

LARGEST = 1 << 28  # bytes of a file
MOST_ELEMENTS = 1 << 28  # of a tensor
DAMAGE = (
    *(struct.error, IndexError, ValueError, TypeError, AttributeError, KeyError),
    *(ArithmeticError, UnicodeError, AssertionError, RecursionError),
)
DTYPES = {
    "FLOAT32": "<f4",
    "INT32": "<i4",
    "UINT8": "<u1",
    "INT64": "<i8",
    "INT16": "<i2",
    "INT8": "<i1",
}


@dataclass(frozen=True, eq=False)
class TfliteTensor:
    """A tensor of the file.

    name : as the file has it
    shape : with the batch
    type : such as INT8
    scale : float64 of what the file has as float32, empty where it is not quantized
    zero_point : as many integers
    axis : that scales go along, where there are several
    data : what a constant holds, None of what is computed
    """

    name: str
    shape: tuple[int, ...]
    type: str
    scale: npt.NDArray[np.float64]
    zero_point: npt.NDArray[np.int64]
    axis: int
    data: npt.NDArray[Any] | None = field(repr=False)


@dataclass(frozen=True)
class TfliteOperator:
    """An operator: numbers of tensors, -1 for an input that is left out."""

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, int | float | bool]


@dataclass(frozen=True)
class TfliteModel:
    """The one graph of a file, its operators in the order in which they run."""

    tensors: tuple[TfliteTensor, ...]
    operators: tuple[TfliteOperator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def read_tflite(path: str | Path) -> TfliteModel:
    """Return what a file holds.

    Raises
    ------
    StoreError : there is no such file, or it is damaged, or no TFLite file of one graph
    HwgenError : the package `tflite` is missing
    """
    path = Path(path)
    try:
        data = read_file(path, LARGEST)
    except FileNotFoundError as error:
        raise StoreError(f"{path}: there is no such file") from error
    except OSError as error:
        raise StoreError(f"{path}: file cannot be read ({error.strerror})") from error
    try:
        import tflite
    except ImportError as error:
        raise HwgenError(
            f"Reading TFLite files needs the package tflite; install it: {bring('tflite')}"
        ) from error
    if data[4:8] != b"TFL3":
        raise StoreError(f"{path}: must be a TFLite file of version 3, which this is not")
    try:
        return _Reader(tflite, data).model()
    except StoreError as error:
        raise StoreError(f"{path}: {error}") from error
    except DAMAGE as error:
        raise StoreError(
            f"{path}: file is damaged ({type(error).__name__}: {str(error)[:80]}); "
            "convert the model again, or take it from where it came"
        ) from error


class _Reader:
    def __init__(self, tflite: Any, data: bytes):
        self._tflite = tflite
        self._data = data
        self._kinds = _names(tflite.BuiltinOperator)
        self._types = _names(tflite.TensorType)

    def model(self) -> TfliteModel:
        model = self._tflite.Model.GetRootAs(self._data, 0)
        if self._count(model.SubgraphsLength()) != 1:
            raise StoreError(f"file must hold one graph, not {model.SubgraphsLength()}")
        graph = model.Subgraphs(0)
        tensors = self._each(graph.TensorsLength, lambda n: self._tensor(model, graph.Tensors(n)))
        operators = self._each(
            graph.OperatorsLength, lambda n: self._operator(model, graph.Operators(n))
        )
        inputs = self._each(graph.InputsLength, lambda n: int(graph.Inputs(n)))
        outputs = self._each(graph.OutputsLength, lambda n: int(graph.Outputs(n)))
        for number in (*inputs, *outputs, *(n for o in operators for n in (*o.inputs, *o.outputs))):
            if not -1 <= number < len(tensors):
                raise StoreError(f"tensor {number} is not one of the {len(tensors)} of the file")
        return TfliteModel(tensors, operators, inputs, outputs)

    def _count(self, count: int) -> int:
        if not 0 <= count <= len(self._data):
            raise StoreError(f"file is damaged: it cannot hold {count} of anything")
        return count

    def _each(self, length: Callable[[], int], get: Callable[[int], Any]) -> tuple[Any, ...]:
        return tuple(get(n) for n in range(self._count(length())))

    def _tensor(self, model: Any, tensor: Any) -> TfliteTensor:
        name = (tensor.Name() or b"").decode("utf-8", "replace")
        shape = self._each(tensor.ShapeLength, lambda n: int(tensor.Shape(n)))
        elements = 1
        for extent in shape:
            elements *= extent
            if extent < 0 or elements > MOST_ELEMENTS:
                raise StoreError(
                    f"{name}: tensor must have at most {MOST_ELEMENTS} elements, not {shape}"
                )
        kind = self._types[tensor.Type()]
        scale, zero_point, axis = np.empty(0), np.empty(0, np.int64), 0
        found = tensor.Quantization()
        if found is not None and self._count(found.ScaleLength()):
            scale = np.asarray(found.ScaleAsNumpy(), np.float64)
            self._count(found.ZeroPointLength())
            zero_point = np.asarray(found.ZeroPointAsNumpy(), np.int64).reshape(-1)
            axis = int(found.QuantizedDimension())
            if not np.isfinite(scale).all() or (scale <= 0).any():
                raise StoreError(f"{name}: scales must be positive and finite")
            if zero_point.size not in (1, scale.size):
                raise StoreError(f"{name}: zero points must be as many as scales")
        return TfliteTensor(
            name, shape, kind, scale, zero_point, axis, self._constant(model, tensor, shape, kind)
        )

    def _constant(
        self, model: Any, tensor: Any, shape: tuple[int, ...], kind: str
    ) -> npt.NDArray[Any] | None:
        number = tensor.Buffer()
        if number == 0:
            return None
        if number >= self._count(model.BuffersLength()):
            raise StoreError(f"buffer {number} is not one of the file")
        buffer = model.Buffers(number)
        if self._count(buffer.DataLength()) == 0:
            return None
        if kind not in DTYPES:
            raise StoreError(f"constants must be one of {', '.join(DTYPES)}, not {kind}")
        raw = np.asarray(buffer.DataAsNumpy(), np.uint8)
        return np.frombuffer(raw.tobytes(), DTYPES[kind]).reshape(shape)

    def _operator(self, model: Any, operator: Any) -> TfliteOperator:
        if operator.OpcodeIndex() >= self._count(model.OperatorCodesLength()):
            raise StoreError(f"operator code {operator.OpcodeIndex()} is not one of the file")
        code = model.OperatorCodes(operator.OpcodeIndex())
        kind = self._kinds[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        return TfliteOperator(
            kind,
            self._each(operator.InputsLength, lambda n: int(operator.Inputs(n))),
            self._each(operator.OutputsLength, lambda n: int(operator.Outputs(n))),
            self._options(operator),
        )

    def _options(self, operator: Any) -> dict[str, int | float | bool]:
        """Return the plain values among an operator's options, by the schema's names."""
        table = operator.BuiltinOptions()
        kind = _names(self._tflite.BuiltinOptions)[operator.BuiltinOptionsType()]
        if table is None or kind == "NONE":
            return {}
        options = getattr(self._tflite, kind)()
        options.Init(table.Bytes, table.Pos)
        found = {}
        for name in dir(options):
            if name[0].isupper() and not name.startswith(("Init", "GetRoot")):
                read = getattr(options, name)
                if read.__code__.co_argcount == 1 and not name.endswith(("AsNumpy", "Length")):
                    value = read()
                    if isinstance(value, (int, float, bool)):
                        found[name] = value
        return found


def _names(table: Any) -> dict[int, str]:
    """Return the names of an enumeration of the schema."""
    return {value: name for name, value in vars(table).items() if isinstance(value, int)}

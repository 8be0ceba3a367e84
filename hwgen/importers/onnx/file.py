"""An ONNX file as plain data.

What protobuf makes of a file is believed in nothing: sizes are checked before anything is
allocated, and no other file is read, whatever the file says about data beside it.
Source: the specification of ONNX's intermediate representation, version 13 and before.
"""

__all__ = ["DAMAGE", "MOST_ELEMENTS", "OnnxInput", "OnnxModel", "OnnxNode", "read_onnx"]

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hwgen.errors import HwgenError, StoreError, bring
from hwgen.files import read_file

LARGEST = 1 << 27  # bytes of a file
MOST_ELEMENTS = 1 << 25  # of a constant
MOST_RANK = 8
DAMAGE = (
    *(struct.error, IndexError, ValueError, TypeError, AttributeError, KeyError),
    *(ArithmeticError, UnicodeError, AssertionError, RecursionError),
)
ONE_FILE = "save it in one file: onnx.save_model(model, path, save_as_external_data=False)"
INLINE = "inline them: onnx.inliner.inline_local_functions(model)"
STANDARD = ("", "ai.onnx")


@dataclass(frozen=True)
class OnnxInput:
    """What enters.

    shape : with the batch; 0 where the file leaves an extent open
    type : such as float32 or uint8
    """

    name: str
    shape: tuple[int, ...]
    type: str


@dataclass(frozen=True, eq=False)
class OnnxNode:
    """A node: names of tensors, "" for an input that is left out.

    place : how messages call it
    kind : the operator
    domain : "" of ONNX's own operators
    attributes : numbers, texts, lists of these, and arrays
    """

    place: str
    kind: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class OnnxModel:
    """The graph of a file, its nodes in the order in which they run."""

    nodes: tuple[OnnxNode, ...]
    constants: Mapping[str, npt.NDArray[Any]]
    inputs: tuple[OnnxInput, ...]
    outputs: tuple[str, ...]
    opset: int


def read_onnx(path: str | Path) -> OnnxModel:
    """Return what a file holds.

    Raises
    ------
    StoreError : there is no such file, or it is damaged, or no ONNX file
    HwgenError : the package `onnx` is missing
    """
    path = Path(path)
    try:
        data = read_file(path, LARGEST)
    except FileNotFoundError as error:
        raise StoreError(f"{path}: there is no such file") from error
    except OSError as error:
        raise StoreError(f"{path}: file cannot be read ({error.strerror})") from error
    try:
        import onnx
        from google.protobuf.message import DecodeError
        from onnx import numpy_helper
    except ImportError as error:
        raise HwgenError(
            f"Reading ONNX files needs the package onnx; install it: {bring('onnx')}"
        ) from error
    again = "export the model again, or take it from where it came"
    try:
        model = onnx.load_model_from_string(data)
        return _Reader(onnx, numpy_helper).model(model)
    except StoreError as error:
        raise StoreError(f"{path}: {error}") from error
    except DecodeError as error:
        raise StoreError(f"{path}: must be an ONNX file, which this is not; {again}") from error
    except DAMAGE as error:
        raise StoreError(
            f"{path}: file is damaged ({type(error).__name__}: {str(error)[:80]}); {again}"
        ) from error


class _Reader:
    def __init__(self, onnx: Any, numpy_helper: Any):
        self._onnx = onnx
        self._to_array = numpy_helper.to_array

    def model(self, model: Any) -> OnnxModel:
        graph = model.graph
        if not graph.node:
            raise StoreError("graph must have a node; this file holds none")
        if model.functions:
            raise StoreError(f"functions of the model's own cannot be read; {INLINE}")
        if graph.sparse_initializer:
            raise StoreError("sparse constants cannot be read; store them dense")
        opsets = [o.version for o in model.opset_import if o.domain in STANDARD]
        constants: dict[str, npt.NDArray[Any]] = {}
        for tensor in graph.initializer:
            if tensor.name in constants:
                raise StoreError(f"{tensor.name}: constant is defined twice")
            constants[tensor.name] = self._array(tensor, tensor.name)
        inputs = tuple(self._input(i) for i in graph.input if i.name not in constants)
        return OnnxModel(
            self._nodes(graph, {*constants, *(i.name for i in inputs)}),
            constants,
            inputs,
            tuple(output.name for output in graph.output),
            max(opsets, default=1),
        )

    def _nodes(self, graph: Any, known: set[str]) -> tuple[OnnxNode, ...]:
        """Return nodes, each of whose inputs are known when it runs."""
        nodes = []
        for index, node in enumerate(graph.node):
            outputs = tuple(node.output)
            place = node.name or next(filter(None, outputs), f"node {index}")
            for name in node.input:
                if name and name not in known:
                    raise StoreError(
                        f"{place}: input {name!r} must be computed before it; a cycle, or nodes "
                        "out of order"
                    )
            for name in filter(None, outputs):
                if name in known:
                    raise StoreError(f"{place}: tensor {name!r} is computed twice")
                known.add(name)
            domain = "" if node.domain in STANDARD else node.domain
            attributes = {a.name: self._attribute(a, place) for a in node.attribute}
            nodes.append(
                OnnxNode(place, node.op_type, domain, tuple(node.input), outputs, attributes)
            )
        for output in graph.output:
            if output.name not in known:
                raise StoreError(f"output {output.name!r} is computed by no node")
        return tuple(nodes)

    def _input(self, found: Any) -> OnnxInput:
        tensor = found.type.tensor_type
        shape = tuple(int(d.dim_value) for d in tensor.shape.dim)
        if not 0 < len(shape) <= MOST_RANK or min(shape) < 0:
            raise StoreError(f"input {found.name!r} must have a shape, not {shape}")
        return OnnxInput(found.name, shape, self._type(tensor.elem_type))

    def _type(self, number: int) -> str:
        return str(self._onnx.TensorProto.DataType.Name(number)).lower()

    def _attribute(self, attribute: Any, place: str) -> Any:
        kinds = self._onnx.AttributeProto
        if attribute.type == kinds.TENSOR:
            return self._array(attribute.t, place)
        if attribute.type in (kinds.GRAPH, kinds.GRAPHS):
            return None  # of operators that are in no table
        value = self._onnx.helper.get_attribute_value(attribute)
        if isinstance(value, bytes):
            return value.decode("utf-8", "replace")
        if isinstance(value, (int, float)):
            return value
        if attribute.type in (kinds.INTS, kinds.FLOATS):
            return list(value)
        if attribute.type == kinds.STRINGS:
            return [text.decode("utf-8", "replace") for text in value]
        raise StoreError(f"{place}: attribute {attribute.name!r} is of a kind that cannot be read")

    def _array(self, tensor: Any, place: str) -> npt.NDArray[Any]:
        dims = list(tensor.dims)
        if len(dims) > MOST_RANK or any(n < 0 for n in dims) or math.prod(dims) > MOST_ELEMENTS:
            raise StoreError(
                f"{place}: constant must have at most {MOST_ELEMENTS} elements, not {dims}"
            )
        if tensor.data_location == self._onnx.TensorProto.EXTERNAL or tensor.external_data:
            raise StoreError(f"{place}: constant lies in another file; {ONE_FILE}")
        try:
            array = np.asarray(self._to_array(tensor))
        except DAMAGE as error:
            raise StoreError(f"{place}: constant is damaged ({str(error)[:80]})") from error
        if array.dtype.kind not in "iufb" and "int" not in array.dtype.name:
            array = array.astype(np.float32)  # such as bfloat16; int4 stays what it is
        return array

"""From a program of `torch.export` that was quantized by PT2E to a `Network`.

The program's calls become nodes as an ONNX file has them, and mean what those do: real numbers, of
which quantizers put some on grids, in exact arithmetic.
"""

__all__ = ["import_exported"]

import io
from pathlib import Path
from typing import Any

import torch
from torch import fx
from torch.export import ExportedProgram

from hwgen.errors import StoreError
from hwgen.files import read_file
from hwgen.importers.exported.calls import CALLS, Nodes
from hwgen.importers.onnx.file import DAMAGE, OnnxInput, OnnxModel
from hwgen.importers.onnx.importer import network_of
from hwgen.network import Network

LARGEST = 1 << 28  # bytes of a file
TYPES = {torch.float32: "float", torch.float64: "double", torch.int8: "int8", torch.uint8: "uint8"}


def import_exported(
    program: ExportedProgram | str | Path,
    *,
    input_format: str | None = None,
    input_scale: float | None = None,
) -> Network:
    """Return the network of a program that `convert_pt2e` made and `torch.export.export` took down.

    Parameters
    ----------
    program : or the file that `torch.export.save` wrote of it
    input_format, input_scale : of the integers that enter, as of `import_onnx`

    Raises
    ------
    StoreError : no such file, or a damaged one
    UnsupportedError : with every call that has no integer meaning here
    NetworkError : a network that breaks a rule
    """
    if isinstance(program, ExportedProgram):
        return network_of(_model(program), "program", input_format, input_scale)
    path = Path(program)
    try:
        return network_of(_model(_loaded(path)), path, input_format, input_scale)
    except DAMAGE as error:
        raise StoreError(
            f"{path}: file is damaged ({type(error).__name__}: {str(error)[:80]}); export it again"
        ) from error


def _loaded(path: Path) -> ExportedProgram:
    try:
        data = read_file(path, LARGEST)
    except FileNotFoundError as error:
        raise StoreError(f"{path}: there is no such file") from error
    except OSError as error:
        raise StoreError(f"{path}: file cannot be read ({error.strerror})") from error
    import torch.ao.quantization.fx._decomposed  # registers what a file may call

    try:
        return torch.export.load(io.BytesIO(data))
    except Exception as error:  # whatever its readers raise: archive, JSON, schema, tensors
        raise StoreError(
            f"{path}: must be a program that torch.export.save wrote, of this version of PyTorch, "
            f"which this is not ({type(error).__name__}: {str(error)[:80]})"
        ) from error


def _model(program: ExportedProgram) -> OnnxModel:
    """Return a program as a graph of ONNX's operators."""
    signature = program.graph_signature
    held: dict[str, Any] = {
        **program.constants,
        **dict(program.named_parameters()),
        **dict(program.named_buffers()),
    }
    named = {
        **signature.inputs_to_parameters,
        **signature.inputs_to_buffers,
        **signature.inputs_to_lifted_tensor_constants,
    }
    nodes, inputs = Nodes(), []
    for node in program.graph.nodes:
        if node.op == "placeholder" and node.name in named:
            nodes.constants[node.name] = held[named[node.name]].detach().cpu().numpy()
        elif node.op == "placeholder":
            inputs.append(_input(node))
        elif node.op == "call_function":
            call = CALLS.get(str(node.target))
            if call is None:
                nodes.unknown(node)
            else:
                call(nodes, node)
    outputs = tuple(str(name) for name in signature.user_outputs)
    return OnnxModel(tuple(nodes.made), nodes.constants, tuple(inputs), outputs, 21)


def _input(node: fx.Node) -> OnnxInput:
    value = node.meta.get("val")
    if not isinstance(value, torch.Tensor):
        raise StoreError(f"input {node.name!r} must be a tensor")
    shape = tuple(n if isinstance(n, int) else 0 for n in value.shape)
    return OnnxInput(node.name, shape, TYPES.get(value.dtype, str(value.dtype)))

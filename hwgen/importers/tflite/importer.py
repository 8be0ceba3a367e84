"""From a TFLite file of int8 to a `Network`, equal to the reference kernels in every bit.

Values of a network are (channels, height, width), those of a file (1, height, width, channels).
"""

__all__ = ["import_tflite"]

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from hwgen.errors import FoundUnsupported, HwgenError, NetworkError, StoreError, UnsupportedError
from hwgen.importers.tflite.builder import Builder, Refusal
from hwgen.importers.tflite.file import DAMAGE, TfliteOperator, read_tflite
from hwgen.importers.tflite.operators import CONVERT
from hwgen.network import Input, Network, Node, Output

OF_SHAPES = ("SHAPE", "PACK", "STRIDED_SLICE", "CONCATENATION", "REDUCE_PROD", "GATHER")
SUPPORTED = ", ".join(CONVERT)


def import_tflite(path: str | Path) -> Network:
    """Return the network of a TFLite file of int8, with its names.

    Its integers are those of LiteRT's reference kernels. Images enter and leave as (channels,
    height, width).

    Raises
    ------
    StoreError : no such file, or a damaged one
    UnsupportedError : with every operator that has no integer meaning here
    NetworkError : a network that breaks a rule
    HwgenError : the package `tflite` is missing
    """
    model = read_tflite(path)
    builder = Builder(model)
    found: list[FoundUnsupported] = []
    if not model.inputs or not model.outputs:
        raise StoreError(f"{path}: graph must have an input and an output")
    with _noting(found, path, "input"):
        for number in model.inputs:
            _enter(builder, number)
    for operator in model.operators:
        place = _place(builder, operator)
        if _is_of_shapes(builder, operator):
            continue
        if operator.kind not in CONVERT:
            found.append(FoundUnsupported(place, operator.kind, ""))
        if found:  # what follows an operator that is missing cannot be looked at
            continue
        with _noting(found, path, place):
            CONVERT[operator.kind](builder, operator)
    ends: list[Output] = []
    with _noting(found, path, "output"):
        ends += [] if found else [builder.end(number) for number in model.outputs]
    if found:
        raise UnsupportedError(found, SUPPORTED)
    try:
        return Network(_live(builder, ends), ends)
    except NetworkError as error:
        raise NetworkError(f"{path}: {error}") from error


@contextmanager
def _noting(found: list[FoundUnsupported], path: str | Path, place: str) -> Iterator[None]:
    """Note a refusal, and say of any other error where it was."""
    try:
        yield
    except Refusal as refusal:
        found.append(FoundUnsupported(place, refusal.what, refusal.instead))
    except HwgenError as error:
        raise type(error)(f"{path}: {place}: {error}") from error
    except DAMAGE as error:  # such as as many inputs as no such operator has
        raise StoreError(f"{path}: {place}: operator is damaged ({error})") from error


def _enter(builder: Builder, number: int) -> None:
    """Add an input; where real numbers enter, with the grid that they are brought to at once."""
    name, grid = builder.tensor(number).name, number
    if builder.tensor(number).type == "FLOAT32":
        users = [operator for operator in builder.model.operators if number in operator.inputs]
        if [operator.kind for operator in users] != ["QUANTIZE"] or len(users[0].outputs) != 1:
            raise Refusal("an input of real numbers", "quantize the whole model to int8")
        (grid,) = users[0].outputs
    scale = np.array([builder.scale(grid)])
    entry = Input(builder.shape(number), builder.format(grid), scale, builder.zero_point(grid))
    builder.gives(grid, builder.add(entry, [], name))


def _is_of_shapes(builder: Builder, operator: TfliteOperator) -> bool:
    """Say whether an operator computes with shapes, which the file says of each tensor anyway."""
    outs = [builder.tensor(n) for n in operator.outputs if n >= 0]
    return operator.kind in OF_SHAPES and all(
        out.type in ("INT32", "INT64") and not out.scale.size for out in outs
    )


def _place(builder: Builder, operator: TfliteOperator) -> str:
    names = [builder.model.tensors[n].name for n in operator.outputs if n >= 0]
    return names[0] if names else operator.kind


def _live(builder: Builder, ends: Sequence[Output]) -> tuple[Node, ...]:
    """Return the inputs and the nodes that outputs need, of one output the one that gives it
    last."""
    needed = {end.node for end in ends}
    for node in reversed(builder.nodes):
        if node.name in needed:
            needed.update(node.inputs)
    nodes = [n for n in builder.nodes if n.name in needed or isinstance(n.op, Input)]
    if len(ends) == 1:
        nodes.sort(key=lambda node: node.name == ends[0].node)
    return tuple(nodes)

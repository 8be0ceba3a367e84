"""From a TFLite file of int8 to a `Network`, equal to the reference kernels in every bit.

Values of a network are (channels, height, width), those of a file (1, height, width, channels).
"""

__all__ = ["import_tflite"]

from pathlib import Path

import numpy as np

from hwgen.errors import FoundUnsupported, HwgenError, NetworkError, StoreError, UnsupportedError
from hwgen.importers.growing import Refusal
from hwgen.importers.tflite.builder import Builder
from hwgen.importers.tflite.file import DAMAGE, TfliteOperator, read_tflite
from hwgen.importers.tflite.operators import CONVERT
from hwgen.network import Input, Network

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
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise StoreError(f"{path}: graph must have one input and one output")
    (number,) = model.inputs
    try:
        builder.gives(number, builder.add(_entry(builder, number), [], builder.tensor(number).name))
    except Refusal as refusal:
        found.append(FoundUnsupported("input", refusal.what, refusal.instead))
    for operator in model.operators:
        place = _place(builder, operator)
        if operator.kind not in CONVERT:
            found.append(FoundUnsupported(place, operator.kind, ""))
        if found:  # what follows an operator that is missing cannot be looked at
            continue
        try:
            CONVERT[operator.kind](builder, operator)
        except Refusal as refusal:
            found.append(FoundUnsupported(place, refusal.what, refusal.instead))
        except HwgenError as error:
            raise type(error)(f"{path}: {place}: {error}") from error
        except DAMAGE as error:  # such as as many inputs as no such operator has
            raise StoreError(f"{path}: {place}: {operator.kind} is damaged ({error})") from error
    if found:
        raise UnsupportedError(found, SUPPORTED)
    try:
        return builder.finished(next(iter(builder.nodes)), builder.value(model.outputs[0]))
    except NetworkError as error:
        raise NetworkError(f"{path}: {error}") from error


def _entry(builder: Builder, number: int) -> Input:
    shape = builder.tensor(number).shape
    if len(shape) == 4:
        own: tuple[int, ...] = builder.image(number)
    elif len(shape) == 2 and shape[0] == 1:
        own = shape[1:]
    else:
        raise Refusal(f"an input of shape {shape}", "use (1, height, width, channels)")
    scale = np.array([builder.scale(number)])
    return Input(own, builder.format(number), scale, builder.zero_point(number))


def _place(builder: Builder, operator: TfliteOperator) -> str:
    names = [builder.model.tensors[n].name for n in operator.outputs if n >= 0]
    return names[0] if names else operator.kind

"""From an ONNX file of a quantized network to a `Network`, equal to the file in exact arithmetic.

Two dialects are told apart by the operators that stand in the file: QONNX (Quant, BipolarQuant,
Trunc) and ONNX's own QuantizeLinear and DequantizeLinear. What both mean is a graph of real numbers
in which quantizers put some on grids; between quantizers everything is carried as rational numbers,
so that the integers of the network are those of the graph in exact arithmetic.
"""

__all__ = ["import_onnx", "network_of"]

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np

from hwgen.errors import FoundUnsupported, HwgenError, StoreError, UnsupportedError
from hwgen.formats import Activation, Binary, Fixed, parse_format
from hwgen.importers.growing import Refusal
from hwgen.importers.onnx.builder import Builder
from hwgen.importers.onnx.file import DAMAGE, OnnxInput, OnnxModel, OnnxNode, read_onnx
from hwgen.importers.onnx.folding import FOLD, folded
from hwgen.importers.onnx.grids import ROUNDINGS, Grid
from hwgen.importers.onnx.operators import CONVERT, converter
from hwgen.importers.onnx.operators.ends import output_of
from hwgen.importers.onnx.operators.integer import INTEGER, expanded
from hwgen.importers.onnx.steps import Affine
from hwgen.importers.onnx.values import Constant, Value
from hwgen.network import Input, Network

SUPPORTED = ", ".join(sorted(kind for kind in CONVERT if kind[0].isupper()))
FORMAT, SCALE = "int16", 2.0**-10  # of an input that nothing quantizes
MOST_FOLDED = 1 << 26
PLAIN = {"uint8": Fixed(8, False), "int8": Fixed(8), "uint16": Fixed(16, False), "int16": Fixed(16)}
FLOATS = ("float", "float16", "double", "bfloat16", "undefined")


def import_onnx(
    path: str | Path, *, input_format: str | None = None, input_scale: float | None = None
) -> Network:
    """Return the network of an ONNX file of QONNX or of QuantizeLinear and DequantizeLinear.

    Images enter and leave as (channels, height, width). Nodes carry the names of the file's
    tensors. What enters is what the file's first quantizers give, or where the input is used
    otherwise, `input_format` and `input_scale`, by default int16 of 2**-10.

    Parameters
    ----------
    input_format : such as "uint8", of the integers that enter
    input_scale : real = scale * integer

    Raises
    ------
    StoreError : no such file, or a damaged one
    UnsupportedError : with every operator that has no integer meaning here
    NetworkError : a network that breaks a rule
    HwgenError : the package `onnx` is missing
    """
    return network_of(read_onnx(path), path, input_format, input_scale)


def network_of(
    model: OnnxModel,
    path: str | Path,
    input_format: str | None = None,
    input_scale: float | None = None,
) -> Network:
    """Return the network of a file's graph; `path` is what messages call it."""
    given = None
    if input_format is not None or input_scale is not None:
        given = _entry_of(input_format or FORMAT, input_scale or SCALE)
    last = False
    entries = {each.name: given or _entry_of(FORMAT, SCALE) for each in model.inputs}
    while True:
        graph = _Graph(model, path)
        network = graph.network(entries, last)
        if graph.builder.wants_other_layout and not last:
            last = True
            continue
        if network is None:
            raise UnsupportedError(graph.found, SUPPORTED)
        better = {
            each.name: found
            for each in model.inputs
            if not given and not entries[each.name].is_final
            if (found := graph.pulled_back(each, entries[each.name])) is not None
        }
        if not better:
            return network
        entries |= better


class _Entry:
    """What enters: format, scale and zero point; final where it is as the file's quantizers say."""

    def __init__(
        self, of: Activation, scale: Fraction, zero_point: int = 0, is_final: bool = False
    ):
        self.format, self.scale = of, scale
        self.zero_point, self.is_final = zero_point, is_final


def _entry_of(name: str, scale: float) -> _Entry:
    of = parse_format(name)
    if not isinstance(of, (Fixed, Binary)):
        raise HwgenError(f"Input format must be one such as uint8, not {name}")
    if not scale > 0 or scale == float("inf"):
        raise HwgenError(f"Input scale must be positive, not {scale}")
    return _Entry(of, Fraction(scale))


class _Graph:
    """One way through the nodes of a file."""

    def __init__(self, model: OnnxModel, path: str | Path):
        self.model, self.path = model, path
        self.builder = Builder(model.opset)
        self.found: list[FoundUnsupported] = []
        self.elements = 0  # of constants that are computed

    def network(self, entries: Mapping[str, "_Entry"], channels_last: bool) -> Network | None:
        """Return the network, or None with what is unsupported in `found`."""
        builder, model = self.builder, self.model
        for name, data in model.constants.items():
            builder.known[name] = Constant(data)
        builder.channels_last = channels_last
        for given in model.inputs:
            try:
                builder.known[given.name] = self._entry(given, entries[given.name])
            except Refusal as refusal:
                self.found.append(FoundUnsupported(given.name, refusal.what, refusal.instead))
        if not model.inputs or not model.outputs:
            raise StoreError(f"{self.path}: graph must have an input and an output")
        for node in model.nodes:
            self._convert(node)
        if self.found:
            return None
        return self._finished()

    def _entry(self, given: OnnxInput, entry: "_Entry") -> Value:
        batch, *rest = given.shape
        if len(rest) not in (1, 2, 3) or min(rest) < 1:
            raise Refusal(
                f"an input of shape {given.shape}",
                "use (batch, channels, height, width) or (batch, features), with fixed extents",
            )
        axes = tuple(range(len(rest)))
        if self.builder.channels_last and len(rest) > 1:
            axes = (*range(1, len(rest)), 0)
        shape = tuple(rest[axes.index(n)] for n in range(len(rest)))
        step = Affine.of(entry.scale)
        if given.type not in FLOATS:
            entry = self._integers(given)
            step = Affine.of(1, entry.zero_point)
        scale = float(entry.scale)
        op = Input(shape, entry.format, np.array([scale]), entry.zero_point)
        node = self.builder.add(op, [], given.name)
        self.builder.entries[node] = given.name
        return Value(node, (max(batch, 1), *rest), axes, (step,))

    def _integers(self, given: OnnxInput) -> _Entry:
        """Return what enters as integers: of the scale that all who take it off say."""
        if given.type not in PLAIN:
            raise Refusal(f"an input of {given.type}", "use float32, int8 or uint8")
        of, said = PLAIN[given.type], set()
        for node in self.model.nodes:
            if given.name in node.inputs:
                names = node.inputs[1:3] if node.kind == "DequantizeLinear" else ()
                data = [self.model.constants.get(name) for name in names]
                alone = [
                    int(a.ravel()[0]) if n else float(a.ravel()[0])
                    for n, a in enumerate(data)
                    if a is not None and a.size == 1
                ]
                said.add(tuple(alone) if len(alone) == len(names) else ())
        (found, *others) = said or {()}
        if others or not found or found[0] <= 0:
            return _Entry(of, Fraction(1))
        zero = int(found[1]) if len(found) > 1 else 0
        return _Entry(of, Fraction(found[0]), zero)

    def _convert(self, node: OnnxNode) -> None:
        builder = self.builder
        try:
            if node.kind == "Shape" and node.domain == "" and not self.found:
                shape = builder.get(node, 0).shape
                ends = node.attributes.get("start", 0), node.attributes.get("end")
                builder.give(node, Constant(np.array(shape[slice(*ends)], np.int64)))
                return
            inputs = [builder.known.get(name) for name in node.inputs if name]
            constants = [each for each in inputs if isinstance(each, Constant)]
            if node.kind in FOLD and node.domain == "" and len(constants) == len(inputs):
                constant = folded(node, constants)
                self.elements += constant.data.size
                if self.elements > MOST_FOLDED:
                    raise StoreError("constants that are computed are too many")
                builder.give(node, constant)
                return
            if (node.domain, node.kind) in INTEGER and not self.found:
                for inner in expanded(builder, node):
                    self._convert(inner)
                return
            convert = converter(node)
            if (node.domain, node.kind) in INTEGER:
                pass
            elif convert is None:
                kind = f"{node.domain}.{node.kind}" if node.domain else node.kind
                instead = INSTEAD.get(node.kind, "")
                self.found.append(FoundUnsupported(node.place, kind, instead))
            elif not self.found:  # what follows an operator that is missing cannot be looked at
                with np.errstate(all="ignore"):
                    convert(builder, node)
        except Refusal as refusal:
            if not self.found or node.kind not in FOLD:
                self.found.append(FoundUnsupported(node.place, refusal.what, refusal.instead))
        except HwgenError as error:
            raise type(error)(f"{self.path}: {node.place}: {error}") from error
        except DAMAGE as error:  # such as an attribute of another kind than the operator's
            raise StoreError(
                f"{self.path}: {node.place}: {node.kind} is damaged "
                f"({type(error).__name__}: {str(error)[:80]}); export the model again"
            ) from error

    def _finished(self) -> Network | None:
        builder, ends = self.builder, []
        for name in self.model.outputs:
            last = builder.known[name]
            try:
                if isinstance(last, Constant):
                    raise Refusal("an output that is the same for all inputs", "compute one")
                ends.append(output_of(builder, last, name))
            except Refusal as refusal:
                self.found.append(FoundUnsupported(name, refusal.what, refusal.instead))
            except HwgenError as error:
                raise type(error)(f"{self.path}: {name}: {error}") from error
        try:
            return None if self.found else builder.network(ends)
        except HwgenError as error:
            raise type(error)(f"{self.path}: {error}") from error

    def pulled_back(self, given: OnnxInput, entry: "_Entry") -> "_Entry | None":
        """Return what enters if the integers of the file's first quantizers do.

        None where the input is used otherwise, or quantizers differ.
        """
        builder = self.builder
        ours = {node for node, name in builder.entries.items() if name == given.name}
        users = [
            node.name
            for node in builder.nodes.values()
            if ours & set(node.inputs) and node.name not in ours
        ]
        is_real = given.type in FLOATS
        if not is_real or not users or any(name not in builder.first for name in users):
            return None
        found = [_pulled_back(*builder.first[name], entry.scale) for name in users]
        first = found[0]
        if first is None or any(each is None or vars(each) != vars(first) for each in found):
            return None
        return first


def _pulled_back(grid: Grid, before: Affine, unit: Fraction) -> _Entry | None:
    """Return integers to enter, of which a quantizer behind an affine step makes its own.

    Parameters
    ----------
    before : of the integers that enter as it is
    unit : what one of these stands for
    """
    sizes = {v.size for v in (grid.scale, before.factor, before.offset)}
    factor, offset = before.factor[0] / unit, before.offset[0]
    if sizes != {1} or factor <= 0:
        return None
    scale = grid.scale[0] / factor
    zero = offset / grid.scale[0] + grid.before + grid.behind
    if grid.binary:  # the number above which it is 1 is half of the scale
        edge = -(offset / grid.scale[0] + grid.before) * scale
        if edge == 0:
            return _Entry(Binary(), scale, is_final=True)
        return _Entry(Fixed(2, edge < 0), 2 * abs(edge), is_final=True)
    of = grid.format
    rounds = grid.rounding is ROUNDINGS["HALF_EVEN"] and not grid.is_truncated
    if not rounds or zero.denominator != 1 or not of.lo <= zero <= of.hi:
        return None
    return _Entry(of, scale, int(zero), is_final=True)


INSTEAD = {
    "DynamicQuantizeLinear": "quantize statically, with calibration",
    "Softmax": "use it as the last node alone",
    "LSTM": "use convolutions",
    "GRU": "use convolutions",
}

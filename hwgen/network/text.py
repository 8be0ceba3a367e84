"""The text form of a network, and the fields of an op that text and store share.

One line a node, in order, and one an output, unless that is the last node and no more:

    hwgen network 4
    "input" = Input() {"shape": [1, 8, 8], "format": "uint4", "scale": [0.1], "zero_point": 0}
    "conv1" = Conv2d("input") {"weight": [[[[...]]]], "bias": [...], ...}
    output "classes" = "conv1" [{"kind": "softmax", "axis": 0}]

A number format is its name; a codebook with entries is {"name": "cb2:4", "entries": [-7, 0, 3]}.
Names are JSON strings, attributes a JSON object with every field of the op, arrays included and
floats as `repr` writes them, so that `from_text(to_text(network)) == network` in every bit. Blank
lines and lines that start with `#` are skipped.
"""

__all__ = [
    "FIRST_NUMBER",
    "READABLE",
    "SPEC_VERSION",
    "drawn",
    "from_fields",
    "from_steps",
    "from_text",
    "summary",
    "summary_rows",
    "to_fields",
    "to_steps",
    "to_text",
]

import json
import math
import re
import reprlib
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from hwgen.errors import HwgenError, StoreError
from hwgen.files import parse_json
from hwgen.formats import Activation, Codebook, Fixed, Format, bits_for, parse_format
from hwgen.network.ends import Output
from hwgen.network.graph import Network, Node
from hwgen.network.host_steps import HostStep
from hwgen.network.ops import OPS, Factors, FloatArray, IntArray, Op, Padding
from hwgen.network.size import Size
from hwgen.picture import Box, picture

SPEC_VERSION = 4
READABLE = (2, 3, 4)  # 3 added number formats to 2, 4 outputs and several inputs; no more changed

_OP_BY_NAME = {op.__name__: op for op in OPS}
_LATER: Mapping[str, Mapping[str, object]] = {  # fields that files of before do not have
    "Add": {"factors": [1.0]},
    "MaxPool2d": {"dilation": [1, 1]},
    "AvgPool2d": {"divisor": 0},
}
_STRING = r'"(?:[^"\\]|\\.)*"'
_HEADER = re.compile(r"hwgen network ([0-9]{1,9})")
_LINE = re.compile(
    rf"(?P<name>{_STRING}) = (?P<op>\w+)"
    rf"\((?P<inputs>(?:{_STRING}(?:, {_STRING})*)?)\) (?P<fields>\{{.*\}})"
)
_OUTPUT = re.compile(rf"output (?P<name>{_STRING}) = (?P<node>{_STRING}) (?P<steps>\[.*\])")


def to_fields(op: Op) -> dict[str, Any]:
    """Return every field of an op by name: arrays as they are, the rest as JSON has it."""
    return {field.name: _encode(getattr(op, field.name)) for field in fields(op)}  # type: ignore[arg-type]


def from_fields(kind: str, values: Mapping[str, object]) -> Op:
    """Return the op of class `kind` from all of its fields; arrays may be nested lists.

    Raises
    ------
    StoreError : an unknown op, a missing or unknown field, or a field of another type
    NetworkError, FormatError : a value that breaks a rule of the op
    """
    op = _OP_BY_NAME.get(kind)
    if op is None:
        raise StoreError(f"Op must be one of {', '.join(_OP_BY_NAME)}, not {_short(kind)}")
    types = {field.name: field.type for field in fields(op)}  # type: ignore[arg-type]
    values = {**_LATER.get(kind, {}), **values}
    for name in values:
        if name not in types:
            raise StoreError(f"Field {_short(name)} is not one of {kind}: {', '.join(types)}")
    for name in types:
        if name not in values:
            raise StoreError(f"Field {name} of {kind} is missing")
    decoded = {}
    for name, of_type in types.items():
        try:
            decoded[name] = _DECODERS[of_type](values[name])
        except HwgenError as error:
            raise StoreError(f"Field {name} of {kind}: {error}") from error
    return op(**decoded)


def to_text(network: Network) -> str:
    """Return the text form of a network, arrays included."""
    lines = [f"hwgen network {SPEC_VERSION}"]
    for node in network.nodes:
        inputs = ", ".join(map(json.dumps, node.inputs))
        attributes = json.dumps(to_fields(node.op), default=np.ndarray.tolist, allow_nan=False)
        lines.append(f"{json.dumps(node.name)} = {type(node.op).__name__}({inputs}) {attributes}")
    for end in () if network.is_plain else network.ends:
        steps = json.dumps(to_steps(end))
        lines.append(f"output {json.dumps(end.name)} = {json.dumps(end.node)} {steps}")
    return "\n".join(lines) + "\n"


def to_steps(end: Output) -> list[dict[str, Any]]:
    """Return the host's steps of an output as JSON has them."""
    return [
        {"kind": step.kind, "axis": step.axis}
        | ({"numbers": list(step.numbers)} if step.numbers else {})
        for step in end.steps
    ]


def from_steps(name: object, node: object, steps: object) -> Output:
    """Return an output from its names and the host's steps as JSON has them.

    Raises
    ------
    StoreError : one of another type
    NetworkError : a name or step that breaks a rule
    """
    if not isinstance(steps, list) or not all(
        isinstance(step, dict) and step.keys() - {"numbers"} == {"kind", "axis"} for step in steps
    ):
        raise StoreError(
            "steps of an output must each have a kind and an axis, and perhaps numbers, "
            f"not {_short(steps)}"
        )
    made = []
    for step in steps:
        axis = None if step["axis"] is None else _integer(step["axis"])
        numbers = step.get("numbers", [])
        if not isinstance(numbers, list):
            raise StoreError(f"numbers of a step must be a list, not {_short(numbers)}")
        made.append(HostStep(_text(step["kind"]), axis, tuple(numbers)))
    if not _text(node):
        raise StoreError("node of an output must have a name")
    return Output(_text(name), _text(node), tuple(made))


def from_text(text: str) -> Network:
    """Return the network that a text form describes.

    Raises
    ------
    StoreError : the text does not follow the form; the message names the line
    NetworkError : the network it describes is not legal; the message names the layer
    """
    lines = [
        (number, line)
        for number, line in enumerate((line.strip() for line in text.split("\n")), start=1)
        if line and not line.startswith("#")
    ]
    number, header = lines[0] if lines else (1, "")
    version = _HEADER.fullmatch(header)
    if version is None:
        raise StoreError(
            f"line {number}: text form must begin with 'hwgen network {SPEC_VERSION}', "
            f"not {_short(header)}"
        )
    if int(version[1]) not in READABLE:
        raise StoreError(
            f"line {number}: spec version must be one of {', '.join(map(str, READABLE))}, "
            f"not {version[1]}; use the hwgen that wrote the text"
        )
    nodes: list[Node] = []
    ends: list[Output] = []
    for number, line in lines[1:]:
        try:
            if line.startswith("output "):
                ends.append(_parse_output(line))
            else:
                nodes.append(_parse_node(line))
        except HwgenError as error:
            raise StoreError(f"line {number}: {error}") from error
    return Network(nodes, ends)


def _parse_output(line: str) -> Output:
    match = _OUTPUT.fullmatch(line)
    if match is None:
        raise StoreError(f'output must be written as output "name" = "node" [], not {_short(line)}')
    name, node, steps = (parse_json(match[part]) for part in ("name", "node", "steps"))
    return from_steps(name, node, steps)


def _parse_node(line: str) -> Node:
    match = _LINE.fullmatch(line)
    if match is None:
        raise StoreError(
            f'node must be written as "name" = Op("input", ...) {{attributes}}, not {_short(line)}'
        )
    name: Any = parse_json(match["name"])
    inputs: Any = parse_json(f"[{match['inputs']}]")
    attributes: Any = parse_json(match["fields"])
    return Node(name, from_fields(match["op"], attributes), tuple(inputs))


def _short(value: object) -> str:
    return reprlib.repr(value)


def _encode(value: object) -> object:
    if isinstance(value, Codebook) and value.entries:
        return {"name": str(value), "entries": list(value.entries)}
    if isinstance(value, Format):
        return str(value)
    return [_encode(item) for item in value] if isinstance(value, tuple) else value


def _integer(value: object) -> int:
    if type(value) is not int or not -(2**63) <= value < 2**63:
        raise StoreError(f"must be an integer of 64 bits, not {_short(value)}")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise StoreError(f"must be a text, not {_short(value)}")
    return value


def _format(value: object) -> Format:
    if not isinstance(value, dict):
        return parse_format(_text(value))
    if value.keys() != {"name", "entries"}:
        raise StoreError(f"must be a name, or a codebook's name and entries, not {_short(value)}")
    of, entries = parse_format(_text(value["name"])), _integers(value["entries"])
    if not isinstance(of, Codebook):
        raise StoreError(f"must be a codebook such as cb4:8 where there are entries, not {of}")
    return of.with_entries(entries)


def _integers(value: object) -> tuple[int, ...]:
    if not isinstance(value, list):
        raise StoreError(f"must be a list of integers, not {_short(value)}")
    return tuple(map(_integer, value))


def _rows(value: object) -> tuple[tuple[int, ...], ...]:
    if not isinstance(value, list):
        raise StoreError(f"must be a list of lists of integers, not {_short(value)}")
    return tuple(map(_integers, value))


def _padding(value: object) -> object:
    """Of each axis (before, after), or one number for both, as before there were two."""
    if not isinstance(value, list):
        raise StoreError(f"must be a list of integers or of pairs of them, not {_short(value)}")
    return tuple(_integers(n) if isinstance(n, list) else _integer(n) for n in value)


def _integer_array(value: object) -> IntArray:
    if isinstance(value, np.ndarray):
        if value.dtype.kind != "i":
            raise StoreError(f"must be an array of integers, not of {value.dtype}")
        return value.astype(np.int64)
    array = np.array(value, dtype=object)  # ragged lists and other things stay as elements of it
    return np.array(list(map(_integer, array.flat)), dtype=np.int64).reshape(array.shape)


def _float_array(value: object) -> FloatArray:
    if isinstance(value, np.ndarray):
        if value.dtype != np.float64:
            raise StoreError(f"must be an array of float64, not of {value.dtype}")
        return value
    array = np.array(value, dtype=object)
    if not all(type(n) in (int, float) and abs(n) < math.inf for n in array.flat):
        raise StoreError(f"must be an array of finite numbers, not {_short(value)}")
    return array.astype(np.float64)


_DECODERS: Mapping[Any, Callable[[object], object]] = {
    IntArray: _integer_array,
    FloatArray: _float_array,
    Fixed: _format,
    Activation: _format,
    Format: _format,
    str: _text,
    int: _integer,
    int | None: _integer,
    tuple[int, ...]: _integers,
    Padding: _padding,
    Factors: _rows,
}


FIRST_NUMBER = 6  # column of a summary from which on there are numbers


def summary_rows(network: Network) -> list[tuple[str, ...]]:
    """Return a table for people, without arrays: titles, a row a node, and the sums.

    Bytes are those of the weights in their format, with codebooks and without biases.
    """
    columns = ("name", "op", "shape", "range", "format", "weights", "MACs", "parameters", "bytes")
    rows: list[tuple[str, ...]] = [columns]
    for node in network.nodes:
        tensor, size = network.tensors[node.name], network.sizes[node.name]
        rows.append(
            (
                node.name if node.name.isprintable() else json.dumps(node.name),
                type(node.op).__name__,
                "x".join(map(str, tensor.shape)),
                f"{tensor.lo}..{tensor.hi}",
                str(tensor.format or f"{bits_for(tensor.lo, tensor.hi)[0]} bits"),
                *_cells(str(getattr(node.op, "weight_format", "")), size),
            )
        )
    for end in () if network.is_plain else network.ends:
        tensor = network.tensors[end.node]
        shape, steps = "x".join(map(str, tensor.shape)), ", then ".join(map(str, end.steps))
        name = end.name if end.name.isprintable() else json.dumps(end.name)
        of = f"of {end.node}" if end.node.isprintable() else f"of {json.dumps(end.node)}"
        op = f"output {of}" + (f", on the host {steps}" if steps else "")
        rows.append((name, op, shape, f"{tensor.lo}..{tensor.hi}", "", *_cells("", Size())))
    rows.append(("total", "", "", "", "", *_cells("", network.size)))
    return rows


def drawn(network: Network) -> str:
    """Return a picture of the nodes as HTML: what each is, and what it asks for."""
    boxes = []
    for node in network.nodes:
        tensor, size = network.tensors[node.name], network.sizes[node.name]
        held = f"{size.weights:,} weights {getattr(node.op, 'weight_format', '')}"
        lines = [
            type(node.op).__name__,
            f"{'x'.join(map(str, tensor.shape))} {tensor.format or f'{tensor.lo}..{tensor.hi}'}",
            *([held] if size.weights else []),
        ]
        amounts = {"MACs": size.macs, "bytes": size.storage_bits / 8}
        boxes.append(Box(node.name, node.inputs, tuple(lines), amounts))
    return picture(boxes)


def summary(network: Network) -> str:
    """Return the rows of `summary_rows` as lines of text."""
    rows = summary_rows(network)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column >= FIRST_NUMBER else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _cells(weights: str, size: Size) -> tuple[str, str, str, str]:
    """Return the last cells of a row, empty where there are no weights."""
    counts = (size.macs, size.parameters, size.storage_bytes)
    macs, parameters, size_bytes = (f"{count:,}" if size.weights else "" for count in counts)
    return weights, macs, parameters, size_bytes

"""The store: a network in one safetensors file, without any code in it.

The arrays are the file's tensors, named `<node index>.<field>`; the graph and all other fields
are one JSON text in the file's metadata under the key `hwgen`:

    {"sha256": "...", "spec_version": 5,
     "nodes": [{"name": ..., "op": ..., "inputs": [...], "fields": {...}}],
     "outputs": [{"name": ..., "node": ..., "steps": [{"kind": ..., "axis": ...}]}]}

The checksum is that of the whole file with zeros in its own place, which is the same in each file,
so that no bit of a file can change unseen. Integers are written in the narrowest of int8, int16,
int32 and int64 that holds them. Equal networks make equal bytes.
"""

__all__ = ["FILE_VERSION", "load", "save", "sealed", "to_bytes"]

import hashlib
import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from hwgen.errors import HwgenError, StoreError
from hwgen.files import NoRegularFile, parse_json, read_file
from hwgen.network.ends import Output
from hwgen.network.graph import Network, Node
from hwgen.network.ops import IntArray
from hwgen.network.text import from_fields, from_steps, to_fields, to_steps

FILE_VERSION = 5
OLDER = (2, 3)  # of the text form
CHECKED = (4, 5)  # versions with a checksum; 5 has the outputs as well
LONGEST = 1 << 32  # bytes of a network
_KEY = "hwgen"
_START = b'{"__metadata__":{"hwgen":"{\\"sha256\\": \\"'  # of the header, behind its length
_SEAL = slice(8 + len(_START), 8 + len(_START) + 64)
_NODE_KEYS = {"name", "op", "inputs", "fields"}
_OUTPUT_KEYS = {"name", "node", "steps"}
_TYPES = {"I8": "<i1", "I16": "<i2", "I32": "<i4", "I64": "<i8", "F64": "<f8"}
_NARROW = (np.int8, np.int16, np.int32, np.int64)


def save(network: Network, path: str | Path) -> None:
    """Write a network to a file that `load` reads back, equal in every bit.

    The file appears whole or not at all: it is written beside its place and moved there.

    Raises
    ------
    StoreError : the file cannot be written
    """
    _write_whole(Path(path), to_bytes(network))


def to_bytes(network: Network) -> bytes:
    """Return what `save` writes."""
    tensors, nodes = {}, []
    for index, node in enumerate(network.nodes):
        values = to_fields(node.op)
        arrays = {name: v for name, v in values.items() if isinstance(v, np.ndarray)}
        tensors.update({f"{index}.{name}": _narrow(array) for name, array in arrays.items()})
        nodes.append(
            {
                "name": node.name,
                "op": type(node.op).__name__,
                "inputs": list(node.inputs),
                "fields": {name: v for name, v in values.items() if name not in arrays},
            }
        )
    outputs = [{"name": end.name, "node": end.node, "steps": to_steps(end)} for end in network.ends]
    graph = {
        "sha256": "0" * 64,
        "spec_version": FILE_VERSION,
        "nodes": nodes,
        "outputs": outputs,
    }
    text = json.dumps(graph, allow_nan=False)
    return sealed(safetensors.numpy.save(tensors, metadata={_KEY: text}))


def sealed(data: bytes) -> bytes:
    """Return the bytes of a file with their checksum in its place."""
    return data[: _SEAL.start] + _checksum(data).encode() + data[_SEAL.stop :]


def _checksum(data: bytes) -> str:
    return hashlib.sha256(data[: _SEAL.start] + b"0" * 64 + data[_SEAL.stop :]).hexdigest()


def _narrow(array: Any) -> Any:
    """Return the array in the narrowest stored type, contiguous."""
    if array.dtype.kind == "i":
        for dtype in _NARROW:
            info = np.iinfo(dtype)
            if array.size == 0 or (array.min() >= info.min and array.max() <= info.max):
                return np.ascontiguousarray(array, dtype=dtype)
    return np.ascontiguousarray(array)


def _write_whole(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name[:100]}.{secrets.token_hex(8)}.tmp")
    try:
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except (OSError, ValueError) as error:  # ValueError: a name that no file system takes
        reason = error.strerror if isinstance(error, OSError) else error
        raise StoreError(
            f"{path}: network cannot be written ({reason}); choose a folder that exists and that "
            "you may write to"
        ) from error


def load(path: str | Path) -> Network:
    """Return the network that `save` wrote to a file.

    Whatever else the file may hold, it is data: nothing in it is ever executed.

    Raises
    ------
    StoreError : there is no such file, or it is damaged, foreign or of another spec version
    """
    path = Path(path)
    try:
        data = read_file(path, LONGEST)
    except FileNotFoundError as error:
        raise StoreError(f"{path}: there is no such file") from error
    except NoRegularFile as error:
        raise StoreError(f"{error}; a network is a file that hwgen saved") from error
    except OSError as error:
        raise StoreError(f"{path}: network cannot be read ({error.strerror})") from error
    try:
        return _parse(data)
    except HwgenError as error:
        raise StoreError(f"{path}: {error}") from error


def _parse(data: bytes) -> Network:
    read: Callable[[bytes], list[tuple[str, dict[str, Any]]]] = safetensors.deserialize
    try:
        found = read(data)
    except safetensors.SafetensorError as error:
        message = f"not a whole safetensors file ({error}); save the network again"
        raise StoreError(message) from error
    graph: Any = parse_json(_metadata(data))
    nodes, outputs = _nodes(graph, data)
    arrays: dict[int, dict[str, Any]] = {}
    for name, tensor in found:
        index, _, field = name.partition(".")
        if not index.isascii() or not index.isdigit() or len(index) > 9:
            raise StoreError(f"tensor {name[:80]!r} must be named like '3.weight'")
        arrays.setdefault(int(index), {})[field] = _array(name, tensor)
    made = [_node(i, node, arrays.pop(i, {})) for i, node in enumerate(nodes)]
    if arrays:
        raise StoreError(f"tensors of node {min(arrays)} belong to no node")
    return Network(made, [_output(i, output) for i, output in enumerate(outputs)])


def _nodes(graph: Any, data: bytes) -> tuple[list[Any], list[Any]]:
    """Return the nodes and outputs of a graph, the file around it being whole."""
    version = graph.get("spec_version") if isinstance(graph, dict) else None
    known = (*OLDER, *CHECKED)
    if version not in known or not isinstance(version, int):
        raise StoreError(
            f"spec version must be one of {', '.join(map(str, known))}, not {version!r:.40}; "
            "use the hwgen that wrote it"
        )
    checked = {"sha256": "a checksum"} if version in CHECKED else {}
    ended = {"outputs": "a list of outputs"} if version == FILE_VERSION else {}
    wanted = {
        **checked,
        "spec_version": "a spec version",
        "nodes": "a list of nodes",
        **ended,
    }
    lists = [graph.get("nodes"), graph.get("outputs", [])]
    empty = bool(ended) and not lists[1]
    if graph.keys() != wanted.keys() or not all(isinstance(n, list) for n in lists) or empty:
        *parts, last = wanted.values()
        raise StoreError(f"graph must hold {', '.join(parts)} and {last}, nothing else")
    if checked and (not data[8:].startswith(_START) or graph["sha256"] != _checksum(data)):
        raise StoreError(
            "file is damaged: its checksum is another one; save the network again, or take it from "
            "where it was saved"
        )
    return lists[0], lists[1]


def _output(index: int, output: Any) -> Output:
    if not isinstance(output, dict) or output.keys() != _OUTPUT_KEYS:
        raise StoreError(
            f"output {index} must hold {', '.join(sorted(_OUTPUT_KEYS))}, nothing else"
        )
    try:
        return from_steps(output["name"], output["node"], output["steps"])
    except HwgenError as error:
        raise StoreError(f"output {index}: {error}") from error


def _metadata(data: bytes) -> str:
    """Return the graph's JSON text from the header, whose layout has been checked before."""
    length = int.from_bytes(data[:8], "little")
    try:
        header = json.loads(data[8 : 8 + length])
    except (ValueError, RecursionError) as error:
        raise StoreError(f"header is damaged ({error}); save the network again") from error
    graph = header.get("__metadata__", {}).get(_KEY)
    if not isinstance(graph, str):
        raise StoreError("safetensors file holds no hwgen network; was it saved by another tool?")
    return graph


def _array(name: str, tensor: dict[str, Any]) -> IntArray | Any:
    dtype = _TYPES.get(tensor["dtype"])
    if dtype is None:
        raise StoreError(
            f"tensor {name[:80]!r} must be one of {', '.join(_TYPES)}, not {tensor['dtype']}"
        )
    return np.frombuffer(tensor["data"], dtype=dtype).reshape(tensor["shape"])


def _node(index: int, node: Any, arrays: dict[str, Any]) -> Node:
    if not isinstance(node, dict) or node.keys() != _NODE_KEYS:
        raise StoreError(f"node {index} must hold {', '.join(sorted(_NODE_KEYS))}, nothing else")
    name, kind, inputs, fields = node["name"], node["op"], node["inputs"], node["fields"]
    texts = [name, kind, *(inputs if isinstance(inputs, list) else [None])]
    if not all(isinstance(text, str) for text in texts) or not isinstance(fields, dict):
        raise StoreError(f"node {index} must have texts for its name, op and inputs")
    if arrays.keys() & fields.keys():
        raise StoreError(f"{name}: fields must be given once, not in the graph and as tensors")
    try:
        return Node(name, from_fields(kind, {**fields, **arrays}), tuple(inputs))
    except HwgenError as error:
        raise StoreError(f"{name}: {error}") from error

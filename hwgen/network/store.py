"""The store: a network in one safetensors file, without any code in it.

The arrays are the file's tensors, named `<node index>.<field>`; the graph and all other fields
are one JSON text in the file's metadata under the key `hwgen`:

    {"spec_version": 3, "nodes": [{"name": ..., "op": ..., "inputs": [...], "fields": {...}}]}

Integers are written in the narrowest of int8, int16, int32 and int64 that holds them. Equal
networks make equal bytes.
"""

__all__ = ["load", "save", "to_bytes"]

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
from hwgen.network.graph import Network, Node
from hwgen.network.ops import IntArray
from hwgen.network.text import READABLE, SPEC_VERSION, from_fields, parse_json, to_fields

_KEY = "hwgen"
_NODE_KEYS = {"name", "op", "inputs", "fields"}
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
    graph = json.dumps({"spec_version": SPEC_VERSION, "nodes": nodes}, allow_nan=False)
    data: bytes = safetensors.numpy.save(tensors, metadata={_KEY: graph})
    return data


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
        if not path.exists():
            raise StoreError(f"{path}: there is no such file")
        if not path.is_file():
            raise StoreError(f"{path}: network must be a file, not a folder or a device")
        data = path.read_bytes()
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
    graph = parse_json(_metadata(data))
    version = graph.get("spec_version") if isinstance(graph, dict) else None
    if version not in READABLE or not isinstance(version, int):
        raise StoreError(
            f"spec version must be one of {', '.join(map(str, READABLE))}, not {version!r:.40}; "
            "use the hwgen that wrote it"
        )
    nodes = graph.get("nodes")
    if graph.keys() != {"spec_version", "nodes"} or not isinstance(nodes, list):
        raise StoreError("graph must hold a spec version and a list of nodes, nothing else")
    arrays: dict[int, dict[str, Any]] = {}
    for name, tensor in found:
        index, _, field = name.partition(".")
        if not index.isascii() or not index.isdigit() or len(index) > 9:
            raise StoreError(f"tensor {name[:80]!r} must be named like '3.weight'")
        arrays.setdefault(int(index), {})[field] = _array(name, tensor)
    network = Network(tuple(_node(i, node, arrays.pop(i, {})) for i, node in enumerate(nodes)))
    if arrays:
        raise StoreError(f"tensors of node {min(arrays)} belong to no node")
    return network


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

"""The network: an immutable dataflow graph of integer ops, always verified."""

__all__ = ["Network", "Node"]

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from hwgen.errors import HwgenError, NetworkError
from hwgen.network.fields import FloatArray, IntArray
from hwgen.network.inference import Tensor, infer
from hwgen.network.ops import Input, Op, same_op
from hwgen.network.size import Size, size_of


@dataclass(frozen=True, eq=False)
class Node:
    """A named op and the names of the nodes whose values it takes."""

    name: str
    op: Op
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Network:
    """An integer network: nodes in topological order, one `Input` first, one output last.

    Building one runs the verifier, so a `Network` that exists is a network that is legal: names
    are unique, every input precedes its user, shapes fit, formats hold their values, and no
    accumulator can overflow. A pass is a function from `Network` to `Network` and is verified by
    the same rule.

    Raises
    ------
    NetworkError : a rule is broken; the message names the node
    """

    nodes: tuple[Node, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "nodes", tuple(self.nodes))
        _ = self.tensors  # the verifier

    @cached_property
    def tensors(self) -> Mapping[str, Tensor]:
        """The inferred type of every node's value, by name."""
        return MappingProxyType(_verify(self.nodes))

    @cached_property
    def by_name(self) -> Mapping[str, Node]:
        """Nodes by name."""
        return MappingProxyType({node.name: node for node in self.nodes})

    @cached_property
    def sizes(self) -> Mapping[str, Size]:
        """Multiplications, parameters and storage of every node, by name."""
        return MappingProxyType(
            {node.name: size_of(node.op, self.tensors[node.name]) for node in self.nodes}
        )

    @property
    def size(self) -> Size:
        """Multiplications, parameters and storage of the whole network."""
        return sum(self.sizes.values(), start=Size())

    def __getitem__(self, name: str) -> Node:
        return self.by_name[name]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Network):
            return NotImplemented
        return len(self.nodes) == len(other.nodes) and all(
            a.name == b.name and a.inputs == b.inputs and same_op(a.op, b.op)
            for a, b in zip(self.nodes, other.nodes, strict=True)
        )

    __hash__ = None  # type: ignore[assignment]

    @property
    def input(self) -> Tensor:
        """Type of what enters."""
        return self.tensors[self.nodes[0].name]

    @property
    def output(self) -> Tensor:
        """Type of what leaves."""
        return self.tensors[self.nodes[-1].name]

    def users(self, name: str) -> tuple[Node, ...]:
        """Nodes that take the value of `name`, in order."""
        return tuple(node for node in self.nodes if name in node.inputs)

    def map(self, change: Callable[[Node], Node]) -> "Network":
        """Return the network with every node replaced by `change(node)`."""
        return Network(tuple(change(node) for node in self.nodes))

    def run(self, x: npt.ArrayLike) -> IntArray:
        """Golden: return the output integers for a batch of input integers.

        Parameters
        ----------
        x : (batch, *input.shape), integers in the range of the input's format

        Returns
        -------
        (batch, *output.shape) int64
        """
        from hwgen.golden import run

        return run(self, x)

    def trace(self, x: npt.ArrayLike) -> dict[str, IntArray]:
        """Golden: return the integers of every node, by name, for a batch of input integers."""
        from hwgen.golden import trace

        return trace(self, x)

    def quantize(self, x: npt.ArrayLike) -> IntArray:
        """Return the input integers for real inputs: clamp(zero_point + floor(x / scale + 1/2)).

        A binary input is +1 where x >= 0, and -1 elsewhere.

        Parameters
        ----------
        x : (batch, *input.shape), real

        Raises
        ------
        NetworkError : wrong shape, or NaN
        """
        real = np.asarray(x, dtype=np.float64)
        tensor = self.input
        if real.shape[1:] != tensor.shape:
            raise NetworkError(
                f"Input must have shape (batch, {', '.join(map(str, tensor.shape))}), "
                f"not {real.shape}"
            )
        if np.isnan(real).any():
            raise NetworkError("Input must not contain NaN")
        assert tensor.format is not None
        return tensor.format.nearest(real / tensor.scale[0], tensor.zero_point)

    def dequantize(self, y: npt.ArrayLike) -> FloatArray:
        """Return the real outputs that output integers stand for: scale * (y - zero_point).

        Parameters
        ----------
        y : (batch, *output.shape), integers
        """
        tensor = self.output
        q = np.asarray(y)
        if q.shape[1:] != tensor.shape:
            raise NetworkError(
                f"Output must have shape (batch, {', '.join(map(str, tensor.shape))}), "
                f"not {q.shape}"
            )
        scale = tensor.scale.reshape(-1, *[1] * (len(tensor.shape) - 1))
        result: FloatArray = scale * (q.astype(np.float64) - tensor.zero_point)
        return result

    def __str__(self) -> str:
        from hwgen.network.text import summary

        return summary(self)

    def save(self, path: str | Path) -> None:
        """Write the network to a file that `hwgen.load` reads back, equal in every bit."""
        from hwgen.network.store import save

        save(self, path)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the network as it is stored, hexadecimal: the same for equal networks."""
        from hwgen.network.store import to_bytes

        return hashlib.sha256(to_bytes(self)).hexdigest()


MAX_NAME = 200


def _verify(nodes: tuple[Node, ...]) -> dict[str, Tensor]:
    if not nodes:
        raise NetworkError("Network must have at least an input and one op, not be empty")
    tensors: dict[str, Tensor] = {}
    used: set[str] = set()
    for index, node in enumerate(nodes):
        if not isinstance(node.name, str) or not node.name or len(node.name) > MAX_NAME:
            raise NetworkError(
                f"Name of a layer must be a text of 1 to {MAX_NAME} characters, not {node.name!r}"
            )
        if node.name in tensors:
            raise NetworkError(f"{node.name}: name is used twice; names must be unique")
        if isinstance(node.op, Input) != (index == 0):
            raise NetworkError(f"{node.name}: the first node, and no other, must be the Input")
        for source in node.inputs:
            if source not in tensors:
                raise NetworkError(
                    f"{node.name}: input {source!r} must be a node that comes before it"
                )
        used.update(node.inputs)
        try:
            tensors[node.name] = infer(node.op, [tensors[source] for source in node.inputs])
        except HwgenError as error:
            raise NetworkError(f"{node.name}: {error}") from error
    if len(nodes) < 2:
        raise NetworkError(f"{nodes[0].name}: network must have at least one op after its input")
    for node in nodes[:-1]:
        if node.name not in used:
            raise NetworkError(
                f"{node.name}: value is never used; only the last node may be the output"
            )
    return tensors

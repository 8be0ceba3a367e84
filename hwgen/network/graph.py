"""The network: an immutable dataflow graph of integer ops, always verified."""

__all__ = ["Given", "Network", "Node"]

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from hwgen.errors import HwgenError, NetworkError
from hwgen.network.ends import Output, by_name, check_name, one_or_all
from hwgen.network.fields import FloatArray, IntArray
from hwgen.network.inference import Tensor, infer
from hwgen.network.ops import Input, Op, same_op
from hwgen.network.size import Size, size_of
from hwgen.showing import Shown, counted, html_table

# An array, or for several inputs or outputs arrays by name or in order
Given: TypeAlias = npt.ArrayLike | Mapping[str, npt.ArrayLike] | tuple[npt.ArrayLike, ...]


@dataclass(frozen=True, eq=False)
class Node:
    """A named op and the names of the nodes whose values it takes."""

    name: str
    op: Op
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False, init=False, repr=False)
class Network(Shown):
    """An integer network: nodes in topological order, the first an `Input`.

    Building one runs the verifier, so a `Network` that exists is a network that is legal: names
    are unique, every input precedes its user, shapes fit, formats hold their values, and no
    accumulator can overflow. A pass is a function from `Network` to `Network` and is verified by
    the same rule.

    Attributes
    ----------
    nodes : ops by name; an `Input` names an input
    ends : what leaves, in order

    Raises
    ------
    NetworkError : a rule is broken; the message names the node
    """

    nodes: tuple[Node, ...]
    ends: tuple[Output, ...]

    def __init__(self, nodes: Iterable[Node], outputs: Iterable[str | Output] = ()) -> None:
        """`outputs` are names of nodes, or with names of their own; by default the last node."""
        nodes = tuple(nodes)
        for node in nodes:
            check_name(node.name, "layer")
        ends = tuple(outputs) or tuple(node.name for node in nodes[-1:])
        object.__setattr__(self, "nodes", nodes)
        ends = tuple(end if isinstance(end, Output) else Output(end) for end in ends)
        object.__setattr__(self, "ends", ends)
        _ = self.tensors  # the verifier

    @cached_property
    def tensors(self) -> Mapping[str, Tensor]:
        """The inferred type of every node's value, by name."""
        return MappingProxyType(_verify(self.nodes, self.ends))

    @property
    def is_plain(self) -> bool:
        """Whether the last node is the output, and nothing else is to say of it."""
        return self.ends == (Output(self.nodes[-1].name),)

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
        if self.ends != other.ends:
            return False
        return len(self.nodes) == len(other.nodes) and all(
            a.name == b.name and a.inputs == b.inputs and same_op(a.op, b.op)
            for a, b in zip(self.nodes, other.nodes, strict=True)
        )

    __hash__ = None  # type: ignore[assignment]

    @cached_property
    def inputs(self) -> Mapping[str, Tensor]:
        """Types of what enters, by name."""
        found = (node.name for node in self.nodes if isinstance(node.op, Input))
        return MappingProxyType({name: self.tensors[name] for name in found})

    @cached_property
    def outputs(self) -> Mapping[str, Tensor]:
        """Types of what leaves, by name."""
        return MappingProxyType({end.name: self.tensors[end.node] for end in self.ends})

    @property
    def input(self) -> Tensor:
        """Type of what enters, of a network of one input."""
        return _only(self.inputs, "input")

    @property
    def output(self) -> Tensor:
        """Type of what leaves, of a network of one output."""
        return _only(self.outputs, "output")

    def users(self, name: str) -> tuple[Node, ...]:
        """Nodes that take the value of `name`, in order."""
        return tuple(node for node in self.nodes if name in node.inputs)

    def map(self, change: Callable[[Node], Node]) -> "Network":
        """Return the network with every node replaced by `change(node)`."""
        return Network((change(node) for node in self.nodes), self.ends)

    def run(self, x: Given) -> Any:
        """Golden: return the output integers for a batch of input integers.

        Parameters
        ----------
        x : (batch, *shape), integers in the range of the input's format; of several inputs a dict
            of them by name, or a tuple in order

        Returns
        -------
        (batch, *shape) int64; of several outputs a dict of them by name
        """
        from hwgen.golden import run

        return run(self, x)

    def trace(self, x: Given) -> dict[str, IntArray]:
        """Golden: return the integers of every node, by name, for a batch of input integers."""
        from hwgen.golden import trace

        return trace(self, x)

    def given(self, x: Given) -> dict[str, Any]:
        """Return what is given for each input, by name: of one input the array itself will do."""
        if len(self.inputs) == 1 and not isinstance(x, Mapping):
            return {name: x for name in self.inputs}
        return by_name(x, self.inputs, "input")

    def returned(self, y: Given) -> dict[str, Any]:
        """Return what is given of each output, by name: of one output the array itself will do."""
        if len(self.ends) == 1 and not isinstance(y, Mapping):
            return {self.ends[0].name: y}
        return by_name(y, self.outputs, "output")

    def quantize(self, x: Given) -> Any:
        """Return the input integers for real inputs: clamp(zero_point + floor(x / scale + 1/2)).

        A binary input is +1 where x >= 0, and -1 elsewhere.

        Parameters
        ----------
        x : (batch, *shape), real; of several inputs a dict or a tuple, and a dict is returned

        Raises
        ------
        NetworkError : wrong shape, or NaN
        """
        reals = self.given(x)
        what = {name: "Input" if len(reals) == 1 else f"Input {name!r}" for name in reals}
        return one_or_all(
            {name: _quantized(reals[name], self.inputs[name], what[name]) for name in reals}
        )

    def dequantize(self, y: Given) -> Any:
        """Return the real outputs that output integers stand for: scale * (y - zero_point), and
        what the host's steps make of them.

        Parameters
        ----------
        y : (batch, *shape), integers; of several outputs a dict or a tuple, and a dict is returned
        """
        integers, reals = self.returned(y), {}
        for end in self.ends:
            what = "Output" if len(self.ends) == 1 else f"Output {end.name!r}"
            real = _dequantized(integers[end.name], self.tensors[end.node], what)
            for step in end.steps:
                real = step.apply(real)
            reals[end.name] = real
        return one_or_all(reals)

    def __str__(self) -> str:
        from hwgen.network.text import summary

        return summary(self)

    def _line(self) -> str:
        def types(ends: Mapping[str, Tensor]) -> str:
            return ", ".join(
                f"{name} {'x'.join(map(str, tensor.shape))} {tensor.format or 'integers'}"
                for name, tensor in ends.items()
            )

        return (
            f"{counted(len(self.nodes) - len(self.inputs), 'layer')}, "
            f"{counted(self.size.parameters, 'parameter')}, {types(self.inputs)} -> "
            f"{types(self.outputs)}"
        )

    def _repr_html_(self) -> str:
        from hwgen.network.text import drawn, summary_rows

        titles, *rows = summary_rows(self)
        return html_table(titles, rows, sums=1) + drawn(self)

    def save(self, path: str | Path) -> None:
        """Write the network to a file that `hwgen.load` reads back, equal in every bit."""
        from hwgen.network.store import save

        save(self, path)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the network as it is stored, hexadecimal: the same for equal networks."""
        from hwgen.network.store import to_bytes

        return hashlib.sha256(to_bytes(self)).hexdigest()


def _only(ends: Mapping[str, Tensor], what: str) -> Tensor:
    if len(ends) > 1:
        raise NetworkError(
            f"Network has {len(ends)} {what}s, {', '.join(map(repr, ends))}: look one up in "
            f"network.{what}s"
        )
    return next(iter(ends.values()))


def _quantized(x: npt.ArrayLike, tensor: Tensor, what: str) -> IntArray:
    real = np.asarray(x, dtype=np.float64)
    if real.shape[1:] != tensor.shape:
        raise NetworkError(
            f"{what} must have shape (batch, {', '.join(map(str, tensor.shape))}), not {real.shape}"
        )
    if np.isnan(real).any():
        raise NetworkError(f"{what} must not contain NaN")
    assert tensor.format is not None
    return tensor.format.nearest(real / tensor.scale[0], tensor.zero_point)


def _dequantized(y: npt.ArrayLike, tensor: Tensor, what: str) -> FloatArray:
    q = np.asarray(y)
    if q.shape[1:] != tensor.shape:
        raise NetworkError(
            f"{what} must have shape (batch, {', '.join(map(str, tensor.shape))}), not {q.shape}"
        )
    scale = tensor.scale.reshape(-1, *[1] * (len(tensor.shape) - 1))
    result: FloatArray = scale * (q.astype(np.float64) - tensor.zero_point)
    return result


def _verify(nodes: tuple[Node, ...], ends: tuple[Output, ...]) -> dict[str, Tensor]:
    if not nodes:
        raise NetworkError("Network must have at least an input and one op, not be empty")
    tensors: dict[str, Tensor] = {}
    used = {end.node for end in ends}
    for index, node in enumerate(nodes):
        if node.name in tensors:
            raise NetworkError(f"{node.name}: name is used twice; names must be unique")
        if index == 0 and not isinstance(node.op, Input):
            raise NetworkError(f"{node.name}: the first node must be an Input")
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
    _check_ends(nodes, ends, tensors)
    for node in nodes:
        if node.name not in used:
            raise NetworkError(
                f"{node.name}: value is never used; a value must be an output, or be used"
            )
    return tensors


def _check_ends(
    nodes: tuple[Node, ...], ends: tuple[Output, ...], tensors: Mapping[str, Tensor]
) -> None:
    """Refuse outputs that are no values of nodes, or two of one name or value."""
    enters = {node.name for node in nodes if isinstance(node.op, Input)}
    for end in ends:
        if end.node not in tensors:
            raise NetworkError(
                f"output {end.name!r}: must be the value of a node, not {end.node!r}"
            )
        if end.node in enters:
            raise NetworkError(f"output {end.name!r}: must be computed, not the input {end.node!r}")
        for step in end.steps:
            try:
                step.check(tensors[end.node].shape)
            except NetworkError as error:
                raise NetworkError(f"output {end.name!r}: {error}") from error
    names = [end.name for end in ends]
    for name in names:
        if names.count(name) > 1:
            raise NetworkError(f"{name}: name of two outputs; each must have one of its own")

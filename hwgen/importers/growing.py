"""What importers of files share: a network as it grows, and what cannot become part of one."""

__all__ = ["GrowingNetwork", "Refusal", "counted"]

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from hwgen.formats import Activation, Binary
from hwgen.network import Input, Network, Node, Op, Output, Requantize, Threshold
from hwgen.network.inference import infer
from hwgen.network.ops import IntArray
from hwgen.network.tensor import Tensor

LONGEST = 180  # characters of a name: something is put behind it


class Refusal(Exception):
    """An operator, or a setting of it, that has no integer meaning here; says the way out."""

    def __init__(self, what: str, instead: str = ""):
        super().__init__(what)
        self.what, self.instead = what, instead


class GrowingNetwork:
    """Nodes so far, and the types of their values."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.types: dict[str, Tensor] = {}

    def add(self, op: Op, inputs: Sequence[str], name: str) -> str:
        """Add a node, and return its name, which is the one given or begins with it.

        Raises
        ------
        NetworkError : the inputs do not fit the op
        """
        name = name[:LONGEST] or "value"
        while name in self.nodes:
            name += "_"
        self.types[name] = infer(op, [self.types[source] for source in inputs])
        self.nodes[name] = Node(name, op, tuple(inputs))
        return name

    def network(self, ends: Sequence[Output]) -> Network:
        """Return the network of the inputs and of the nodes that outputs need.

        Raises
        ------
        NetworkError : it breaks a rule
        """
        if len(ends) == 1 and not ends[0].steps:
            entries = [node.name for node in self.nodes.values() if isinstance(node.op, Input)]
            if len(entries) == 1:
                return self.finished(entries[0], ends[0].node)
        return Network(self._needed(end.node for end in ends), ends)

    def finished(self, entry: str, output: str) -> Network:
        """Return the network of the nodes that the output needs, the one that gives it last.

        Raises
        ------
        NetworkError : it breaks a rule
        """
        nodes = self._needed((entry, output))
        nodes.sort(key=lambda node: node.name == output)
        return Network(tuple(nodes))

    def _needed(self, names: Iterable[str]) -> list[Node]:
        needed = set(names)
        for node in reversed(self.nodes.values()):
            if node.name in needed or isinstance(node.op, Input):
                needed.update((node.name, *node.inputs))
        return [node for node in self.nodes.values() if node.name in needed]


def counted(
    thresholds: IntArray,
    of: Activation,
    scale: npt.ArrayLike,
    zero_point: int,
    base: int,
) -> Threshold | Requantize:
    """Return what counts thresholds; where there are none, the output is the same for all.

    Parameters
    ----------
    thresholds : (rows, T), ascending
    base : the output below all of them
    """
    rows = np.atleast_2d(thresholds)
    if rows.size or isinstance(of, Binary):
        return Threshold(rows, of, np.atleast_1d(scale), zero_point, base=base)
    one, none = np.array([1]), np.array([0])
    return Requantize(one, none, of, np.atleast_1d(scale), zero_point, base, base)

"""What importers of files share: a network as it grows, and what cannot become part of one."""

__all__ = ["GrowingNetwork", "Refusal", "counted"]

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hwgen.formats import Activation, Binary
from hwgen.network import Network, Node, Op, Requantize, Threshold
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

    def finished(self, entry: str, output: str) -> Network:
        """Return the network of the nodes that the output needs, the one that gives it last.

        Raises
        ------
        NetworkError : it breaks a rule
        """
        needed = {entry, output}
        for node in reversed(self.nodes.values()):
            if node.name in needed:
                needed.update(node.inputs)
        nodes = [node for node in self.nodes.values() if node.name in needed]
        nodes.sort(key=lambda node: node.name == output)
        return Network(tuple(nodes))


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

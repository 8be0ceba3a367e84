"""Passes: from a network to another that computes the same integers, one file a pass.

A pass is a function (network) -> network; what it may be told besides has a default. The input, the
output and their types stay as they are. Nothing else of a network has to, unless a pass says so.
"""

__all__ = ["PASSES", "Pass", "absorb"]

from collections.abc import Callable

from hwgen.network import Network
from hwgen.passes.absorb import absorb

Pass = Callable[[Network], Network]
PASSES: dict[str, Pass] = {"absorb": absorb}

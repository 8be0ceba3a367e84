"""What is said of each op about types, and what ops ask of the types of their inputs."""

__all__ = ["Rule", "require_format", "require_one_scale", "require_zero_point"]

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hwgen.errors import NetworkError
from hwgen.formats import Binary
from hwgen.network.ops import Input, Requantize, Table, Threshold
from hwgen.network.tensor import Tensor


@dataclass(frozen=True)
class Rule:
    """How an op's value is typed.

    infer : (op, types of its inputs) -> type of its value
    least, most : number of inputs
    """

    infer: Callable[[Any, Sequence[Tensor]], Tensor]
    least: int = 1
    most: int = 1


def require_zero_point(op: Input | Requantize | Threshold | Table) -> None:
    if isinstance(op.format, Binary) and op.zero_point != 0:
        raise NetworkError(f"Zero point of {op.format} must be 0, not {op.zero_point}")
    if not op.format.lo <= op.zero_point <= op.format.hi:
        raise NetworkError(f"Zero point must lie in the range of {op.format}, not {op.zero_point}")


def require_format(x: Tensor, purpose: str) -> None:
    if x.format is None:
        raise NetworkError(f"Input must be requantized before it is {purpose}")


def require_one_scale(x: Tensor) -> None:
    if x.scale.size != 1:
        raise NetworkError("Input must have one scale, not one per channel")

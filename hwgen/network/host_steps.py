"""Host steps: what becomes of an output's real numbers outside of the integer network.

A softmax or a sigmoid at the very end needs no hardware: it is computed of the real numbers that
the output's integers stand for, in float64, by whoever reads them. `Network.dequantize` and the
compressed PyTorch module both call `HostStep.apply`, so that they agree in every bit. The softmax
of a TFLite file of int8 is its own, in fixed point, of the integers that the real numbers are of.
"""

__all__ = ["HOST_STEPS", "HostStep"]

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hwgen.errors import NetworkError
from hwgen.network.fields import FloatArray, as_int
from hwgen.network.int8_softmax import LEAST_SCALE, int8_softmax


def _softmax(x: FloatArray) -> FloatArray:
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    result: FloatArray = powers / powers.sum(axis=-1, keepdims=True)
    return result


def _log_softmax(x: FloatArray) -> FloatArray:
    below = x - x.max(axis=-1, keepdims=True)
    result: FloatArray = below - np.log(np.exp(below).sum(axis=-1, keepdims=True))
    return result


def _sigmoid(x: FloatArray) -> FloatArray:
    power = np.exp(-np.abs(x))  # at most 1: no overflow at either end
    result: FloatArray = np.where(x >= 0, 1.0, power) / (1.0 + power)
    return result


def _log_sigmoid(x: FloatArray) -> FloatArray:
    result: FloatArray = np.minimum(x, 0.0) - np.log1p(np.exp(-np.abs(x)))
    return result


def _int8_softmax(x: FloatArray, scale: float, beta: float) -> FloatArray:
    result: FloatArray = int8_softmax(np.rint(x / scale), scale * beta) / 256
    return result


ALONG: Mapping[str, Callable[..., FloatArray]] = {  # the last axis
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "softmin": lambda x: _softmax(-x),
    "int8_softmax": _int8_softmax,
}
ALONE: Mapping[str, Callable[[FloatArray], FloatArray]] = {  # each value by itself
    "sigmoid": _sigmoid,
    "log_sigmoid": _log_sigmoid,
}
HOST_STEPS = (*ALONG, *ALONE)
NUMBERS: Mapping[str, tuple[str, ...]] = {"int8_softmax": ("scale", "beta")}  # positive ones


@dataclass(frozen=True)
class HostStep:
    """One step on the real numbers of an output.

    kind : softmax, log_softmax, softmin, int8_softmax, sigmoid or log_sigmoid
    axis : of a frame, without the batch, along which it goes; None where each value is by itself
    numbers : of an int8_softmax the scale of the integers that come, and beta, by which TFLite
        multiplies what they stand for; none of the others
    """

    kind: str
    axis: int | None = None
    numbers: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in HOST_STEPS:
            raise NetworkError(
                f"Host step must be one of {', '.join(HOST_STEPS)}, not {self.kind!r:.40}"
            )
        if (self.axis is None) != (self.kind in ALONE):
            rule = "no axis" if self.kind in ALONE else "an axis"
            raise NetworkError(f"Host step {self.kind} must have {rule}, not {self.axis!r:.40}")
        if self.axis is not None and as_int(self.axis, "Axis") < 0:
            raise NetworkError(f"Axis of a host step must count from 0, not {self.axis}")
        object.__setattr__(self, "numbers", tuple(self.numbers))
        names = NUMBERS.get(self.kind, ())
        if len(self.numbers) != len(names) or not all(map(_is_positive, self.numbers)):
            rule = f"positive numbers, {' and '.join(names)}," if names else "no numbers"
            raise NetworkError(f"Host step {self.kind} must have {rule} not {self.numbers!r:.80}")
        if names and not LEAST_SCALE < math.prod(self.numbers) < math.inf:
            raise NetworkError(
                f"Scale times beta of {self.kind} must be above {LEAST_SCALE}, not {self.numbers}"
            )

    def check(self, shape: tuple[int, ...]) -> None:
        """Refuse values of a shape, without the batch, that have no such axis.

        Raises
        ------
        NetworkError : they have not
        """
        if self.axis is not None and self.axis >= len(shape):
            raise NetworkError(
                f"Axis of {self.kind} must be one of the {len(shape)} of {shape}, not {self.axis}"
            )

    def apply(self, values: npt.ArrayLike) -> FloatArray:
        """Return what becomes of (batch, *shape) real numbers, float64.

        Sums go along memory that is laid out anew, so that the same values give the same bits
        whatever the layout of the array that they come in.
        """
        x = np.asarray(values, dtype=np.float64)
        if self.axis is None:
            return ALONE[self.kind](np.ascontiguousarray(x))
        along = np.ascontiguousarray(np.moveaxis(x, 1 + self.axis, -1))
        found = ALONG[self.kind](along, *self.numbers)
        return np.ascontiguousarray(np.moveaxis(found, -1, 1 + self.axis))

    def __str__(self) -> str:
        named = zip(NUMBERS.get(self.kind, ()), self.numbers, strict=True)
        axis = () if self.axis is None else (str(self.axis),)
        within = ", ".join((*axis, *(f"{name}={number!r}" for name, number in named)))
        return f"{self.kind}({within})" if within else self.kind


def _is_positive(number: object) -> bool:
    return isinstance(number, float) and 0 < number < math.inf

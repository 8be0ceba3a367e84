"""Activations as steps: what rises, and by what it is undone."""

__all__ = ["CURVES", "FUNCTIONS", "curve", "elu", "function"]

from collections.abc import Callable, Mapping
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any

from hwgen.importers.onnx.steps import Curve, Function, as_fractions

EXACT = Context(prec=90)


def _decimal(value: Fraction) -> Decimal:
    return EXACT.divide(Decimal(value.numerator), Decimal(value.denominator))


def _ln(value: Fraction) -> Fraction:
    return Fraction(EXACT.ln(_decimal(value)))


def _exp(value: Fraction) -> Fraction:
    return Fraction(EXACT.exp(_decimal(value)))


def _sigmoid(y: Fraction) -> Fraction:
    return Fraction(0) if 2 * y == 1 else _ln(y / (1 - y))


def _tanh(y: Fraction) -> Fraction:
    return Fraction(0) if y == 0 else _ln((1 + y) / (1 - y)) / 2


def _softplus(y: Fraction) -> Fraction:
    return _ln(_exp(y) - 1) if y < 100 else y


def _softsign(y: Fraction) -> Fraction:
    return y / (1 - abs(y))


def _logistic(x: Fraction) -> Fraction:
    power = _exp(-abs(x))
    return (1 if x >= 0 else power) / (1 + power)


def _tanh_of(x: Fraction) -> Fraction:
    return 2 * _logistic(2 * x) - 1


def _softplus_of(x: Fraction) -> Fraction:
    return max(x, Fraction(0)) + _ln(1 + _exp(-abs(x)))


ZERO, ONE = Fraction(0), Fraction(1)
Real = Callable[[Fraction], Fraction]
# ends, what undoes it, itself
CURVES: dict[str, tuple[Fraction | None, Fraction | None, Real, Real]] = {
    "Sigmoid": (ZERO, ONE, _sigmoid, _logistic),
    "Tanh": (-ONE, ONE, _tanh, _tanh_of),
    "Softplus": (ZERO, None, _softplus, _softplus_of),
    "Softsign": (-ONE, ONE, _softsign, lambda x: x / (1 + abs(x))),
    "Exp": (ZERO, None, lambda y: _ln(y), _exp),
}


def curve(kind: str) -> Curve:
    """Return the step of a function that has no settings."""
    return Curve(kind, *CURVES[kind])


class Elu:
    """gamma * (r where it is positive, alpha * (exp(r) - 1) elsewhere)."""

    def __init__(self, alpha: Fraction, gamma: Fraction):
        self.alpha, self.gamma = alpha, gamma

    def __call__(self, x: Fraction) -> Fraction:
        return self.gamma * (x if x >= 0 else self.alpha * (_exp(x) - 1))

    def undone(self, y: Fraction) -> Fraction:
        """Return the number that this is of."""
        y /= self.gamma
        return y if y >= 0 else _ln(y / self.alpha + 1)


def elu(alpha: Fraction, gamma: Fraction = ONE) -> Curve:
    """Return the step of Elu, and of Selu, for positive settings."""
    of = Elu(alpha, gamma)
    return Curve("Elu", -alpha * gamma, None, of.undone, of)


MOST_ERF = 14  # beyond it erf is 1 to more digits than are computed


def _erf(x: Fraction) -> Fraction:
    """Return erf(x), from its series: (2 / sqrt(pi)) * sum of (-1)^n x^(2n+1) / (n! (2n+1))."""
    if abs(x) > MOST_ERF:
        return ONE if x > 0 else -ONE
    wide = Context(prec=EXACT.prec + 180)  # terms as large as exp(x^2)
    at = wide.divide(Decimal(x.numerator), Decimal(x.denominator))
    square, term, total, n = wide.multiply(at, at), at, at, 0
    while abs(term) > Decimal(10) ** -EXACT.prec:
        n += 1
        term = -wide.divide(wide.multiply(term, square), Decimal(n))
        total = wide.add(total, wide.divide(term, Decimal(2 * n + 1)))
    return Fraction(wide.multiply(total, 2)) / _pi_root()


def _pi_root() -> Fraction:
    """Return the square root of pi, from Machin's formula."""
    unit: int = 10**100

    def arctan(inverse: int) -> int:
        power = total = unit // inverse
        n, sign = 1, 1
        while power:
            power //= inverse * inverse
            n, sign = n + 2, -sign
            total += sign * (power // n)
        return total

    pi = Fraction(4 * (4 * arctan(5) - arctan(239)), unit)
    return Fraction(EXACT.sqrt(_decimal(pi)))


def _gelu(attributes: Mapping[str, Any]) -> Real:
    if attributes.get("approximate", "none") == "tanh":
        factor, cube = Fraction(EXACT.sqrt(_decimal(2 / _pi_root() ** 2))), Fraction("0.044715")
        return lambda x: x / 2 * (1 + _tanh_of(factor * (x + cube * x**3)))
    root = Fraction(EXACT.sqrt(Decimal(2)))
    return lambda x: x / 2 * (1 + _erf(x / root))


def _swish(attributes: Mapping[str, Any]) -> Real:
    (alpha,) = as_fractions([attributes.get("alpha", 1.0)])
    return lambda x: x * _logistic(alpha * x)


FUNCTIONS: dict[str, Callable[[Mapping[str, Any]], Real]] = {
    "HardSwish": lambda _: lambda x: x * min(max(x / 6 + Fraction(1, 2), ZERO), ONE),
    "Gelu": _gelu,
    "Swish": _swish,
    "Mish": lambda _: lambda x: x * _tanh_of(_softplus_of(x)),
    "Erf": lambda _: _erf,
    "Abs": lambda _: abs,
}


def function(kind: str, attributes: Mapping[str, Any]) -> Function:
    """Return the step of a function that may fall and rise."""
    return Function(kind, FUNCTIONS[kind](attributes))

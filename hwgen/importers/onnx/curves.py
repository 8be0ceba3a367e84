"""Activations as steps: what rises, and by what it is undone."""

__all__ = ["CURVES", "curve", "elu"]

from collections.abc import Callable
from decimal import Context, Decimal
from fractions import Fraction

from hwgen.importers.onnx.steps import Curve

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


ZERO, ONE = Fraction(0), Fraction(1)
CURVES: dict[str, tuple[Fraction | None, Fraction | None, Callable[[Fraction], Fraction]]] = {
    "Sigmoid": (ZERO, ONE, _sigmoid),
    "Tanh": (-ONE, ONE, _tanh),
    "Softplus": (ZERO, None, _softplus),
    "Softsign": (-ONE, ONE, _softsign),
    "Exp": (ZERO, None, lambda y: _ln(y)),
}


def curve(kind: str) -> Curve:
    """Return the step of a function that has no settings."""
    return Curve(kind, *CURVES[kind])


class Elu:
    """Undoes gamma * (r where it is positive, alpha * (exp(r) - 1) elsewhere)."""

    def __init__(self, alpha: Fraction, gamma: Fraction):
        self.alpha, self.gamma = alpha, gamma

    def __call__(self, y: Fraction) -> Fraction:
        y /= self.gamma
        return y if y >= 0 else _ln(y / self.alpha + 1)


def elu(alpha: Fraction, gamma: Fraction = ONE) -> Curve:
    """Return the step of Elu, and of Selu, for positive settings."""
    return Curve("Elu", -alpha * gamma, None, Elu(alpha, gamma))

"""What ops share: frozen data, no behaviour."""

__all__ = ["ACTIVATIONS", "MAX_CHANNELS", "MAX_ELEMENTS", "Op", "same_op"]

from dataclasses import fields

import numpy as np

from hwgen.formats import Binary, Fixed

MAX_CHANNELS = 1 << 20  # or features, of any value
MAX_ELEMENTS = 1 << 28  # of any value of one frame
ACTIVATIONS = ((Fixed, Binary), "Fixed(8) or Binary()")


class Op:
    """One node's operation. Subclasses are frozen dataclasses."""

    def _set(self, **values: object) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)


def same_op(a: Op, b: Op) -> bool:
    """Say whether two ops are of one class and equal in every field, arrays included."""
    if type(a) is not type(b):
        return False
    for field in fields(a):  # type: ignore[arg-type]
        x, y = getattr(a, field.name), getattr(b, field.name)
        if isinstance(x, np.ndarray):
            if x.shape != y.shape or not np.array_equal(x, y):
                return False
        elif x != y:
            return False
    return True

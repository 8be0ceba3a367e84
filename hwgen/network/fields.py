"""The fields of ops: the types of arrays, and the checks that every value passes on its way in."""

__all__ = ["FloatArray", "IntArray", "as_int", "integers", "number_format", "pair", "scales"]

import numpy as np
import numpy.typing as npt

from hwgen.errors import NetworkError
from hwgen.formats import Format

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

LIMIT_BITS = 62  # integers stay below 2**62


def integers(value: npt.ArrayLike, what: str, ndim: int, most: int = 2**LIMIT_BITS - 1) -> IntArray:
    """Return a read-only int64 array of `ndim` dimensions, of magnitudes up to `most`.

    Raises
    ------
    NetworkError : another shape, or values that are not integers, or too large
    """
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise NetworkError(f"{what} must be one array, not rows of unlike length") from error
    if array.ndim != ndim:
        raise NetworkError(f"{what} must have {ndim} dimensions, not {array.ndim}")
    if array.dtype.kind == "f":
        is_whole = bool((np.isfinite(array) & (array == np.rint(array))).all())
    else:
        is_whole = array.dtype.kind in "iu"
    if not is_whole:
        raise NetworkError(f"{what} must be integers, without NaN or infinity")
    if array.size and (int(array.min()) < -most or int(array.max()) > most):
        raise NetworkError(f"{what} must be smaller than 2**{LIMIT_BITS}")
    array = np.array(array, dtype=np.int64)
    array.setflags(write=False)
    return array


def scales(value: npt.ArrayLike, what: str) -> FloatArray:
    """Return a read-only one-dimensional float64 array of positive finite numbers.

    Raises
    ------
    NetworkError : something else
    """
    try:
        array = np.array(value, dtype=np.float64).reshape(-1)
    except (TypeError, ValueError) as error:
        raise NetworkError(f"{what} must be numbers, not {value!r}") from error
    if array.size == 0 or not np.isfinite(array).all() or (array <= 0).any():
        raise NetworkError(f"{what} must be positive and finite")
    array.setflags(write=False)
    return array


def pair(value: object, what: str, least: int) -> tuple[int, int]:
    """Return two integers of at least `least`; one stands for both.

    Raises
    ------
    NetworkError : something else
    """
    both = (value, value) if isinstance(value, int) else value
    if (
        not isinstance(both, (tuple, list))
        or len(both) != 2
        or any(isinstance(n, bool) or not isinstance(n, int) or n < least for n in both)
    ):
        raise NetworkError(f"{what} must be one or two integers of at least {least}, not {value!r}")
    return (both[0], both[1])


def as_int(value: object, what: str) -> int:
    """Return a Python integer.

    Raises
    ------
    NetworkError : something else
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise NetworkError(f"{what} must be an integer, not {value!r}")
    return int(value)


def number_format(value: object, what: str, kinds: tuple[type[Format], ...], such: str) -> None:
    """Check that a value is a number format of one of the kinds, spelled out in `such`.

    Raises
    ------
    NetworkError : it is not
    """
    if not isinstance(value, kinds):
        raise NetworkError(f"{what} must be a number format such as {such}, not {value!r}")

"""The fields of ops: the types of arrays, and the checks that every value passes on its way in."""

__all__ = [
    "Factors",
    "FloatArray",
    "IntArray",
    "Padding",
    "as_int",
    "extents",
    "integers",
    "number_format",
    "pair",
    "scales",
    "sides",
]

import numpy as np
import numpy.typing as npt

from hwgen.errors import NetworkError
from hwgen.formats import Format

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
Padding = tuple[tuple[int, int], ...]  # (before, after) of each spatial axis
Factors = tuple[tuple[int, ...], ...]  # of each position of each spatial axis

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


def extents(value: object, what: str, least: int, rank: int) -> tuple[int, ...]:
    """Return `rank` integers of at least `least`; one stands for all.

    Raises
    ------
    NetworkError : something else
    """
    each = (value,) * rank if isinstance(value, int) else value
    if (
        not isinstance(each, (tuple, list))
        or len(each) != rank
        or any(isinstance(n, bool) or not isinstance(n, int) or n < least for n in each)
    ):
        count = "one or two integers" if rank == 2 else "one integer"
        raise NetworkError(f"{what} must be {count} of at least {least}, not {value!r}")
    return tuple(each)


def pair(value: object, what: str, least: int) -> tuple[int, int]:
    """Return two integers of at least `least`; one stands for both.

    Raises
    ------
    NetworkError : something else
    """
    first, second = extents(value, what, least, 2)
    return first, second


def sides(value: object, rank: int) -> Padding:
    """Return the padding (before, after) of each of `rank` axes; one integer stands for both sides
    of an axis, or for all of them.

    Raises
    ------
    NetworkError : something else
    """
    if isinstance(value, (tuple, list)) and len(value) == rank and not isinstance(value[0], int):
        return tuple(pair(axis, "Padding", 0) for axis in value)
    return tuple((n, n) for n in extents(value, "Padding", 0, rank))


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

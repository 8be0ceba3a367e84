"""Tables: how many look-up tables constants take that are read by an index."""

__all__ = ["bits_luts", "function_luts", "table_luts", "words_luts"]

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt


def table_luts(values: Sequence[int], inputs: int) -> tuple[int, int]:
    """Return how many look-up tables of so many inputs a table takes, and how many more choose
    between them: one for each bit and each stretch of its index, none where they make the same
    function or a constant."""
    return _of_values(tuple(values), inputs)


@lru_cache(maxsize=4096)  # a planner asks for the same ones over and over
def _of_values(values: tuple[int, ...], inputs: int) -> tuple[int, int]:
    least = min(values, default=0)
    width = (max(values, default=0) - least).bit_length()
    return words_luts([value - least for value in values], width, inputs) if width else (0, 0)


def words_luts(words: Sequence[int], width: int, inputs: int) -> tuple[int, int]:
    """Return how many look-up tables words take that are read one after the other, and how many
    more choose between them.

    Parameters
    ----------
    words : of `width` bits each
    inputs : of a look-up table: it holds 2**inputs words of a bit
    """
    columns = np.zeros((len(words), -(-width // 8)), dtype=np.uint8)
    text = b"".join(word.to_bytes(columns.shape[1], "little") for word in words)
    columns[:] = np.frombuffer(text, dtype=np.uint8).reshape(len(words), -1)
    return bits_luts(np.unpackbits(columns, axis=1, bitorder="little")[:, :width], inputs)


def bits_luts(bits: npt.NDArray[np.uint8], inputs: int) -> tuple[int, int]:
    """Return the same of words as rows of bits, (words, bits)."""
    size, (depth, width) = 1 << inputs, bits.shape
    stretches = -(-depth // size)
    padded = np.zeros((stretches * size, width), dtype=np.uint8)
    padded[:depth] = bits
    padded[depth:] = bits[-1:]  # what is never read may be anything
    tables = 0
    for stretch in padded.reshape(stretches, size, width):
        varied = stretch.any(axis=0) & ~stretch.all(axis=0)
        tables += len({column.tobytes() for column in np.packbits(stretch.T[varied], axis=1)})
    return tables, width * (stretches - 1)


def function_luts(words: Sequence[int], width: int, inputs: int) -> tuple[int, int]:
    """Return the same of the entries of a function, of which a bit is often what another stretch
    of the index has, a constant or a bit of the index itself.

    Parameters
    ----------
    words : of `width` bits each, a power of two of them
    """
    size = 1 << inputs
    tables: set[bytes] = set()
    choices: set[bytes] = set()
    columns = np.array([[word >> bit & 1 for word in words] for bit in range(width)], np.uint8)
    waiting = list(columns)
    while waiting:
        column = waiting.pop()
        half = len(column) // 2
        low, high = column[:half], column[half:]
        if not column.any() or column.all():
            continue
        if half and np.array_equal(low, high):
            waiting.append(low)
        elif len(column) > size:
            if column.tobytes() not in choices:
                waiting += [low, high]
            choices.add(column.tobytes())
        elif not _is_index_bit(column):
            tables.add(column.tobytes())
    return len(tables), len(choices)


def _is_index_bit(column: npt.NDArray[np.uint8]) -> bool:
    places = np.arange(len(column))
    bits = range(len(column).bit_length() - 1)
    return any(np.array_equal(column, places >> bit & 1) for bit in bits)

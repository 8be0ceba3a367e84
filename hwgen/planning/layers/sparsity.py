"""Sparsity: which words of its window each dot product reads, where weights are zero.

Rows that are computed together read the same words, so a word goes when its weights are zero in
all `pe` rows: a pruned shape in every row, a stripe pruned in groups of `pe` filters, or single
zeros that happen to lie together.
"""

__all__ = ["Words", "live_words", "padded_matrix"]

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from hwgen.planning.layers.layer import Layer

WORTH = 0.97  # of the dense layer's beats; above, nothing is skipped
LEAST = 0.5  # of the mean dot product's words that the shortest one reads, for the drain behind

Words = tuple[tuple[int, ...], ...]


def padded_matrix(layer: Layer, pe: int) -> npt.NDArray[np.int64]:
    """Return the weights as (groups, pe, inputs), rows of zeros at the end."""
    assert layer.weight is not None
    groups = -(-layer.outputs // pe)
    matrix = np.zeros((groups * pe, layer.inputs), dtype=np.int64)
    matrix[: layer.outputs] = layer.weight.reshape(layer.outputs, -1)
    return matrix.reshape(groups, pe, layer.inputs)


@lru_cache(maxsize=64)  # of a layer, all foldings are looked at one after the other
def _used(layer: Layer, pe: int) -> npt.NDArray[np.bool_]:
    """Return which inputs each group of `pe` rows uses, (groups, inputs)."""
    used: npt.NDArray[np.bool_] = np.any(padded_matrix(layer, pe), axis=1)
    return used


@lru_cache(maxsize=1024)  # asked for the beats of a folding, and again for its window
def live_words(layer: Layer, pe: int, word: int, ports: int) -> Words | None:
    """Return the words that the dot products of a pixel read, as `WindowParameters.live` has them.

    Parameters
    ----------
    pe : rows that are computed together
    word : elements of a word of the window; in depthwise layers it has one of each row
    ports : words of a beat

    Returns
    -------
    None where all words are read: there is nothing to skip, or too little to be worth it
    """
    if layer.weight is None or layer.weight.all():
        return None
    inputs = _used(layer, pe)
    if inputs.all():
        return None
    block = 1 if layer.depthwise else word
    used: npt.NDArray[np.bool_] = np.any(inputs.reshape(len(inputs), -1, block), axis=2)
    least = max(1, round(LEAST * used.sum() / len(used)))
    lists = []
    for row in used:
        short = max(0, least - int(row.sum()))
        row[np.flatnonzero(~row)[:short]] = True
        lists.append(tuple(np.flatnonzero(row).tolist()))
    beats = sum(-(-len(words) // ports) for words in lists)
    if beats > WORTH * len(lists) * -(-used.shape[1] // ports):
        return None
    same = all(words == lists[0] for words in lists)
    return (lists[0],) if same else tuple(lists)

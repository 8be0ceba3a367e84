"""A builder of random networks whose values change their order, their shape and their size."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hwgen.errors import NetworkError
from hwgen.network import (
    Concat,
    Flatten,
    Gather,
    Op,
    Pad,
    Permute,
    PixelShuffle,
    PixelUnshuffle,
    Reshape,
    Slice,
    Upsample,
)
from hwgen.network.ops.rearrange import PAD_MODES
from support.builders import MixedBuilder

MOST = 400  # elements of a value in another order


@dataclass
class OrderBuilder(MixedBuilder):
    """Grows by what `MixedBuilder` does, and by elements in another order."""

    orders: ClassVar[bool] = True

    def reorder(self) -> None:
        """Add one to three rearrangements that fit; an image or features leave."""
        for _ in range(self.between(1, 3)):
            self.rearranged()
        x = self.tensor
        if len(x.shape) == 2:
            channels, length = x.shape
            shapes = ((channels, 1, length), (channels, length, 1), (channels * length,))
            self.add(self.name("reshape"), Reshape(shapes[self.between(0, 2)]))

    def mirrored(self) -> None:
        """Join a value with itself in another order."""
        start, count = self.here, int(np.prod(self.tensor.shape))
        index = self.rng.permutation(count) if self.chance(0.5) else np.arange(count)[::-1]
        self.add(self.name("gather"), Gather(index, self.tensor.shape))
        if self.chance(0.3):
            self.reorder()
        if self.tensor.shape[1:] == self.tensors[start].shape[1:]:
            self.add(self.name("concat"), Concat(), start, self.here)

    def rearranged(self) -> None:
        """Add a rearrangement if one fits."""
        makers = (self._pad, self._slice, self._permute, self._reshape, self._upsample)
        makers += (self._shuffle, self._unshuffle, self._gather, self._flatten)
        for _ in range(8):
            op = makers[self.between(0, len(makers) - 1)](self.tensor.shape)
            name = self.name(type(op).__name__.lower())
            before = self.here
            try:
                self.add(name, op)
            except NetworkError:
                continue
            if np.prod(self.tensor.shape) <= MOST:
                return
            del self.tensors[self.nodes.pop().name]
            self.here = before

    def _constant(self) -> int:
        of = self.tensor.format
        return int(self.rng.choice(of.levels)) if self.chance(0.5) else self.tensor.zero_point

    def _each(self, shape: tuple[int, ...], lo: int, hi: int) -> tuple[int, ...]:
        return tuple(self.between(lo, hi) for _ in shape)

    def _pad(self, shape: tuple[int, ...]) -> Op:
        mode = PAD_MODES[self.between(0, len(PAD_MODES) - 1)] if self.chance(0.6) else "constant"
        value = self._constant() if mode == "constant" else 0
        before, after = self._each(shape, 0, 2), self._each(shape, 0, 2)
        if self.chance(0.6):  # not of channels
            before, after = (0, *before[1:]), (0, *after[1:])
        return Pad(before, after, mode, value)

    def _slice(self, shape: tuple[int, ...]) -> Op:
        starts, counts, steps = [], [], []
        for size in shape:
            step = self.between(1, 2) if self.chance(0.4) else 1
            count = self.between(1, max(1, -(-size // step)))
            start = self.between(0, size - 1 - (count - 1) * step)
            backwards = self.chance(0.2)
            starts.append(start + (count - 1) * step if backwards else start)
            counts.append(count)
            steps.append(-step if backwards else step)
        return Slice(tuple(starts), tuple(counts), tuple(steps))

    def _permute(self, shape: tuple[int, ...]) -> Op:
        return Permute(tuple(self.rng.permutation(len(shape)).tolist()))

    def _reshape(self, shape: tuple[int, ...]) -> Op:
        left, sizes = int(np.prod(shape)), []
        for _ in range(self.between(0, 2)):
            sizes.append(int(self.rng.choice([n for n in range(1, left + 1) if left % n == 0])))
            left //= sizes[-1]
        return Reshape((*sizes, left))

    def _upsample(self, shape: tuple[int, ...]) -> Op:
        return Upsample(
            (self.between(1, 2) if self.chance(0.3) else 1, *self._each(shape[1:], 1, 2))
        )

    def _shuffle(self, shape: tuple[int, ...]) -> Op:
        return PixelShuffle(self._each(shape[1:], 1, 2) or (1,))

    def _unshuffle(self, shape: tuple[int, ...]) -> Op:
        return PixelUnshuffle(self._each(shape[1:], 1, 2) or (1,))

    def _flatten(self, shape: tuple[int, ...]) -> Op:
        return Flatten()

    def _gather(self, shape: tuple[int, ...]) -> Op:
        made = self._each(shape, 1, 5)
        least = -1 if self.chance(0.5) else 0
        index = self.rng.integers(least, np.prod(shape), int(np.prod(made)))
        return Gather(index, made, self._constant() if least else 0)

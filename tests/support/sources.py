"""Where each element of a rearrangement comes from, one at a time."""

import numpy as np

from hwgen.network import (
    Gather,
    Pad,
    Permute,
    PixelShuffle,
    PixelUnshuffle,
    Reshape,
    Slice,
    Upsample,
)


def of_pad(op, place, before, shape):
    found = []
    for at, first, size in zip(place, op.before, before, strict=True):
        at -= first
        if op.mode == "constant" and not 0 <= at < size:
            return None
        while op.mode == "reflect" and not 0 <= at < size:
            at = -at if at < 0 else 2 * (size - 1) - at
        found.append(at % size if op.mode == "circular" else min(max(at, 0), size - 1))
    return tuple(found)


def of_slice(op, place, before, shape):
    each = zip(op.start, op.step, place, strict=True)
    return tuple(start + step * at for start, step, at in each)


def of_permute(op, place, before, shape):
    found = [0] * len(place)
    for at, axis in zip(place, op.axes, strict=True):
        found[axis] = at
    return tuple(found)


def of_reshape(op, place, before, shape):
    return np.unravel_index(np.ravel_multi_index(place, shape), before)


def of_upsample(op, place, before, shape):
    return tuple(at // factor for at, factor in zip(place, op.factors, strict=True))


def of_pixel_shuffle(op, place, before, shape):
    channel, *pixel = place
    for at, factor in zip(pixel, op.factors, strict=True):
        channel = channel * factor + at % factor
    return (channel, *(at // f for at, f in zip(pixel, op.factors, strict=True)))


def of_pixel_unshuffle(op, place, before, shape):
    channel, *pixel = place
    for axis in reversed(range(len(pixel))):
        channel, part = divmod(channel, op.factors[axis])
        pixel[axis] = pixel[axis] * op.factors[axis] + part
    return (channel, *pixel)


def of_gather(op, place, before, shape):
    number = int(op.index.reshape(shape)[place])
    return None if number < 0 else np.unravel_index(number, before)


SOURCE = {
    Pad: of_pad,
    Slice: of_slice,
    Permute: of_permute,
    Reshape: of_reshape,
    Upsample: of_upsample,
    PixelShuffle: of_pixel_shuffle,
    PixelUnshuffle: of_pixel_unshuffle,
    Gather: of_gather,
}

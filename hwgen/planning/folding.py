"""Folding: how many rows and columns of a MAC array a layer gets, and the engine that makes."""

__all__ = ["Folding", "adapters", "engine_for", "foldings"]

from collections.abc import Iterator
from dataclasses import dataclass
from math import gcd

import numpy as np

from hwgen.formats import bits_for
from hwgen.planning.layers import Layer
from hwgen.planning.memory import weight_style
from hwgen.targets import Target
from rtl_templates.engine import EngineParameters
from rtl_templates.mac import MacParameters
from rtl_templates.pool import MaximumParameters
from rtl_templates.requantize import RequantizerParameters
from rtl_templates.streams import NarrowParameters, WidenParameters
from rtl_templates.weights import WeightParameters
from rtl_templates.window import WindowParameters


@dataclass(frozen=True, order=True)
class Folding:
    """pe : rows of the array, output channels in parallel
    simd : columns of the array, inputs in parallel
    lanes : of the stream behind it, drained and requantized in parallel
    """

    pe: int
    simd: int
    lanes: int


def _divisors(n: int) -> list[int]:
    return [d for d in range(1, n + 1) if n % d == 0]


def _least(n: int) -> list[int]:
    """Return, for each number of turns, the least parallelism that needs no more."""
    return sorted({-(-n // -(-n // p)) for p in range(1, n + 1)})


def drains(outputs: int, pe: int, fold: int) -> list[int]:
    """Return the lanes through which `pe` accumulators can leave within a dot product."""
    return [
        lanes
        for lanes in range(1, pe + 1)
        if -(-pe // lanes) <= fold and (pe >= outputs or pe % lanes == 0)
    ]


def foldings(layer: Layer) -> Iterator[Folding]:
    """Yield the foldings worth looking at, each with its narrowest drain.

    For `pe`, the least of those that take the same turns. For `simd` these too, and the ones that
    suit the memory: divisors and multiples of the channels.
    """
    channels = layer.x_frame[0]
    if layer.weight is None:
        for lanes in _divisors(channels):
            yield Folding(lanes, lanes, drains(layer.outputs, lanes, layer.inputs)[0])
        return
    columns = {*_least(layer.inputs), *_divisors(channels)}
    columns |= {n for n in range(channels, layer.inputs + 1, channels) if layer.inputs % n == 0}
    for pe in _least(layer.outputs):
        for simd in sorted(columns):
            fold = -(-layer.inputs // simd)
            yield Folding(pe, simd, drains(layer.outputs, pe, fold)[0])


def _pack(values: np.ndarray, bits: int) -> int:
    """Return a word with the values' two's complement side by side, the first lowest."""
    mask = (1 << bits) - 1
    word = 0
    for value in reversed(values.reshape(-1).tolist()):
        word = word << bits | (value & mask)
    return word


def _window(layer: Layer, simd: int) -> WindowParameters:
    x = layer.x
    pool = layer.weight is None
    pad = x.lo if pool else x.zero_point
    padded = any(layer.padding)
    bits, is_signed = bits_for(
        min(x.lo, pad) if padded else x.lo, max(x.hi, pad) if padded else x.hi
    )
    channels, height, width = layer.x_frame
    return WindowParameters(
        channels=channels,
        height=height,
        width=width,
        kernel=layer.kernel,
        stride=layer.stride,
        padding=layer.padding,
        dilation=layer.dilation,
        lanes=simd,
        bits=bits,
        signed=is_signed,
        pad_value=pad & ((1 << bits) - 1),
        depthwise=pool,
    )


def _array(
    layer: Layer, folding: Folding, window: WindowParameters, target: Target
) -> MacParameters:
    assert layer.weight is not None and layer.bias is not None
    pe, simd = folding.pe, folding.simd
    groups, fold = -(-layer.outputs // pe), window.fold
    matrix = np.zeros((groups * pe, fold * simd), dtype=np.int64)
    matrix[: layer.outputs, : layer.inputs] = layer.weight.reshape(layer.outputs, -1)
    bias = np.zeros(groups * pe, dtype=np.int64)
    bias[: layer.outputs] = layer.bias
    bits, is_signed = bits_for(int(layer.weight.min()), int(layer.weight.max()))
    words = tuple(
        _pack(matrix[g * pe : (g + 1) * pe, b * simd : (b + 1) * simd], bits)
        for g in range(groups)
        for b in range(fold)
    )
    style = weight_style(pe * simd * bits, len(words), target)
    acc_bits, acc_signed = bits_for(layer.acc.lo, layer.acc.hi)
    return MacParameters(
        weights=WeightParameters(pe, simd, bits, is_signed, words, style),
        x_bits=window.bits,
        x_signed=window.signed,
        bits=acc_bits,
        signed=acc_signed,
        biases=tuple(map(tuple, bias.reshape(groups, pe).tolist())),
        fold=fold,
    )


def _requantizer(layer: Layer, lanes: int) -> RequantizerParameters | None:
    op = layer.requantize
    if op is None:
        return None
    assert op.lo is not None and op.hi is not None
    # One shift for all channels: floor((a m + 2^(s-1)) / 2^s) is unchanged when m and 2^s double.
    shift = int(op.shift.max())
    multipliers = tuple(
        int(m) << (shift - int(s)) for m, s in np.broadcast(op.multiplier, op.shift)
    )
    while shift and all(m % 2 == 0 for m in multipliers):
        shift, multipliers = shift - 1, tuple(m // 2 for m in multipliers)
    bits, is_signed = bits_for(layer.y.lo, layer.y.hi)
    uniform = len(set(multipliers)) == 1
    return RequantizerParameters(
        channels=layer.outputs,
        lanes=lanes,
        x_lo=layer.acc.lo,
        x_hi=layer.acc.hi,
        multipliers=multipliers[:1] if uniform else multipliers,
        shift=shift,
        zero_point=op.zero_point,
        lo=op.lo,
        hi=op.hi,
        bits=bits,
        signed=is_signed,
        x_zero_point=layer.acc.zero_point,
        rounding=op.rounding,
    )


def engine_for(layer: Layer, folding: Folding, target: Target) -> EngineParameters:
    """Return the engine of a layer, with a queue that lets it run at full rate."""
    window = _window(layer, folding.simd)
    datapath: MacParameters | MaximumParameters
    if layer.weight is None:
        datapath = MaximumParameters(folding.pe, window.channel_groups, window.bits, window.signed)
    else:
        datapath = _array(layer, folding, window, target)
    engine = EngineParameters(
        window=window,
        datapath=datapath,
        channels=layer.outputs,
        lanes=folding.lanes,
        requantizer=_requantizer(layer, folding.lanes),
        depth=folding.pe,
    )
    return engine.with_depth(engine.full_rate_depth)


def adapters(
    channels: int, lanes: int, word: int, bits: int, is_signed: bool
) -> tuple[WidenParameters | NarrowParameters, ...]:
    """Return what turns beats of `lanes` into words of `word` elements, which divide a pixel."""
    if lanes == word:
        return ()
    if word % lanes == 0:
        return (WidenParameters(channels, lanes, word, bits, is_signed),)
    if lanes % word == 0 or lanes >= channels:
        return (NarrowParameters(channels, lanes, word, bits, is_signed),)
    whole = WidenParameters(channels, lanes, channels, bits, is_signed)
    if word == channels:
        return (whole,)
    return (whole, NarrowParameters(channels, channels, word, bits, is_signed))


def suits(lanes: int, word: int) -> bool:
    """Say whether beats of `lanes` become words of `word` without gathering whole pixels."""
    return gcd(lanes, word) == min(lanes, word)

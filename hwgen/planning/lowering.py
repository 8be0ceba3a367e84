"""Lowering: the parameters of the component that computes a layer, for a folding."""

__all__ = ["Core", "core_for"]

from dataclasses import replace

import numpy as np

from hwgen.formats import bits_for
from hwgen.network.ops import Add, ArgMax, AvgPool2d, Concat, MaxPool2d
from hwgen.planning.finish import finish_for
from hwgen.planning.folding import Folding, word_size
from hwgen.planning.layers import Layer
from hwgen.planning.memory import ring_style, weight_style
from hwgen.planning.sparsity import live_words, padded_matrix
from hwgen.planning.sums import sums_of
from hwgen.targets import Target
from rtl_templates.argmax import ArgMaxParameters
from rtl_templates.engine import EngineParameters
from rtl_templates.join import ConcatParameters, SumParameters
from rtl_templates.mac import MacParameters
from rtl_templates.pool import MaximumParameters
from rtl_templates.weights import WeightParameters
from rtl_templates.window import WindowParameters

Core = EngineParameters | SumParameters | ConcatParameters | ArgMaxParameters


def core_for(layer: Layer, folding: Folding, target: Target) -> Core:
    """Return the component of a layer, with a queue that lets it run at full rate."""
    bits, is_signed = bits_for(layer.x.lo, layer.x.hi)
    if isinstance(layer.op, ArgMax):
        index_bits, _ = bits_for(layer.y.lo, layer.y.hi)
        return ArgMaxParameters(layer.x_frame[0], bits, is_signed, index_bits)
    if isinstance(layer.op, Concat):
        bits, is_signed = bits_for(layer.y.lo, layer.y.hi)
        channels = tuple(frame[0] for frame in layer.x_frames)
        return ConcatParameters(channels, folding.lanes, bits, is_signed)
    if isinstance(layer.op, Add):
        total = _sum(layer, layer.op, folding, target)
        return total.with_depth(total.full_rate_depth)
    window = styled(_window(layer, folding), target)
    finish = finish_for(layer, sums_of(layer), folding.lanes, target)
    engine = EngineParameters(
        window=window,
        datapath=_datapath(layer, folding, window, target),
        channels=layer.outputs,
        lanes=folding.lanes,
        post=finish.post,
        depth=folding.pe,
        bias=finish.bias,
    )
    return engine.with_depth(engine.full_rate_depth)


def _sum(layer: Layer, op: Add, folding: Folding, target: Target) -> SumParameters:
    shapes = [bits_for(x.lo, x.hi) for x in layer.xs]
    return SumParameters(
        channels=layer.outputs,
        lanes=folding.lanes,
        bits=tuple(bits for bits, _ in shapes),
        signs=tuple(sign for _, sign in shapes),
        multipliers=tuple(
            by * wire.step for by, wire in zip(op.multipliers, layer.x_wires, strict=True)
        ),
        offset=_centre(layer, op),
        lo=layer.acc.lo,
        hi=layer.acc.hi,
        beats=layer.pixels * -(-layer.outputs // folding.lanes),
        post=finish_for(layer, sums_of(layer), folding.lanes, target).post,
        depth=1,
    )


def _centre(layer: Layer, op: Add) -> int:
    """Return what a sum of elements lacks: shares of zero points, and what they stand for."""
    return sum(
        by * (wire.base - x.zero_point)
        for by, x, wire in zip(op.multipliers, layer.xs, layer.x_wires, strict=True)
    )


def _window(layer: Layer, folding: Folding) -> WindowParameters:
    x = layer.x
    pad = x.lo if isinstance(layer.op, MaxPool2d) else x.pad_value
    padded = any(layer.padding)
    bits, is_signed = bits_for(
        min(x.lo, pad) if padded else x.lo, max(x.hi, pad) if padded else x.hi
    )
    channels, height, width = layer.x_frame
    lanes = folding.pe if layer.depthwise else folding.simd
    return WindowParameters(
        channels=channels,
        height=height,
        width=width,
        kernel=layer.kernel,
        stride=layer.stride,
        padding=layer.padding,
        dilation=layer.dilation,
        lanes=lanes,
        bits=bits,
        signed=is_signed,
        pad_value=pad & ((1 << bits) - 1),
        slices=channels // lanes if layer.depthwise else layer.groups,
        live=live_words(layer, folding.pe, *word_size(layer, folding.pe, folding.simd))
        if folding.skip
        else None,
    )


def styled(window: WindowParameters, target: Target) -> WindowParameters:
    """Return the window with the memory that suits its ring on the target."""
    return replace(window, style=ring_style(window.word * window.bits, window.depth, target))


def _datapath(
    layer: Layer, folding: Folding, window: WindowParameters, target: Target
) -> MacParameters | MaximumParameters:
    if layer.weight is not None or isinstance(layer.op, AvgPool2d):
        return _array(layer, folding, window, target)
    return MaximumParameters(folding.pe, window.slices, window.bits, window.signed)


def _pack(values: np.ndarray, bits: int) -> int:
    """Return a word with the values' two's complement side by side, the first lowest."""
    mask = (1 << bits) - 1
    word = 0
    for value in reversed(values.reshape(-1).tolist()):
        word = word << bits | (value & mask)
    return word


def _weights(
    layer: Layer, folding: Folding, window: WindowParameters, target: Target
) -> WeightParameters:
    """Return the weights as they follow one another when the sequencer calls for them: slices of
    the channels, groups of `pe` outputs, beats of the window."""
    assert layer.weight is not None
    pe = folding.pe
    simd = 1 if layer.depthwise else folding.simd
    matrix = padded_matrix(layer, pe)
    groups = len(matrix)
    bits, is_signed = bits_for(int(layer.weight.min()), int(layer.weight.max()))
    blocks = matrix.reshape(groups, pe, len(window.taps), -1)
    live = window.live or (range(len(window.taps)),)
    words: list[int] = []
    for group, rows in enumerate(blocks):
        read = rows[:, live[group % len(live)]].reshape(pe, -1)
        read = np.pad(read, ((0, 0), (0, -read.shape[1] % simd)))
        words += [_pack(read[:, n : n + simd], bits) for n in range(0, read.shape[1], simd)]
    style = weight_style(pe * simd * bits, len(words), target)
    return WeightParameters(pe, simd, bits, is_signed, tuple(words), style)


def _array(
    layer: Layer, folding: Folding, window: WindowParameters, target: Target
) -> MacParameters:
    """Return the array of a weighted layer, or the sum over a window: one whose weights are all
    one."""
    if layer.weight is None:
        weights = WeightParameters(folding.pe, 1, 1, False, ((1 << folding.pe) - 1,))
    else:
        weights = _weights(layer, folding, window, target)
    bits, is_signed = sums_of(layer).shape
    groups = -(-layer.outputs // folding.pe)
    return MacParameters(
        weights=weights,
        x_bits=window.bits,
        x_signed=window.signed,
        bits=bits,
        signed=is_signed,
        folds=window.folds * (1 if window.varied else groups),
        depthwise=layer.depthwise,
    )


def relaned(core: EngineParameters, layer: Layer, lanes: int, target: Target) -> EngineParameters:
    """Return an engine drained through other lanes."""
    finish = finish_for(layer, sums_of(layer), lanes, target)
    engine = replace(core, lanes=lanes, post=finish.post, bias=finish.bias)
    return engine.with_depth(engine.full_rate_depth)

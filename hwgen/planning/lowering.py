"""Lowering: the parameters of the component that computes a layer, for a folding."""

__all__ = ["Core", "core_for"]

import math
from dataclasses import replace

import numpy as np

from hwgen.formats import bits_for
from hwgen.network.ops import Add, ArgMax, AvgPool2d, Concat, MaxPool2d, Requantize, Threshold
from hwgen.network.thresholds import as_threshold
from hwgen.planning.estimate import estimate, weigh
from hwgen.planning.folding import Folding, word_size
from hwgen.planning.layers import Layer
from hwgen.planning.memory import ring_style, weight_style
from hwgen.planning.sparsity import live_words, padded_matrix
from hwgen.targets import Target
from rtl_templates.argmax import ArgMaxParameters
from rtl_templates.engine import EngineParameters
from rtl_templates.join import ConcatParameters, SumParameters
from rtl_templates.mac import MacParameters
from rtl_templates.pool import MaximumParameters
from rtl_templates.requantize import RequantizerParameters
from rtl_templates.threshold import ThresholdParameters
from rtl_templates.weights import WeightParameters
from rtl_templates.window import WindowParameters

Core = EngineParameters | SumParameters | ConcatParameters | ArgMaxParameters
Post = RequantizerParameters | ThresholdParameters

MOST_STEPS = 63  # of an output whose thresholds are weighed against a multiplier


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
    engine = EngineParameters(
        window=window,
        datapath=_datapath(layer, folding, window, target),
        channels=layer.outputs,
        lanes=folding.lanes,
        post=_post(layer, folding.lanes, target),
        depth=folding.pe,
    )
    return engine.with_depth(engine.full_rate_depth)


def _sum(layer: Layer, op: Add, folding: Folding, target: Target) -> SumParameters:
    shapes = [bits_for(x.lo, x.hi) for x in layer.xs]
    return SumParameters(
        channels=layer.outputs,
        lanes=folding.lanes,
        bits=tuple(bits for bits, _ in shapes),
        signs=tuple(sign for _, sign in shapes),
        multipliers=op.multipliers,
        zero_points=tuple(x.zero_point for x in layer.xs),
        lo=layer.acc.lo,
        hi=layer.acc.hi,
        beats=layer.pixels * -(-layer.outputs // folding.lanes),
        post=_post(layer, folding.lanes, target),
        depth=1,
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
    if layer.weight is not None:
        return _array(layer, folding, window, target)
    if isinstance(layer.op, AvgPool2d):
        return _total(layer, folding, window)
    return MaximumParameters(folding.pe, window.slices, window.bits, window.signed)


def _pack(values: np.ndarray, bits: int) -> int:
    """Return a word with the values' two's complement side by side, the first lowest."""
    mask = (1 << bits) - 1
    word = 0
    for value in reversed(values.reshape(-1).tolist()):
        word = word << bits | (value & mask)
    return word


def _array(
    layer: Layer, folding: Folding, window: WindowParameters, target: Target
) -> MacParameters:
    """Return an array whose weights follow one another as the sequencer calls for them: slices
    of the channels, groups of `pe` outputs, beats of the window."""
    assert layer.weight is not None and layer.bias is not None
    pe = folding.pe
    simd = 1 if layer.depthwise else folding.simd
    matrix = padded_matrix(layer, pe)
    groups = len(matrix)
    bias = np.zeros(groups * pe, dtype=np.int64)
    bias[: layer.outputs] = layer.bias
    bits, is_signed = bits_for(int(layer.weight.min()), int(layer.weight.max()))
    blocks = matrix.reshape(groups, pe, len(window.taps), -1)
    live = window.live or (range(len(window.taps)),)
    words: list[int] = []
    for group, rows in enumerate(blocks):
        read = rows[:, live[group % len(live)]].reshape(pe, -1)
        read = np.pad(read, ((0, 0), (0, -read.shape[1] % simd)))
        words += [_pack(read[:, n : n + simd], bits) for n in range(0, read.shape[1], simd)]
    style = weight_style(pe * simd * bits, len(words), target)
    acc_bits, acc_signed = bits_for(layer.acc.lo, layer.acc.hi)
    return MacParameters(
        weights=WeightParameters(pe, simd, bits, is_signed, tuple(words), style),
        x_bits=window.bits,
        x_signed=window.signed,
        bits=acc_bits,
        signed=acc_signed,
        biases=tuple(map(tuple, bias.reshape(groups, pe).tolist())),
        folds=window.folds * (1 if window.varied else groups),
        depthwise=layer.depthwise,
    )


def _total(layer: Layer, folding: Folding, window: WindowParameters) -> MacParameters:
    """Return the sum over a window: an array whose weights are all one."""
    bits, is_signed = bits_for(layer.acc.lo, layer.acc.hi)
    ones = WeightParameters(folding.pe, 1, 1, False, ((1 << folding.pe) - 1,))
    bias = -layer.x.zero_point * layer.inputs
    return MacParameters(
        weights=ones,
        x_bits=window.bits,
        x_signed=window.signed,
        bits=bits,
        signed=is_signed,
        biases=((bias,) * folding.pe,) * window.slices,
        folds=window.folds * window.slices,
        depthwise=True,
    )


def _post(layer: Layer, lanes: int, target: Target) -> Post | None:
    """Return what follows the datapath: where both a multiplier and thresholds would do, the
    cheaper on this target."""
    op = layer.post
    if op is None:
        return None
    if isinstance(op, Threshold):
        return _thresholds(layer, op, lanes)
    requantizer = _requantizer(layer, op, lanes)
    if not 0 < layer.y.hi - layer.y.lo <= MOST_STEPS:
        return requantizer
    same = as_threshold(op, layer.acc)
    if same is None:
        return requantizer
    thresholds = _thresholds(layer, same, lanes)
    costs = [weigh(estimate(part, target)) for part in (requantizer, thresholds)]
    return thresholds if costs[1] < costs[0] else requantizer


def _thresholds(layer: Layer, op: Threshold, lanes: int) -> ThresholdParameters:
    bits, is_signed = bits_for(layer.y.lo, layer.y.hi)
    # what no value reaches, and what all reach, need no comparison
    lo, hi = layer.acc.lo, layer.acc.hi
    rows = op.thresholds.clip(lo, hi + 1)
    below = int((rows == lo).all(axis=0).sum())
    beyond = int((rows == hi + 1).all(axis=0).sum())
    rows = rows[:, below : rows.shape[1] - beyond]
    same = bool((rows == rows[:1]).all())
    return ThresholdParameters(
        channels=layer.outputs,
        lanes=lanes,
        x_lo=lo,
        x_hi=hi,
        thresholds=tuple(map(tuple, (rows[:1] if same else rows).tolist())),
        base=op.base + op.format.step * below,
        bits=bits,
        signed=is_signed,
        step=op.format.step,
    )


def _requantizer(layer: Layer, op: Requantize, lanes: int) -> RequantizerParameters:
    assert op.lo is not None and op.hi is not None
    # One shift for all channels: floor((a m + 2^(s-1)) / 2^s) is unchanged when m and 2^s double.
    shift = int(op.shift.max())
    multipliers = [int(m) << (shift - int(s)) for m, s in np.broadcast(op.multiplier, op.shift)]
    common = min(shift, (math.gcd(*multipliers) & -math.gcd(*multipliers)).bit_length() - 1)
    multipliers = [m >> common for m in multipliers]
    bits, is_signed = bits_for(layer.y.lo, layer.y.hi)
    uniform = len(set(multipliers)) == 1
    return RequantizerParameters(
        channels=layer.outputs,
        lanes=lanes,
        x_lo=layer.acc.lo,
        x_hi=layer.acc.hi,
        multipliers=tuple(multipliers[:1] if uniform else multipliers),
        shift=shift - common,
        zero_point=op.zero_point,
        lo=op.lo,
        hi=op.hi,
        bits=bits,
        signed=is_signed,
        x_zero_point=layer.acc.zero_point,
        rounding=op.rounding,
    )


def relaned(core: Core, layer: Layer, lanes: int, target: Target) -> Core:
    """Return an engine drained through other lanes."""
    if not isinstance(core, EngineParameters):
        return core
    engine = replace(core, lanes=lanes, post=_post(layer, lanes, target))
    return engine.with_depth(engine.full_rate_depth)

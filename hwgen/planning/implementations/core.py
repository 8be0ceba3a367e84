"""Lowering: the parameters of the component that computes a layer, for a folding."""

__all__ = ["Core", "blocks_for", "core_for", "weight_beats", "window_for", "with_low_latency"]

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

import numpy as np

from hwgen import formats
from hwgen.errors import InternalError
from hwgen.families.cells import adder_of
from hwgen.families.memories import lut_memory_luts, queue_shifts, ring_style, weight_style
from hwgen.formats import bits_for
from hwgen.network.fields import IntArray
from hwgen.network.ops import Add, ArgMax, AvgPool2d, Concat, MaxPool2d
from hwgen.planning.layers.dot_output import DotOutput, dot_output_of
from hwgen.planning.layers.folding import Folding, columns, word_size
from hwgen.planning.layers.layer import Layer
from hwgen.planning.layers.sparsity import Words, live_words, padded_matrix
from hwgen.planning.lowering.constants import constant_array
from hwgen.planning.lowering.dsp import arranged, sharing_of
from hwgen.planning.lowering.encodings import Codes, book_for, encoding_for, offsets_of, x_range_of
from hwgen.planning.lowering.epilogue import Epilogue, epilogue_for, epilogues_for
from hwgen.targets import Target
from hwgen_rtl_templates.argmax import ArgMaxParameters
from hwgen_rtl_templates.encodings import Encoding, TwosComplement
from hwgen_rtl_templates.engine import Datapath, EngineParameters
from hwgen_rtl_templates.join import ConcatParameters, SumParameters
from hwgen_rtl_templates.mac import Banks, MacParameters
from hwgen_rtl_templates.multiplier import DspBlocks
from hwgen_rtl_templates.pool import MaximumParameters
from hwgen_rtl_templates.weights import WeightParameters
from hwgen_rtl_templates.window import WindowParameters

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
    window = window_for(layer, folding, target)
    datapath, sums = _datapath(layer, folding, window, target)
    finish = epilogue_for(layer, sums, folding.lanes, target)
    engine = EngineParameters(
        window=window,
        datapath=datapath,
        channels=layer.outputs,
        lanes=folding.lanes,
        epilogue=finish.epilogue,
        depth=folding.pe,
        bias=finish.bias,
        shifts=queue_shifts(target),
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
            by * wire.step for by, wire in zip(op.multipliers, layer.x_encodings, strict=True)
        ),
        offset=_centre(layer, op),
        lo=layer.acc.lo,
        hi=layer.acc.hi,
        beats=layer.pixels * -(-layer.outputs // folding.lanes),
        epilogue=epilogue_for(layer, dot_output_of(layer), folding.lanes, target).epilogue,
        depth=1,
        shifts=queue_shifts(target),
    )


def _centre(layer: Layer, op: Add) -> int:
    """Return what a sum of elements lacks: shares of zero points, and what they stand for."""
    return sum(
        by * (wire.base - x.zero_point)
        for by, x, wire in zip(op.multipliers, layer.xs, layer.x_encodings, strict=True)
    )


def _pad(layer: Layer) -> int:
    return layer.x.lo if isinstance(layer.op, MaxPool2d) else layer.x.pad_value


def _element(layer: Layer) -> tuple[int, bool]:
    """Return (bits, signed) of an element of the window, padding included."""
    pads = [_pad(layer)] if any(layer.padding) else []
    return bits_for(min([layer.x.lo, *pads]), max([layer.x.hi, *pads]))


def blocks_for(layer: Layer, folding: Folding, target: Target) -> int | None:
    """Return how many DSP blocks the products of a layer would take; None where they cannot."""
    if layer.weight is None:
        return None
    found = sharing_of(layer, folding.pe, *_element(layer), target)
    simd = columns(layer, folding)
    return None if found is None else found[0].count(folding.pe, simd)


def sums_by_entry(layer: Layer, target: Target) -> bool:
    """Say whether a layer's inputs can be summed up by the entry that their weight is: weights come
    from a book, and the target has memories small enough for an entry's sums."""
    of = getattr(layer.op, "weight_format", None)
    return isinstance(of, formats.Codebook) and lut_memory_luts(1, 1, target) is not None


def window_for(layer: Layer, folding: Folding, target: Target) -> WindowParameters:
    """Return the window of a folding, with the memory that suits its ring on the target."""
    lanes = folding.pe if layer.depthwise else folding.simd
    live = None
    if folding.skip:
        live = live_words(layer, folding.pe, *word_size(layer, folding.pe, folding.simd))
    return _window(layer, lanes, live, target)


@lru_cache(maxsize=1024)  # foldings of equal columns have the same
def _window(layer: Layer, lanes: int, live: Words | None, target: Target) -> WindowParameters:
    bits, is_signed = _element(layer)
    channels, height, width = layer.x_frame
    window = WindowParameters(
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
        pad_value=_pad(layer) & ((1 << bits) - 1),
        slices=channels // lanes if layer.depthwise else layer.groups,
        live=live,
    )
    return with_ring_memory(window, target)


def with_ring_memory(window: WindowParameters, target: Target) -> WindowParameters:
    """Return the window with the memory that suits its ring on the target."""
    return replace(window, style=ring_style(window.word * window.bits, window.depth, target))


def _datapath(
    layer: Layer, folding: Folding, window: WindowParameters, target: Target
) -> tuple[Datapath, DotOutput]:
    """Return a datapath, and what it delivers."""
    if layer.weight is None and not isinstance(layer.op, AvgPool2d):
        maximum = MaximumParameters(folding.pe, window.slices, window.bits, window.signed)
        return maximum, dot_output_of(layer)
    if folding.constant:
        sums = dot_output_of(layer)
        return constant_array(layer, folding, window, *sums.shape), sums
    blocks = banks = None
    if folding.dsp:
        blocks, weights = _in_blocks(layer, folding, window, target)
        sums = dot_output_of(layer)
    elif folding.pasm:
        banks, weights = _in_banks(layer, folding, window, target)
        sums = dot_output_of(layer, offsets_of(layer, weights.encoding, window, banks))
    else:
        encoding = encoding_for(layer, folding, window, target)
        weights = _in_adders(layer, folding, window, encoding, target)
        sums = dot_output_of(layer, offsets_of(layer, encoding, window))
    bits, is_signed = sums.shape
    groups = -(-layer.outputs // folding.pe)
    array = MacParameters(
        weights=weights,
        x_bits=window.bits,
        x_signed=window.signed,
        bits=bits,
        signed=is_signed,
        folds=window.folds * (1 if window.varied else groups),
        depthwise=layer.depthwise,
        x_range=x_range_of(layer, window),
        adder=adder_of(target),
        blocks=blocks,
        banks=banks,
    )
    return array, sums


def weight_beats(
    layer: Layer, folding: Folding, window: WindowParameters, matrix: IntArray
) -> Iterator[IntArray]:
    """Yield the weights, (groups, rows, inputs), of each group as (rows, beats, columns), as they
    follow one another when the sequencer calls for them: slices of the channels, groups of `pe`
    outputs, beats of the window."""
    pe = folding.pe
    simd = columns(layer, folding)
    blocks = matrix.reshape(len(matrix), pe, len(window.taps), -1)
    live = window.live or (range(len(window.taps)),)
    for group, rows in enumerate(blocks):
        read = rows[:, live[group % len(live)]].reshape(pe, -1)
        yield np.pad(read, ((0, 0), (0, -read.shape[1] % simd))).reshape(pe, -1, simd)


def _weights(
    layer: Layer,
    folding: Folding,
    window: WindowParameters,
    encoding: Encoding,
    matrix: IntArray,
    target: Target,
) -> WeightParameters:
    """Return the weights, (groups, rows, inputs), in words."""
    pe = folding.pe
    simd = columns(layer, folding)
    codes = Codes(encoding, matrix)
    words = [
        word
        for read in weight_beats(layer, folding, window, matrix)
        for word in codes.words(read.swapaxes(0, 1).reshape(read.shape[1], -1))
    ]
    style = weight_style(pe * simd * encoding.bits, len(words), target)
    return WeightParameters(pe, simd, encoding, tuple(words), style)


def _in_adders(
    layer: Layer, folding: Folding, window: WindowParameters, encoding: Encoding, target: Target
) -> WeightParameters:
    """Return the weights of an array of adders; all are one where it sums up a window."""
    if layer.weight is None:
        return WeightParameters(folding.pe, 1, encoding, ((1 << folding.pe) - 1,))
    matrix = padded_matrix(layer, folding.pe)
    return _weights(layer, folding, window, encoding, matrix, target)


def _in_blocks(
    layer: Layer, folding: Folding, window: WindowParameters, target: Target
) -> tuple[DspBlocks, WeightParameters]:
    """Return the DSP blocks of an array, and its weights."""
    found = sharing_of(layer, folding.pe, window.bits, window.signed, target)
    if found is None:
        raise InternalError(f"{layer.name}: folding asks for DSP blocks where there are none")
    blocks, multiplied = found
    matrix = arranged(padded_matrix(layer, folding.pe), blocks, multiplied)
    encoding = TwosComplement(multiplied.w_bits, multiplied.w_signed)
    return blocks, _weights(layer, folding, window, encoding, matrix, target)


def _in_banks(
    layer: Layer, folding: Folding, window: WindowParameters, target: Target
) -> tuple[Banks, WeightParameters]:
    """Return the registers of an array that sums up inputs by entry, as wide as the most that come
    together, and its weights."""
    matrix = padded_matrix(layer, folding.pe)
    single = joint = 0
    for read in weight_beats(layer, folding, window, matrix):
        for value in filter(None, layer.values):  # what zero is multiplied with may overflow
            counts = (read == value).sum(axis=1)
            single = max(single, int(counts.max()))
            joint = max(joint, int(counts.sum(axis=1).max()))
    least = -(1 << (window.bits - 1)) if window.signed else 0
    span = x_range_of(layer, window)[1] - least
    banks = Banks(max(1, (single * span).bit_length()), max(1, (joint * span).bit_length()))
    encoding = book_for(layer, folding, banks.total, target)
    return banks, _weights(layer, folding, window, encoding, matrix, target)


def with_lanes(
    core: EngineParameters, layer: Layer, lanes: int, target: Target
) -> EngineParameters:
    """Return an engine drained through other lanes."""
    finish = epilogue_for(layer, _sums_behind(core, layer), lanes, target)
    return _finished(replace(core, lanes=lanes), finish)


def with_low_latency(core: Core, layer: Layer, target: Target) -> Core:
    """Return a component with what takes the fewest clocks behind its sums, the cheapest of it; the
    component itself where nothing takes fewer than what it has."""
    if isinstance(core, EngineParameters):
        bias, sums = core.bias, _sums_behind(core, layer)
    elif isinstance(core, SumParameters):
        bias, sums = None, dot_output_of(layer)
    else:
        return core
    finishes = epilogues_for(layer, sums, core.lanes, target)
    quickest = min(finishes, key=lambda finish: finish.latency)
    if quickest.latency >= Epilogue(bias, core.epilogue).latency:
        return core
    if isinstance(core, EngineParameters):
        return _finished(core, quickest)
    total = replace(core, epilogue=quickest.epilogue)
    return total.with_depth(total.full_rate_depth)


def _sums_behind(core: EngineParameters, layer: Layer) -> DotOutput:
    """Return what an engine's datapath delivers."""
    path = core.datapath
    lacks: IntArray | int = 0
    if isinstance(path, MacParameters) and not path.blocks:
        lacks = offsets_of(layer, path.weights.encoding, core.window, path.banks)
    return dot_output_of(layer, lacks)


def _finished(core: EngineParameters, finish: Epilogue) -> EngineParameters:
    engine = replace(core, epilogue=finish.epilogue, bias=finish.bias)
    return engine.with_depth(engine.full_rate_depth)

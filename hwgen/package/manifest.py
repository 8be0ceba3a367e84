"""The manifest of a package: all that programs know of it, written and read here alone."""

__all__ = [
    "MANIFEST",
    "NETWORK",
    "SPEC_VERSION",
    "BorderStream",
    "Estimate",
    "Manifest",
    "PackageLayer",
    "Predicted",
    "StreamEntry",
    "read_manifest",
    "write_manifest",
]

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import msgspec
from msgspec import Meta, Struct

from hwgen.errors import FormatError, StoreError
from hwgen.files import read_json
from hwgen.package.border import ADDRESSES, WIDTHS, Border, axi4_stream, bus
from hwgen.package.border_kind import BorderKind
from hwgen.package.stream_format import StreamFormat
from hwgen.planning.implementations import IMPLEMENTATIONS
from hwgen.planning.layers.folding import Folding
from hwgen.schema import short
from hwgen.targets import Rom
from hwgen.typed import MANY, Count, Positive, read_as

SPEC_VERSION = 4
MANIFEST = "manifest.json"
NETWORK = "network.net"
LONGEST = 1 << 28  # bytes of a manifest
CLOCK, RESET = "clk", "rst"  # of the accelerator inside a bus

_PART = r"(?!\.{1,2}(?:/|\Z))[^/\x00-\x1f\\]+"
Place = Annotated[
    str,
    Meta(
        pattern=rf"\A{_PART}(?:/{_PART})*\Z",
        max_length=1023,
        description="the path of a file inside the package",
    ),
]
Identifier = Annotated[
    str,
    Meta(pattern=r"\A[A-Za-z_][A-Za-z0-9_$]{0,500}\Z", description="a Verilog identifier"),
]
Sha256 = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z", description="a SHA-256 in hexadecimal")]
Integer = Annotated[int, Meta(ge=-MANY, le=MANY)]
Scale = Annotated[float, Meta(ge=5e-324, le=1.7976931348623157e308)]


class _Entry(Struct, frozen=True, forbid_unknown_fields=True):
    """A part of the manifest."""


class StreamEntry(_Entry, frozen=True, kw_only=True):
    """How a tensor travels, the figures of a `StreamFormat`; `beats` of a frame follow from the
    others, and have to agree."""

    lanes: Annotated[int, Meta(ge=1, le=1 << 20)]
    bits: Annotated[int, Meta(ge=1, le=64)]
    signed: bool
    base: Annotated[int, Meta(ge=-1, le=0)]
    step: Annotated[int, Meta(ge=1, le=2)]
    beats: Positive
    shape: Annotated[tuple[Positive, ...], Meta(min_length=1, max_length=3)]
    stream_shape: tuple[Positive, Positive, Positive]

    def __post_init__(self) -> None:
        try:
            agree = self.stream.beats == self.beats
        except FormatError:
            agree = False
        if not agree:
            raise ValueError("contradicts itself in lanes, bits, beats and shapes")

    @property
    def stream(self) -> StreamFormat:
        """The format, as packs and unpacks beats."""
        names = (field.name for field in dataclasses.fields(StreamFormat))
        figures = {name: getattr(self, name) for name in names if hasattr(self, name)}
        # A layer's beat is as wide as its lanes; only the border's is padded to bytes.
        return StreamFormat(**{"tdata_bits": self.lanes * self.bits, **figures})

    @classmethod
    def of(cls, stream: StreamFormat, **more: Any) -> Self:
        """Return the entry of a stream, with what else belongs to it."""
        names = (name for name in cls.__struct_fields__ if name not in more)
        return cls(**{name: getattr(stream, name) for name in names}, **more)


class BorderStream(StreamEntry, frozen=True, kw_only=True):
    """A stream at the border, and what its integers mean.

    Attributes
    ----------
    name : of the network's input or output
    port : what the names of its ports begin with, such as "s_axis"
    steps : what the host makes of the real values, one after another, such as "softmax(0)"
    tdata_bits : width of a beat
    format : number format of an element, such as "uint4"; None where range alone gives it
    scale : of the tensor, or of each channel
    zero_point : real value = scale * (value - zero_point)
    range : smallest and largest value
    slot : bits of words that an element takes; 0: beats are of lanes
    """

    name: str
    port: Identifier
    steps: tuple[str, ...]
    tdata_bits: Annotated[int, Meta(ge=1, le=1 << 26)]
    format: str | None
    scale: Annotated[tuple[Scale, ...], Meta(min_length=1)]
    zero_point: Integer
    range: tuple[Integer, Integer]
    slot: Annotated[int, Meta(ge=0, le=64)]


class Queue(_Entry, frozen=True):
    """A queue whose watermark can be read: the name of its part, and how many beats it holds."""

    name: str
    depth: Positive


class Bus(_Entry, frozen=True):
    """What is around an accelerator whose frames are in memory.

    Attributes
    ----------
    kind : "axi" or "wishbone"
    accelerator : name of the module inside, which has the streams
    width : bits of a word
    address_bits : of an address in memory
    queues : those of the accelerator that are watched
    """

    kind: BorderKind
    accelerator: Identifier
    width: Annotated[int, Meta(ge=min(WIDTHS), le=max(WIDTHS))]
    address_bits: Annotated[int, Meta(ge=ADDRESSES[0], le=ADDRESSES[-1])]
    queues: tuple[Queue, ...]

    def __post_init__(self) -> None:
        if self.kind == BorderKind.AXIS:
            raise ValueError(".kind must be axi or wishbone")
        if self.width not in WIDTHS:
            raise ValueError(f".width must be one of {', '.join(map(str, WIDTHS))}")


class Estimate(_Entry, frozen=True):
    """What the planner counts: look-up tables, flip-flops, DSP blocks, block memories."""

    luts: Count
    ffs: Count
    dsps: Count
    block_rams: Count


class PackageLayer(StreamEntry, frozen=True):
    """A layer, and where in the Verilog its output stream is.

    Attributes
    ----------
    name : the layer's
    nodes, node : the network's that it computes, and the one whose value its stream carries
    path : instances from the top module down
    payload, valid, ready : signals of the last instance
    folding : of the plan
    busy : clocks of a frame that its busiest part needs
    macs : multiply-accumulates of a frame, without those of words that are skipped
    estimate : what the planner counts
    queue : depth, of a layer that is one; None of others
    """

    name: str
    nodes: Annotated[tuple[str, ...], Meta(min_length=1)]
    node: str
    path: Annotated[tuple[Identifier, ...], Meta(min_length=1)]
    payload: Identifier
    valid: Identifier
    ready: Identifier
    folding: Folding
    busy: Count
    macs: Count
    estimate: Estimate
    queue: Count | None

    def __post_init__(self) -> None:
        super().__post_init__()
        given = dataclasses.asdict(self.folding)  # the planner's has no limits
        if (way := given.pop("implementation")) not in IMPLEMENTATIONS:
            rule = f"one of {', '.join(IMPLEMENTATIONS)}"
            raise ValueError(f".folding.implementation must be {rule}, not {short(way)}")
        for name, value in given.items():
            if not 0 <= value <= MANY:
                rule = f"an integer of [0, {MANY}]"
                raise ValueError(f".folding.{name} must be {rule}, not {short(value)}")


class Predicted(_Entry, frozen=True):
    """What the plan says: clocks from frame to frame, from first beat in to last beat out, and of
    the busiest layer; the share of multipliers that work; nJ of a frame; clocks at which frames
    end."""

    interval: Positive
    latency: Count
    busy: Count
    useful_share: Annotated[float, Meta(ge=0, le=1)]
    energy_nj: Annotated[float, Meta(ge=0, le=1e300)]
    frame_ends: tuple[Count, ...]

    @property
    def patience(self) -> int:
        """Clocks in which nothing moves, without stalls, after which a package counts as stuck."""
        return 1000 + 4 * (self.interval + self.latency)


class Manifest(_Entry, frozen=True):
    """Everything that manifest.json holds.

    Attributes
    ----------
    versions : of the programs that made the package
    top : name of the top module
    verilog, network, primitives : files: the design, what it computes, models of cells in it
    target, clock_hz, goal : of the plan
    rom : how the Verilog holds tables
    clock, reset : ports
    reset_low : whether the reset is active low
    bus : around the accelerator; None: its streams are the top module's
    inputs, outputs : streams at the border, in the order of the network's
    layers : in the order of the plan
    estimate : of the whole
    predicted : clocks and energy
    files : SHA-256 of every file but the manifest, by its path
    """

    generator: Literal["hwgen"]
    spec_version: int
    versions: Mapping[str, str]
    top: Identifier
    verilog: Place
    primitives: tuple[Place, ...]
    network: Place
    target: str
    clock_hz: Annotated[int, Meta(ge=1, le=10**12)]
    goal: str
    rom: Rom
    clock: Identifier
    reset: Identifier
    reset_low: bool
    bus: Bus | None
    inputs: Annotated[tuple[BorderStream, ...], Meta(min_length=1)]
    outputs: Annotated[tuple[BorderStream, ...], Meta(min_length=1)]
    layers: Annotated[tuple[PackageLayer, ...], Meta(min_length=1)]
    estimate: Estimate
    predicted: Predicted
    files: Mapping[Place, Sha256]

    def __post_init__(self) -> None:
        for what, ends in (("inputs", self.inputs), ("outputs", self.outputs)):
            if len({end.port for end in ends}) < len(ends):
                raise ValueError(f".{what} must each have a port of their own")

    @property
    def reset_level(self) -> str:
        """What the reset is when it resets, "low" or "high"."""
        return "low" if self.reset_low else "high"

    @property
    def accelerator(self) -> str:
        """Name of the module that has the streams: the top module, or inside it."""
        return self.bus.accelerator if self.bus else self.top

    @property
    def streams(self) -> Border:
        """The ports of the accelerator."""
        inputs, outputs = (
            {end.port: end.stream for end in ends} for ends in (self.inputs, self.outputs)
        )
        if self.bus:
            return axi4_stream(inputs, outputs, CLOCK, RESET)
        return axi4_stream(inputs, outputs, self.clock, self.reset, self.reset_low)

    @property
    def border(self) -> Border:
        """The ports of the top module."""
        if self.bus is None:
            return self.streams
        from hwgen.package.system import system_of  # Amaranth, which takes its time to load

        ports = system_of(self, bytes(8)).widths
        return bus(self.bus.kind, ports, self.clock, self.reset, self.reset_low)

    def to_json(self) -> dict[str, Any]:
        """Return the fields as plain values, as the file holds them."""
        found: dict[str, Any] = json.loads(json.dumps(msgspec.to_builtins(self)))
        return found


def write_manifest(manifest: Manifest, folder: Path) -> None:
    """Write the manifest of a package into its folder.

    Raises
    ------
    OSError : it cannot be written
    """
    text = json.dumps(manifest.to_json(), indent=2) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8")


def _inside(folder: Path, name: str, where: str) -> None:
    """Refuse a file that is not there, or that a link leads out of the folder to."""
    try:
        path = (folder / name).resolve(strict=True)
        inside = path.is_relative_to(folder.resolve()) and path.is_file()
    except (OSError, RuntimeError) as error:
        raise StoreError(f"{where} names {name}, which is missing") from error
    if not inside:
        raise StoreError(f"{where} must be a file inside the package, not {name}")


def _checked(found: dict[str, Any], folder: Path) -> Manifest:
    version = found.get("spec_version")
    if version != SPEC_VERSION or not isinstance(version, int) or isinstance(version, bool):
        raise StoreError(f"spec version must be {SPEC_VERSION}, not {version!r:.40}")
    manifest = read_as(found, Manifest)
    for name in ("verilog", "network"):
        _inside(folder, getattr(manifest, name), name)
    for index, name in enumerate(manifest.primitives):
        _inside(folder, name, f"primitives[{index}]")
    return manifest


def read_manifest(folder: str | Path) -> Manifest:
    """Return the manifest of a package.

    Whoever wrote it, it is data: files it names lie inside the folder, names are identifiers, and
    figures are what they seem.

    Raises
    ------
    StoreError : the folder is not a package, a damaged one, or one of another version
    """
    folder = Path(folder)
    path = folder / MANIFEST
    missing = f"{folder}: is not a package (it has no {MANIFEST}); make one with hwgen generate"
    found = read_json(path, LONGEST, missing=missing, again="generate the package again")
    if not isinstance(found, dict) or found.get("generator") != "hwgen":
        raise StoreError(f"{path}: was not written by hwgen")
    try:
        return _checked(found, folder)
    except StoreError as error:
        raise StoreError(f"{path}: {error}; generate the package again") from error

"""The border of a package: the ports of its top module, and which signals a stream has there."""

__all__ = [
    "Border",
    "BorderChoice",
    "Port",
    "StreamPorts",
    "axi4_stream",
    "bus",
]

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hwgen.errors import HwgenError
from hwgen.package.border_kind import BorderKind, Elements
from hwgen.package.stream_format import StreamFormat

if TYPE_CHECKING:
    from hwgen_rtl_templates.words import WordLayout

WIDTHS = (8, 16, 32, 64, 128)  # bits of a word
ADDRESSES = range(16, 65)  # bits of an address in memory


@dataclass(frozen=True)
class BorderChoice:
    """What a user wants around an accelerator.

    Attributes
    ----------
    kind : what is around it
    width : bits of a word, one of `WIDTHS`; None: 32 of a bus, and of a stream as many as a beat of
        the first or last layer has
    elements : how they lie in words
    reset_low : whether the reset is active low
    address_bits : of an address in memory

    Raises
    ------
    HwgenError : there is no such border
    """

    kind: BorderKind | str = BorderKind.AXIS
    width: int | None = None
    elements: Elements | str = Elements.BYTES
    reset_low: bool = False
    address_bits: int = 32

    def __post_init__(self) -> None:
        for what, value, kinds in (
            ("Border", self.kind, BorderKind),
            ("Elements", self.elements, Elements),
        ):
            known = [kind.value for kind in kinds]
            if value not in known:
                listed = f"{', '.join(known[:-1])} or {known[-1]}"
                raise HwgenError(f"{what} must be {listed}, not {value}")
        if self.width is not None and self.width not in WIDTHS:
            widths = ", ".join(map(str, WIDTHS))
            raise HwgenError(f"Width must be one of {widths} bits, not {self.width}")
        if self.address_bits not in ADDRESSES:
            least, most = ADDRESSES[0], ADDRESSES[-1]
            raise HwgenError(f"Address bits must be {least} to {most}, not {self.address_bits}")

    @property
    def is_bus(self) -> bool:
        """Whether frames are in memory."""
        return self.kind != BorderKind.AXIS

    @property
    def layout(self) -> "WordLayout | None":
        """How elements lie in words; None: as beats of the first and last layers."""
        from hwgen_rtl_templates.words import WordLayout  # Amaranth, which takes its time to load

        if self.width is None and not self.is_bus:
            return None
        return WordLayout(self.width or 32, self.elements == Elements.BYTES)


@dataclass(frozen=True)
class Port:
    """A port of the top module.

    Attributes
    ----------
    name : in the Verilog
    enters : whether it is an input
    bits : its width
    meaning : in words, for people
    """

    name: str
    enters: bool
    bits: int
    meaning: str

    @property
    def direction(self) -> str:
        """Which way it goes, "in" or "out"."""
        return "in" if self.enters else "out"

    @property
    def bit_names(self) -> tuple[str, ...]:
        """Each bit, as constraints name it."""
        if self.bits == 1:
            return (self.name,)
        return tuple(f"{self.name}[{bit}]" for bit in range(self.bits))


@dataclass(frozen=True)
class StreamPorts:
    """The ports of a stream.

    Attributes
    ----------
    format : how its tensor travels
    payload, valid, ready : always there
    last : high with the last beat of a frame
    marked : high with the last beat of a damaged frame's result
    keep : which bytes of a beat hold elements
    """

    format: StreamFormat
    payload: Port
    valid: Port
    ready: Port
    last: Port | None = None
    marked: Port | None = None
    keep: Port | None = None

    @property
    def ports(self) -> tuple[Port, ...]:
        """All of them, in order."""
        every = (self.payload, self.keep, self.valid, self.ready, self.last, self.marked)
        return tuple(port for port in every if port is not None)


@dataclass(frozen=True)
class Border:
    """Everything through which a package's top module is connected.

    Attributes
    ----------
    kind : what is around the core
    clock, reset : rising edge; synchronous
    inputs, outputs : where frames enter, and where results leave, in the order of the network's
    errors : what says that frames came damaged, and takes it back
    others : of buses
    reset_low : whether the reset is active low
    """

    kind: BorderKind
    clock: Port
    reset: Port
    inputs: tuple[StreamPorts, ...]
    outputs: tuple[StreamPorts, ...]
    errors: tuple[Port, ...] = ()
    others: tuple[Port, ...] = ()
    reset_low: bool = False

    @property
    def signals(self) -> tuple[Port, ...]:
        """The ports but clock and reset, in the order of the top module's."""
        streams = (*self.inputs, *self.outputs)
        of_streams = (port for stream in streams for port in stream.ports)
        return (*of_streams, *self.errors, *self.others)

    @property
    def ports(self) -> tuple[Port, ...]:
        """All ports."""
        return (self.clock, self.reset, *self.signals)

    @property
    def pins(self) -> tuple[str, ...]:
        """Every bit that is a pin if the accelerator is a chip's whole design, the clock first."""
        return tuple(name for port in self.ports for name in port.bit_names)


def _clocking(clock: str, reset: str, reset_low: bool = False) -> tuple[Port, Port]:
    return (
        Port(clock, True, 1, "clock, rising edge"),
        Port(reset, True, 1, f"synchronous reset, active {'low' if reset_low else 'high'}"),
    )


def _elements(of: StreamFormat) -> str:
    if of.slot:
        return f"elements of {of.bits} bits, {of.slot} bits each, from bit 0 up"
    return f"{of.lanes} x {of.bits} bits, from bit 0 up"


def axi4_stream(
    inputs: Mapping[str, StreamFormat],
    outputs: Mapping[str, StreamFormat],
    clock: str,
    reset: str,
    reset_low: bool = False,
) -> Border:
    """Return the border of AXI4-Stream (ARM IHI 0051), and errors.

    Parameters
    ----------
    inputs, outputs : what each stream carries, by what its ports' names begin with, `s_axis` and
        `m_axis` where there is one of them
    """

    def ports(prefix: str, of: StreamFormat, enters: bool) -> StreamPorts:
        damaged = f"with {prefix}_tlast: the result is of a damaged frame"
        kept = "which bytes hold elements: all, but of a frame's last beat"
        keep = Port(f"{prefix}_tkeep", enters, of.tdata_bits // 8, kept) if of.slot else None
        return StreamPorts(
            of,
            Port(f"{prefix}_tdata", enters, of.tdata_bits, _elements(of)),
            Port(f"{prefix}_tvalid", enters, 1, "AXI4-Stream"),
            Port(f"{prefix}_tready", not enters, 1, "AXI4-Stream"),
            Port(f"{prefix}_tlast", enters, 1, "last beat of a frame"),
            None if enters else Port(f"{prefix}_tuser", False, 1, damaged),
            keep,
        )

    return Border(
        BorderKind.AXIS,
        *_clocking(clock, reset, reset_low),
        tuple(ports(prefix, of, True) for prefix, of in inputs.items()),
        tuple(ports(prefix, of, False) for prefix, of in outputs.items()),
        errors=(
            Port("frame_error", False, 1, "a damaged frame came, and no frame_error_clear since"),
            Port("frame_error_clear", True, 1, "held high, an error is high for one clock a frame"),
        ),
        reset_low=reset_low,
    )


def bus(
    kind: BorderKind, ports: Mapping[str, tuple[bool, int]], clock: str, reset: str, reset_low: bool
) -> Border:
    """Return the border of a bus for registers and another for memory.

    Parameters
    ----------
    ports : of each by its name, whether it is an input, and its width
    """
    of = {"s": "registers", "m": "frames in memory", "irq": "interrupt, active high"}
    names = {BorderKind.AXI: ("AXI4-Lite", "AXI4"), BorderKind.WISHBONE: ("Wishbone", "Wishbone")}
    words = dict(zip("sm", names[kind], strict=True))

    def meaning(name: str) -> str:
        end = name.partition("_")[0]
        return f"{words[end]}: {of[end]}" if end in words else of[end]

    return Border(
        kind,
        *_clocking(clock, reset, reset_low),
        inputs=(),
        outputs=(),
        others=tuple(Port(name, *port, meaning(name)) for name, port in ports.items()),
        reset_low=reset_low,
    )

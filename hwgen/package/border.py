"""The border of a package: the ports of its top module, and which signals a stream has there."""

__all__ = ["Border", "BorderKind", "Port", "StreamPorts", "axi4_stream", "plain_streams"]

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from hwgen.package.stream_format import StreamFormat


class BorderKind(StrEnum):
    """What is around the core.

    AXI4_STREAM : whole bytes, TLAST at both ends, damaged frames completed and marked with TUSER
    STREAMS : nothing: the core's own streams of payload, valid and ready, a beat as wide as its
        elements
    """

    AXI4_STREAM = "axi4-stream"
    STREAMS = "streams"


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
    """

    format: StreamFormat
    payload: Port
    valid: Port
    ready: Port
    last: Port | None = None
    marked: Port | None = None

    @property
    def ports(self) -> tuple[Port, ...]:
        """All of them, in order."""
        every = (self.payload, self.valid, self.ready, self.last, self.marked)
        return tuple(port for port in every if port is not None)


@dataclass(frozen=True)
class Border:
    """Everything through which a package's top module is connected.

    Attributes
    ----------
    kind : what is around the core
    clock, reset : rising edge; synchronous, active high
    inputs, outputs : where frames enter, and where results leave, in the order of the network's
    errors : what says that frames came damaged, and takes it back
    """

    kind: BorderKind
    clock: Port
    reset: Port
    inputs: tuple[StreamPorts, ...]
    outputs: tuple[StreamPorts, ...]
    errors: tuple[Port, ...] = ()

    @property
    def signals(self) -> tuple[Port, ...]:
        """The ports but clock and reset, in the order of the top module's."""
        streams = (*self.inputs, *self.outputs)
        return (*(port for stream in streams for port in stream.ports), *self.errors)

    @property
    def ports(self) -> tuple[Port, ...]:
        """All ports."""
        return (self.clock, self.reset, *self.signals)

    @property
    def pins(self) -> tuple[str, ...]:
        """Every bit that is a pin if the accelerator is a chip's whole design, the clock first."""
        return tuple(name for port in self.ports for name in port.bit_names)


def _clocking(clock: str, reset: str) -> tuple[Port, Port]:
    return (
        Port(clock, True, 1, "clock, rising edge"),
        Port(reset, True, 1, "synchronous reset, active high"),
    )


def _elements(of: StreamFormat) -> str:
    return f"{of.lanes} x {of.bits} bits, from bit 0 up"


def axi4_stream(
    inputs: Mapping[str, StreamFormat], outputs: Mapping[str, StreamFormat], clock: str, reset: str
) -> Border:
    """Return the border of AXI4-Stream (ARM IHI 0051), and errors.

    Parameters
    ----------
    inputs, outputs : what each stream carries, by what its ports' names begin with, `s_axis` and
        `m_axis` where there is one of them
    """

    def ports(prefix: str, of: StreamFormat, enters: bool) -> StreamPorts:
        damaged = f"with {prefix}_tlast: the result is of a damaged frame"
        return StreamPorts(
            of,
            Port(f"{prefix}_tdata", enters, of.tdata_bits, _elements(of)),
            Port(f"{prefix}_tvalid", enters, 1, "AXI4-Stream"),
            Port(f"{prefix}_tready", not enters, 1, "AXI4-Stream"),
            Port(f"{prefix}_tlast", enters, 1, "last beat of a frame"),
            None if enters else Port(f"{prefix}_tuser", False, 1, damaged),
        )

    return Border(
        BorderKind.AXI4_STREAM,
        *_clocking(clock, reset),
        tuple(ports(prefix, of, True) for prefix, of in inputs.items()),
        tuple(ports(prefix, of, False) for prefix, of in outputs.items()),
        errors=(
            Port("frame_error", False, 1, "a damaged frame came, and no frame_error_clear since"),
            Port("frame_error_clear", True, 1, "held high, an error is high for one clock a frame"),
        ),
    )


def plain_streams(
    inputs: Mapping[str, StreamFormat], outputs: Mapping[str, StreamFormat], clock: str, reset: str
) -> Border:
    """Return the border of a core with nothing around it: plain streams by their names."""

    def ports(name: str, of: StreamFormat, enters: bool) -> StreamPorts:
        bits = of.lanes * of.bits
        return StreamPorts(
            of,
            Port(f"{name}__payload", enters, bits, _elements(of)),
            Port(f"{name}__valid", enters, 1, "a beat is offered"),
            Port(f"{name}__ready", not enters, 1, "a beat is taken"),
        )

    return Border(
        BorderKind.STREAMS,
        *_clocking(clock, reset),
        tuple(ports(name, of, True) for name, of in inputs.items()),
        tuple(ports(name, of, False) for name, of in outputs.items()),
    )

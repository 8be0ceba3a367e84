"""The link: requests of a host in frames' bodies, an accelerator, and the answers.

A body is a header of type, sequence number and length (two bytes, lowest first), then so many
bytes. Every request whose header arrives is answered once, in order, under its sequence number:

    01 identify, nothing        -> 81: the description of what stands behind the link
    02 infer, one input         -> 82: the outputs
    anything else               -> FF: 01 unknown type, 02 wrong length

An input is the beats of a frame as they stand on AXI4-Stream, the lowest byte first. Of a request
to infer whose body ends before its input does, the answer's body is a byte longer than it says:
its outputs mean nothing.
"""

__all__ = ["Link", "LinkParameters"]

from dataclasses import dataclass

from amaranth import *
from amaranth.lib import data, enum, stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out, connect, flipped

from hwgen_rtl_templates.axi import axi_stream
from hwgen_rtl_templates.frames import frame_byte

HEADER = 4  # bytes: type, sequence number, length
LONGEST = 0xFFFF  # bytes that a length of two can say
JOBS = 4  # requests between reading and answering


class Kind(enum.Enum, shape=2):
    """What is made of a request."""

    IDENTIFY = 0
    INFER = 1
    UNKNOWN = 2
    LENGTH = 3


REQUESTS = {1: Kind.IDENTIFY, 2: Kind.INFER}
ANSWERS = {Kind.IDENTIFY: 0x81, Kind.INFER: 0x82, Kind.UNKNOWN: 0xFF, Kind.LENGTH: 0xFF}
JOB = data.StructLayout({"kind": Kind, "number": 8})


@dataclass(frozen=True)
class LinkParameters:
    """What stands behind the link.

    description : what identification answers with, the same bytes every time
    beat_in, beats_in : bytes of a beat that enters the accelerator, and beats of a frame
    beat_out, beats_out : the same of what leaves it
    """

    description: bytes
    beat_in: int
    beats_in: int
    beat_out: int
    beats_out: int

    def __post_init__(self) -> None:
        sizes = (
            ("Description", len(self.description)),
            ("Input", self.input_bytes),
            ("Output", self.output_bytes),
        )
        for what, size in sizes:
            if not 1 <= size <= LONGEST:
                raise ValueError(f"{what} must take 1 to {LONGEST} bytes, not {size}")

    @property
    def input_bytes(self) -> int:
        """Bytes of an input."""
        return self.beat_in * self.beats_in

    @property
    def output_bytes(self) -> int:
        """Bytes of the outputs of one input."""
        return self.beat_out * self.beats_out

    @property
    def request_bytes(self) -> int:
        """Bytes of the longest request that is not refused."""
        return HEADER + self.input_bytes

    def length(self, kind: Kind) -> int:
        """Return the bytes behind an answer's header."""
        own = {Kind.IDENTIFY: len(self.description), Kind.INFER: self.output_bytes}
        return own.get(kind, 1)


class RequestReader(wiring.Component):
    """Bodies into jobs and inputs.

    Members
    -------
    i : stream of `frame_byte`
    jobs : stream of what to answer, each before its input
    x : AXI4-Stream to the accelerator
    busy : within a body

    An input always gets all its beats, as zeros where its body ends too soon, so that the
    accelerator never waits within a frame for what will not come. Such a frame is damaged on
    purpose, so that its result is marked: TLAST comes a beat late.
    """

    def __init__(self, parameters: LinkParameters):
        self.parameters = parameters
        super().__init__(
            {
                "i": In(stream.Signature(frame_byte())),
                "jobs": Out(stream.Signature(JOB)),
                "x": Out(axi_stream(8 * parameters.beat_in)),
                "busy": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        p = self.parameters
        header = Signal(8 * HEADER, reset_less=True)
        at = Signal(range(max(HEADER, p.beat_in)))
        beat = Signal(range(p.beats_in))
        ended, short = Signal(), Signal()
        byte, last = self.i.payload, Signal()
        m.d.comb += [self.busy.eq(1), last.eq(beat == p.beats_in - 1)]
        m.d.comb += self.x.tlast.eq(last & ~short)
        m.d.comb += self.jobs.payload.number.eq(header[8:16])
        with m.FSM():
            with m.State("HEADER"):
                m.d.comb += [self.i.ready.eq(1), self.busy.eq(at != 0)]
                with m.If(self.i.valid):
                    m.d.sync += [header.eq(Cat(header[8:], byte.data)), ended.eq(byte.last)]
                    m.d.sync += at.eq(Mux(byte.last | (at == HEADER - 1), 0, at + 1))
                    with m.If(at == HEADER - 1):
                        m.next = "JOB"
            with m.State("JOB"):
                self._judge(m, header)
                m.d.comb += self.jobs.valid.eq(1)
                with m.If(self.jobs.ready):
                    with m.If(self.jobs.payload.kind == Kind.INFER):
                        m.next = "INPUT"
                    with m.Else():
                        self._leave(m, ended)
            with m.State("INPUT"):
                m.d.comb += self.i.ready.eq(~ended)
                with m.If(self.i.valid | ended):
                    taken = Mux(ended, 0, byte.data)
                    m.d.sync += self.x.tdata.eq(Cat(self.x.tdata, taken)[8:])
                    m.d.sync += [ended.eq(ended | byte.last), short.eq(short | ended)]
                    m.d.sync += at.eq(Mux(at == p.beat_in - 1, 0, at + 1))
                    with m.If(at == p.beat_in - 1):
                        m.next = "BEAT"
            with m.State("BEAT"):
                m.d.comb += self.x.tvalid.eq(1)
                with m.If(self.x.tready):
                    m.d.sync += beat.eq(Mux(last, 0, beat + 1))
                    m.next = "INPUT"
                    with m.If(last & short):
                        m.next = "LATE"
                    with m.Elif(last):
                        self._leave(m, ended)
            with m.State("LATE"):
                m.d.comb += [self.x.tvalid.eq(1), self.x.tlast.eq(1)]
                with m.If(self.x.tready):
                    m.d.sync += short.eq(0)
                    m.next = "HEADER"
            with m.State("REST"):
                m.d.comb += self.i.ready.eq(1)
                with m.If(self.i.valid & byte.last):
                    m.next = "HEADER"
        return m

    def _judge(self, m: Module, header: Signal) -> None:
        """Say what the request is, and whether it is as long as such a one."""
        kind = self.jobs.payload.kind
        lengths = {Kind.IDENTIFY: 0, Kind.INFER: self.parameters.input_bytes}
        m.d.comb += kind.eq(Kind.UNKNOWN)
        for number, what in REQUESTS.items():
            with m.If(header[:8] == number):
                m.d.comb += kind.eq(Mux(header[16:] == lengths[what], what, Kind.LENGTH))

    def _leave(self, m: Module, ended: Signal) -> None:
        """Go on to the next body."""
        m.next = "REST"
        with m.If(ended):
            m.next = "HEADER"


class Answerer(wiring.Component):
    """Jobs and results into bodies.

    Members
    -------
    jobs : stream of what to answer
    y : AXI4-Stream from the accelerator
    o : stream of `frame_byte`
    refused, done : high for one clock when an error, or results, were sent

    Results that are marked get a byte more than the header says.
    """

    def __init__(self, parameters: LinkParameters):
        self.parameters = parameters
        super().__init__(
            {
                "jobs": In(stream.Signature(JOB)),
                "y": In(axi_stream(8 * parameters.beat_out, user=True)),
                "o": Out(stream.Signature(frame_byte())),
                "refused": Out(1),
                "done": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        p = self.parameters
        job, byte = self.jobs.payload, self.o.payload
        at = Signal(range(max(HEADER, len(p.description), p.output_bytes) + 1))
        place = Signal(range(p.beat_out))  # of a byte in its beat
        length, answer, code = Signal(16), Signal(8), Signal(8)
        with m.Switch(job.kind):
            for kind in Kind:
                with m.Case(kind):
                    m.d.comb += [length.eq(p.length(kind)), answer.eq(ANSWERS[kind])]
        m.d.comb += code.eq(Mux(job.kind == Kind.LENGTH, 2, 1))
        head = Cat(answer, job.number, length)
        known = Const(int.from_bytes(p.description, "little"), 8 * len(p.description))
        sent, result, more = Signal(), Signal(), Signal()
        m.d.comb += [sent.eq(self.o.valid & self.o.ready), result.eq(job.kind == Kind.INFER)]
        m.d.comb += more.eq(result & self.y.tuser & (at != length))  # a byte too many will follow
        with m.FSM():
            with m.State("HEADER"):
                m.d.comb += [
                    self.o.valid.eq(self.jobs.valid),
                    byte.data.eq(head.word_select(at, 8)),
                ]
                with m.If(sent):
                    m.d.sync += at.eq(Mux(at == HEADER - 1, 0, at + 1))
                    with m.If(at == HEADER - 1):
                        m.next = "BODY"
            with m.State("BODY"):
                m.d.comb += [
                    byte.last.eq((at >= length - 1) & ~more),
                    self.o.valid.eq(~result | self.y.tvalid),
                ]
                with m.Switch(job.kind):
                    with m.Case(Kind.INFER):
                        m.d.comb += byte.data.eq(self.y.tdata.word_select(place, 8))
                    with m.Case(Kind.IDENTIFY):
                        m.d.comb += byte.data.eq(known.word_select(at, 8))
                    with m.Default():
                        m.d.comb += byte.data.eq(code)
                with m.If(sent):
                    m.d.sync += at.eq(Mux(byte.last, 0, at + 1))
                    with m.If(result & ~(more & (at == length - 1))):
                        m.d.sync += place.eq(Mux(place == p.beat_out - 1, 0, place + 1))
                        m.d.comb += self.y.tready.eq(place == p.beat_out - 1)
                    with m.If(byte.last):
                        m.d.comb += [self.jobs.ready.eq(1), self.done.eq(result & ~self.y.tuser)]
                        m.d.comb += self.refused.eq((answer == 0xFF) | (result & self.y.tuser))
                        m.next = "HEADER"
        return m


class Link(wiring.Component):
    """A host's requests, an accelerator, and the answers.

    Members
    -------
    i, o : streams of `frame_byte`, from and to the host
    x, y : AXI4-Stream, to and from the accelerator
    busy : a request is being read or waits for its answer
    refused, done : high for one clock when an error, or results, were sent
    """

    def __init__(self, parameters: LinkParameters):
        self.parameters = parameters
        super().__init__(
            {
                "i": In(stream.Signature(frame_byte())),
                "o": Out(stream.Signature(frame_byte())),
                "x": Out(axi_stream(8 * parameters.beat_in)),
                "y": In(axi_stream(8 * parameters.beat_out, user=True)),
                "busy": Out(1),
                "refused": Out(1),
                "done": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.reader = reader = RequestReader(self.parameters)
        m.submodules.answerer = answerer = Answerer(self.parameters)
        m.submodules.jobs = jobs = SyncFIFOBuffered(width=JOB.size, depth=JOBS)
        connect(m, link=flipped(self.i), reader=reader.i)
        connect(m, link=flipped(self.x), reader=reader.x)
        connect(m, link=flipped(self.y), answerer=answerer.y)
        connect(m, link=flipped(self.o), answerer=answerer.o)
        m.d.comb += [
            jobs.w_data.eq(reader.jobs.payload),
            jobs.w_en.eq(reader.jobs.valid),
            reader.jobs.ready.eq(jobs.w_rdy),
            answerer.jobs.payload.as_value().eq(jobs.r_data),
            answerer.jobs.valid.eq(jobs.r_rdy),
            jobs.r_en.eq(answerer.jobs.ready),
            self.busy.eq(reader.busy | jobs.r_rdy),
            self.refused.eq(answerer.refused),
            self.done.eq(answerer.done),
        ]
        return m

"""Bursts: the addresses of frames in memory, a few words at a time."""

__all__ = ["BurstMaker", "BurstParameters", "burst_layout", "manager_ports"]

from dataclasses import dataclass

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hwgen_rtl_templates.borders.accelerator_registers import FRAME_BITS


@dataclass(frozen=True)
class BurstParameters:
    """Frames in memory.

    place_bits : of an address, in words
    words : of a frame
    most : words of a burst at most, a power of two. A burst ends where an address is a multiple of
        that, so that it crosses no boundary which is one
    """

    place_bits: int
    words: int
    most: int

    def __post_init__(self) -> None:
        if self.most & (self.most - 1) or not 1 <= self.most <= 256:
            raise ValueError(f"A burst must take a power of two up to 256 words, not {self.most}")

    @property
    def edge_bits(self) -> int:
        """Bits of a place within the longest burst."""
        return (self.most - 1).bit_length()


def burst_layout(p: BurstParameters) -> data.StructLayout:
    """Return a burst: the place of its first word, its words, and whether it ends a frame."""
    return data.StructLayout({"place": p.place_bits, "words": p.edge_bits + 1, "last": 1})


def manager_ports(
    p: BurstParameters, bus: wiring.Signature, width: int
) -> dict[str, wiring.Member]:
    """Return the members of who reads and writes bursts on a bus, each way in order.

    m : the bus
    reads : bursts to read; what comes has room
    writes : bursts to write; their words are there
    x : words that were read, taken as they come
    y : words to write
    written : high for the clock in which a frame's last burst was acknowledged
    idle : nothing is asked for or under way
    read_fault, write_fault : high for a clock: an answer was an error,
    response : which, as AXI says it
    """
    burst = stream.Signature(burst_layout(p))
    return {
        "m": Out(bus),
        "reads": In(burst),
        "writes": In(burst),
        "x": Out(stream.Signature(width, always_ready=True)),
        "y": In(stream.Signature(width)),
        **{name: Out(1) for name in ("written", "idle", "read_fault", "write_fault")},
        "response": Out(2),
    }


class BurstMaker(wiring.Component):
    """Walk over frames, one after the other `stride` apart; a burst a clock, from registers.

    Members
    -------
    start : high for a clock to begin; `base`, `stride` and `frames` stay as they are meanwhile
    base, stride : places in words
    frames : how many, after which all begins again with `circular`, and otherwise ends
    stop : high for a clock: the frame whose bursts are being made is the last
    kill : high for a clock: at once no burst is offered any more
    busy : from the clock after `start` until the last burst was taken
    o : bursts
    """

    def __init__(self, parameters: BurstParameters):
        self.parameters = p = parameters
        super().__init__(
            {
                "start": In(1),
                "base": In(p.place_bits),
                "stride": In(p.place_bits),
                "frames": In(FRAME_BITS),
                "circular": In(1),
                "stop": In(1),
                "kill": In(1),
                "busy": Out(1),
                "o": Out(stream.Signature(burst_layout(p))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        p, o = self.parameters, self.o
        place = Signal(p.place_bits)  # of the burst that is made
        following = Signal(p.place_bits)  # of the next frame
        left = Signal(range(p.words + 1))  # words of this frame
        frames = Signal(signed(FRAME_BITS + 1))  # after the next one: below 0, this is the last
        making, stopped = Signal(), Signal()
        edge = Signal(p.edge_bits + 1)
        last, moves, begins, again = Signal(), Signal(), Signal(), Signal()
        first = Signal(p.place_bits)
        m.d.comb += [
            edge.eq(p.most - place[: p.edge_bits]),
            last.eq(left <= edge),
            moves.eq(making & (~o.valid | o.ready)),
            begins.eq(self.start | (moves & last)),
            again.eq(self.start | frames[-1]),
            first.eq(Mux(again, self.base, following)),
            self.busy.eq(making | o.valid),
        ]
        with m.If(moves):
            m.d.sync += [
                o.payload.place.eq(place),
                o.payload.words.eq(Mux(last, left, edge)),
                o.payload.last.eq(last),
                left.eq(left - edge),
                place.eq(Cat(C(0, p.edge_bits), place[p.edge_bits :] + 1)),
            ]
        with m.If(begins):
            m.d.sync += [
                left.eq(p.words),
                place.eq(first),
                following.eq(first + self.stride),
                frames.eq(Mux(again, self.frames, frames) - Mux(again, 2, 1)),
            ]
        over = last & (stopped | self.stop | (~self.circular & frames[-1]))
        m.d.sync += [
            stopped.eq((stopped | self.stop) & ~self.start),
            making.eq(self.start | (making & ~self.kill & ~(moves & over))),
            o.valid.eq((moves | (o.valid & ~o.ready)) & ~self.kill & ~self.start),
        ]
        return m

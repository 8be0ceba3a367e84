"""Bursts: the addresses of frames in memory, a few words at a time."""

__all__ = ["BurstMaker", "BurstParameters", "burst_layout"]

from dataclasses import dataclass

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

FRAME_BITS = 32  # of the number of frames


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


class BurstMaker(wiring.Component):
    """Walk over frames, one after the other `stride` apart; a burst a clock.

    Members
    -------
    start : high for a clock to begin; `base`, `stride` and `frames` stay as they are meanwhile
    base, stride : places in words
    frames : how many, after which all begins again with `circular`, and otherwise ends
    stop : high for a clock: the frame whose bursts are being made is the last
    kill : high for a clock: at once no burst is offered any more
    busy : from the clock after `start` until the last burst was taken
    begun : high for the clock in which a frame's first burst is taken
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
                "begun": Out(1),
                "o": Out(stream.Signature(burst_layout(p))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        p, o = self.parameters, self.o
        place = Signal(p.place_bits)
        frame = Signal(p.place_bits)  # where the one after this begins
        left = Signal(range(p.words + 1))  # words of this frame
        frames = Signal(FRAME_BITS)  # after this one
        first = Signal()
        stopped = Signal()
        edge = Signal(p.edge_bits + 1)
        moves, ends = Signal(), Signal()
        at = place[: p.edge_bits]
        m.d.comb += [
            edge.eq(p.most - at),
            o.payload.place.eq(place),
            o.payload.last.eq(left <= edge),
            o.payload.words.eq(Mux(o.payload.last, left, edge)),
            o.valid.eq(self.busy),
            moves.eq(o.valid & o.ready),
            ends.eq(moves & o.payload.last),
            self.begun.eq(moves & first),
        ]
        with m.If(self.start):
            m.d.sync += [
                self.busy.eq(1),
                stopped.eq(0),
                first.eq(1),
                place.eq(self.base),
                frame.eq(self.base + self.stride),
                left.eq(p.words),
                frames.eq(self.frames - 1),
            ]
        with m.Elif(moves):
            m.d.sync += [
                first.eq(ends),
                place.eq(Cat(C(0, p.edge_bits), place[p.edge_bits :] + 1)),
                left.eq(left - edge),
            ]
            with m.If(ends):
                m.d.sync += [
                    left.eq(p.words),
                    place.eq(frame),
                    frame.eq(frame + self.stride),
                    frames.eq(frames - 1),
                ]
                with m.If(stopped | self.stop):
                    m.d.sync += self.busy.eq(0)
                with m.Elif(frames == 0):
                    m.d.sync += [
                        self.busy.eq(self.circular),
                        place.eq(self.base),
                        frame.eq(self.base + self.stride),
                        frames.eq(self.frames - 1),
                    ]
        with m.If(self.stop):
            m.d.sync += stopped.eq(1)
        with m.If(self.kill):
            m.d.sync += self.busy.eq(0)
        return m

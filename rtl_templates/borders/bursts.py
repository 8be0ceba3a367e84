"""Bursts: the addresses of frames in memory, a few words at a time."""

__all__ = ["BurstMaker", "BurstParameters", "burst_layout"]

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
        place, frame = Signal(p.place_bits), Signal(p.place_bits)  # of a burst, of its frame
        left = Signal(range(p.words + 1))  # words of this frame
        frames = Signal(FRAME_BITS)  # after this one
        first, stopped = Signal(), Signal()
        edge = Signal(p.edge_bits + 1)
        moves, ends = Signal(), Signal()
        begins, again = Signal(), Signal()  # a frame, the first frame
        following = Signal(p.place_bits)
        m.d.comb += [
            edge.eq(p.most - place[: p.edge_bits]),
            o.payload.place.eq(place),
            o.payload.last.eq(left <= edge),
            o.payload.words.eq(Mux(o.payload.last, left, edge)),
            o.valid.eq(self.busy),
            moves.eq(o.valid & o.ready),
            ends.eq(moves & o.payload.last),
            self.begun.eq(moves & first),
            again.eq(self.start | (frames == 0)),
            begins.eq(self.start | ends),
            following.eq(Mux(again, self.base, frame + self.stride)),
        ]
        with m.If(begins):
            m.d.sync += [
                first.eq(1),
                left.eq(p.words),
                place.eq(following),
                frame.eq(following),
                frames.eq(Mux(again, self.frames, frames) - 1),
            ]
        with m.Elif(moves):
            m.d.sync += [
                first.eq(0),
                left.eq(left - edge),
                place.eq(Cat(C(0, p.edge_bits), place[p.edge_bits :] + 1)),
            ]
        over = stopped | self.stop | (~self.circular & (frames == 0))
        m.d.sync += [
            stopped.eq((stopped | self.stop) & ~self.start),
            self.busy.eq(self.start | (self.busy & ~self.kill & ~(ends & over))),
        ]
        return m

"""The link: every request against a reference in plain Python, under random stalls."""

import random

import pytest
from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from hwgen_rtl_templates.axi import AxiInput, AxiOutput, BorderParameters
from hwgen_rtl_templates.fifo import Fifo, FifoParameters
from hwgen_rtl_templates.frames import frame_byte
from hwgen_rtl_templates.link import Link, LinkParameters
from support.stream_bench import run

SEED = 31
BEATS = 3
ABOUT = b"\x01\x23\x45\x67\x89\xab\xcd\xef\x06\x00\x03"
PARAMETERS = LinkParameters(ABOUT, 2, BEATS, 1, BEATS)


class Folded(wiring.Component):
    """A link with an accelerator behind it that holds a few beats: the bytes of a beat XORed."""

    def __init__(self, parameters=PARAMETERS):
        self.parameters = parameters
        byte = stream.Signature(frame_byte())
        super().__init__({"i": In(byte), "o": Out(byte)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.link = link = Link(p := self.parameters)
        m.submodules.entry = entry = AxiInput(BorderParameters(2, 8, False, p.beats_in))
        m.submodules.queue = queue = Fifo(FifoParameters(p.beat_out, 8, False, 2))
        border = BorderParameters(p.beat_out, 8, False, p.beats_out, frames=2)
        m.submodules.leave = leave = AxiOutput(border)
        connect(m, outer=flipped(self.i), inner=link.i)
        connect(m, outer=flipped(self.o), inner=link.o)
        connect(m, link.x, entry.axis)
        connect(m, queue.o, leave.i)
        connect(m, leave.axis, link.y)
        folded = entry.o.payload[0] ^ entry.o.payload[1]
        m.d.comb += [
            queue.i.payload.eq(folded.replicate(p.beat_out)),
            queue.i.valid.eq(entry.o.valid),
            entry.o.ready.eq(queue.i.ready),
            entry.room.eq(leave.room),
            leave.entered.eq(entry.entered),
            leave.damaged.eq(entry.damaged),
        ]
        return m


def answer(body, beats=BEATS, wide=1):
    """Return what a body is answered with, empty for one without a whole header."""
    if len(body) < 4:
        return b""
    kind, number, length = body[0], body[1], body[2] | body[3] << 8
    sizes = {1: 0, 2: 2 * beats}
    if kind not in sizes:
        return bytes([0xFF, number, 1, 0, 1])
    if length != sizes[kind]:
        return bytes([0xFF, number, 1, 0, 2])
    if kind == 1:
        return bytes([0x81, number, len(ABOUT), 0]) + ABOUT
    given = body[4:].ljust(2 * beats, b"\0")
    results = [given[n] ^ given[n + 1] for n in range(0, 2 * beats, 2) for _ in range(wide)]
    spare = results[-1:] if len(body) < 4 + 2 * beats else []  # not what was asked for
    return bytes([0x82, number, wide * beats, 0, *results, *spare])


def request(rng, beats=BEATS):
    """A request; one in three is not as it should be: another type, a wrong length, a body
    shorter or longer than it says."""
    number = rng.randrange(256)
    size = 2 * beats
    good = bytes([2, number, size, 0]) + rng.randbytes(size)
    others = (
        bytes([1, number, 0, 0]),
        bytes([rng.randrange(3, 256), number, 6, 0]) + rng.randbytes(rng.randrange(9)),
        bytes([2, number, rng.choice([0, 5, 7, 6]), rng.choice([0, 1])]) + rng.randbytes(6),
        bytes([1, number, 1, 0, 9]),
        good[: rng.randint(1, size + 3)],
        good + rng.randbytes(rng.randint(1, 9)),
    )
    return rng.choice(others) if rng.random() < 0.5 else good


def as_beats(body):
    return [byte | (n == len(body) - 1) << 8 for n, byte in enumerate(body)]


@pytest.mark.parametrize("stalls", [(0.0, 0.0), (0.6, 0.0), (0.0, 0.6), (0.4, 0.4)])
def test_every_request_is_answered_in_order(stalls):
    rng = random.Random(SEED)
    bodies = [request(rng) for _ in range(150)]
    words = [word for body in bodies for word in as_beats(body)]
    expected = [word for body in bodies for word in as_beats(answer(body))]
    before, after = stalls
    seen = run(Folded(), words, len(expected), stall_in=before, stall_out=after, seed=SEED)
    assert seen.outputs == expected, f"seed {SEED}"


@pytest.mark.parametrize(("beats", "wide"), [(1, 1), (1, 2), (2, 3)])
def test_a_request_cut_short_anywhere(beats, wide):
    """In the header, behind it, within any beat: the answer of a whole one is never longer than it
    says, that of a cut one always, and the next is answered as if nothing had been."""
    rng = random.Random(SEED)
    parameters = LinkParameters(ABOUT, 2, beats, wide, beats)
    good = [request(random.Random(seed), beats) for seed in range(4)]
    whole = bytes([2, 7, 2 * beats, 0]) + rng.randbytes(2 * beats)
    bodies = [body for cut in range(1, len(whole) + 1) for body in (whole[:cut], good[cut % 4])]
    words = [word for body in bodies for word in as_beats(body)]
    expected = [word for body in bodies for word in as_beats(answer(body, beats, wide))]
    for before, after in ((0.0, 0.0), (0.3, 0.4)):
        seen = run(
            Folded(parameters), words, len(expected), stall_in=before, stall_out=after, seed=SEED
        )
        assert seen.outputs == expected, f"seed {SEED}"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ((b"", 1, 1, 1, 1), "Description must take 1 to 65535 bytes, not 0"),
        ((bytes(8), 2, 40_000, 1, 1), "Input must take 1 to 65535 bytes, not 80000"),
        ((bytes(8), 1, 1, 0, 1), "Output must take 1 to 65535 bytes, not 0"),
    ],
)
def test_parameters(fields, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        LinkParameters(*fields)

"""The link: every request against a reference in plain Python, under random stalls."""

import random

import pytest
from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from hwgen_rtl_templates.frames import frame_byte
from hwgen_rtl_templates.link import Link, LinkParameters
from support.stream_bench import run

SEED = 31
BEATS = 3
ABOUT = b"\x01\x23\x45\x67\x89\xab\xcd\xef\x06\x00\x03"
PARAMETERS = LinkParameters(ABOUT, 2, BEATS, 1, BEATS)


class Folded(wiring.Component):
    """A link with an accelerator behind it that stores nothing: the bytes of a beat XORed."""

    def __init__(self):
        byte = stream.Signature(frame_byte())
        super().__init__({"i": In(byte), "o": Out(byte)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.link = link = Link(PARAMETERS)
        connect(m, outer=flipped(self.i), inner=link.i)
        connect(m, outer=flipped(self.o), inner=link.o)
        m.d.comb += [
            link.y.tdata.eq(link.x.tdata[:8] ^ link.x.tdata[8:]),
            link.y.tvalid.eq(link.x.tvalid),
            link.x.tready.eq(link.y.tready),
        ]
        return m


def answer(body):
    """Return what a body is answered with, empty for one without a whole header."""
    if len(body) < 4:
        return b""
    kind, number, length = body[0], body[1], body[2] | body[3] << 8
    sizes = {1: 0, 2: 2 * BEATS}
    if kind not in sizes:
        return bytes([0xFF, number, 1, 0, 1])
    if length != sizes[kind]:
        return bytes([0xFF, number, 1, 0, 2])
    if kind == 1:
        return bytes([0x81, number, len(ABOUT), 0]) + ABOUT
    given = body[4:].ljust(6, b"\0")
    return bytes([0x82, number, 3, 0, *(given[n] ^ given[n + 1] for n in (0, 2, 4))])


def request(rng):
    """A request; one in three is not as it should be: another type, a wrong length, a body
    shorter or longer than it says."""
    number = rng.randrange(256)
    good = bytes([2, number, 6, 0]) + rng.randbytes(6)
    others = (
        bytes([1, number, 0, 0]),
        bytes([rng.randrange(3, 256), number, 6, 0]) + rng.randbytes(rng.randrange(9)),
        bytes([2, number, rng.choice([0, 5, 7, 6]), rng.choice([0, 1])]) + rng.randbytes(6),
        bytes([1, number, 1, 0, 9]),
        good[: rng.randint(1, 9)],
        good + rng.randbytes(rng.randint(1, 9)),
    )
    return rng.choice(others) if rng.random() < 0.5 else good


def beats(body):
    return [byte | (n == len(body) - 1) << 8 for n, byte in enumerate(body)]


@pytest.mark.parametrize("stalls", [(0.0, 0.0), (0.6, 0.0), (0.0, 0.6), (0.4, 0.4)])
def test_every_request_is_answered_in_order(stalls):
    rng = random.Random(SEED)
    bodies = [request(rng) for _ in range(150)]
    words = [word for body in bodies for word in beats(body)]
    expected = [word for body in bodies for word in beats(answer(body))]
    before, after = stalls
    seen = run(Folded(), words, len(expected), stall_in=before, stall_out=after, seed=SEED)
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

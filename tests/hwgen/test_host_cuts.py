"""A host that is ended in the middle of a frame or a batch: the next one notices nothing of it."""

import binascii
import os
import random
import select
import threading
import time
import tty

import numpy as np
import pytest

import hwgen
from hwgen.api import choose_frames
from hwgen.building.core import describe
from hwgen.host import Accelerator
from hwgen.host.framing import Unframer, frame
from support.known import chain_of

PATIENCE = 60.0  # seconds: the machine may be busy


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    plan = hwgen.plan(chain_of(["one", "two"]), target="icebreaker", goal="min area")
    return hwgen.generate(plan, tmp_path_factory.mktemp("host") / "small")


@pytest.fixture(scope="module")
def port(package):
    with package.simulated_board() as port:
        yield port


def put(port, data):
    """Send bytes as a process that is ended right behind them."""
    line = os.open(port, os.O_RDWR | os.O_NOCTTY)
    try:
        tty.setraw(line)
        os.write(line, data)
    finally:
        os.close(line)


def test_a_frame_is_cut_anywhere(package, port):
    """In its header, within a beat, an escape, the CRC: what comes next is exact."""
    x = choose_frames(package.network, 30, 1)
    y = package.network.run(x)
    size = package.manifest.inputs[0].beats * package.manifest.inputs[0].tdata_bits // 8
    body = bytes([2, 0x7D, size & 0xFF, size >> 8]) + bytes(range(0x78, 0x78 + size))
    line = frame(body)
    short = [body[:cut] for cut in (1, 4, 5, len(body) - 1)]  # whole frames of cut requests
    cuts = [line[:at] for at in (1, 2, 3, 7, len(line) // 2, len(line) - 3, len(line) - 1)]
    for data in (*cuts, *map(frame, short), frame(body) + line[:9], b"\x7d"):
        put(port, data)
        with Accelerator(port, package.network, timeout=PATIENCE) as accelerator:
            assert np.array_equal(accelerator.infer(x[:10]), y[:10]), data.hex()
            assert accelerator.last.lost == 0


class Slow(threading.Thread):
    """A board on a pseudo-terminal whose answers to an earlier host come out at last, when the
    next one speaks for the first time: such as that one would number its own, and wrong."""

    def __init__(self, about, answer, left_over):
        super().__init__(daemon=True)
        self._line, other = os.openpty()
        tty.setraw(other)
        self._other, self.port = other, os.ttyname(other)
        self._about, self._answer, self._left_over = about, answer, left_over
        self.stop = False

    def run(self):
        unframer, first = Unframer(), True
        while not self.stop:
            if not select.select([self._line], [], [], 0.05)[0]:
                continue
            for body in unframer.feed(os.read(self._line, 4096)):
                for answer in self._left_over if first else ():
                    os.write(self._line, frame(answer))
                    time.sleep(0.001)  # as the accelerator makes them
                first = False
                kind, data = (0x81, self._about) if body[0] == 1 else (0x82, self._answer(body[4:]))
                head = bytes([kind, body[1]]) + len(data).to_bytes(2, "little")
                os.write(self._line, frame(head + data))


@pytest.mark.parametrize("flying", [3, 66, 127])
def test_answers_to_a_host_before(package, flying):
    """As many as may be under way, in order, with the probes among them that a host asks."""
    about = describe(package.manifest)
    size = about.output.beats * about.output.tdata_bits // 8
    wrong = bytes([0x82, 0, size & 0xFF, size >> 8]) + bytes(size)
    who = about.encode()
    asked = bytes([0x81, 1, len(who) & 0xFF, len(who) >> 8]) + who
    numbers = [n % 256 for n in range(1, 1 + flying)]
    left_over = [
        (asked[:1] if n % 7 == 1 else wrong[:1])
        + bytes([n])
        + (asked[2:] if n % 7 == 1 else wrong[2:])
        for n in numbers
    ]

    def answer(data):
        return binascii.crc32(data).to_bytes(4, "little") * (size // 4) + bytes(
            random.Random(data).randbytes(size % 4)
        )

    board = Slow(who, answer, left_over)
    board.start()
    try:
        x = choose_frames(package.network, 20, 2)
        with Accelerator(board.port, timeout=PATIENCE) as accelerator:
            y = accelerator.infer(x)
        stream = about.input
        packed = stream.pack(x)
        wide = stream.tdata_bits // 8
        each = stream.beats * wide
        raw = [
            b"".join(packed[at : at + wide][::-1] for at in range(start, start + each, wide))
            for start in range(0, len(packed), each)
        ]
        made = b"".join(map(answer, raw))
        step = about.output.tdata_bits // 8
        swapped = b"".join(made[at : at + step][::-1] for at in range(0, len(made), step))
        assert np.array_equal(y, about.output.unpack_bytes(swapped))
    finally:
        board.stop = True
        board.join()

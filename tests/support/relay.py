"""A serial line that flips, loses and inserts bytes, and keeps count of what it hit."""

import contextlib
import os
import random
import select
import threading
import tty

FLAG = 0x7E


class Direction:
    """One way of the line.

    hit : numbers of the frames of which a byte was damaged, an insertion before one included
    damages : how many bytes were
    """

    def __init__(self, seed, chance, most):
        self.hit, self.damages = set(), 0
        self._rng, self._chance, self._most = random.Random(seed), chance, most
        self._frame, self._inside = 0, False

    def carry(self, data):
        """Return what becomes of the bytes."""
        out = bytearray()
        for byte in data:
            frame = self._frame
            if byte == FLAG:
                self._frame += self._inside
                self._inside = not self._inside
            if self.damages >= self._most or self._rng.random() >= self._chance:
                out.append(byte)
                continue
            self.damages += 1
            self.hit.add(frame)
            kind = self._rng.randrange(3)
            if kind == 0:
                out.append(byte ^ 1 << self._rng.randrange(8))
            elif kind == 1:
                out += bytes([self._rng.choice([0x7D, FLAG, self._rng.randrange(256)]), byte])
        return bytes(out)


class Relay:
    """A pseudo-terminal in front of another one.

    port : what the host opens
    there, back : the two directions
    """

    def __init__(self, port, there, back):
        self.there, self.back = there, back
        self._board = os.open(port, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self._board)
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.port = os.ttyname(self._slave)
        self._stop, self._wake = os.pipe()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        os.write(self._wake, b"x")
        self._thread.join(10)
        for descriptor in (self._board, self._master, self._slave, self._stop, self._wake):
            os.close(descriptor)

    def _run(self):
        ways = {
            self._master: (self._board, self.there),
            self._board: (self._master, self.back),
        }
        with contextlib.suppress(OSError):
            while True:
                ready, _, _ = select.select([*ways, self._stop], [], [])
                if self._stop in ready:
                    return
                for end in ready:
                    other, way = ways[end]
                    data = way.carry(os.read(end, 4096))
                    while data:
                        data = data[os.write(other, data) :]

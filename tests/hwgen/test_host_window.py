"""How many requests may be on their way to a board: as many as it has room for, and 64 at most."""

import time

import pytest

from hwgen.host import Accelerator, Description
from hwgen.host.accelerator import IDENTIFY, IDENTITY, INFER, RESULT
from hwgen.package.stream_format import StreamFormat


@pytest.mark.parametrize(
    ("room", "beats", "requests"),
    [
        (512, 9, 39),  # of 13 bytes each, 507 in all
        (519, 9, 39),
        (520, 9, 40),
        (4096, 9, 64),
        (16, 100, 1),  # one has to be sent, whatever the board says
    ],
)
def test_requests_on_their_way(room, beats, requests):
    frame = StreamFormat(1, 5, True, 8, (1, 1, beats), (1, 1, beats))
    accelerator = Accelerator.__new__(Accelerator)  # without a port
    accelerator.description = Description(bytes(8), room, frame, frame)
    assert accelerator._window == requests


class SpoilingLine:
    """A line to a board that answers each request at once; the first answers arrive damaged."""

    port = "a line"

    def __init__(self, spoilt):
        self.damaged, self._spoilt, self._asked = 0, spoilt, []

    def send(self, body):
        self._asked.append(body)

    def receive(self, seconds):
        time.sleep(seconds)
        asked, self._asked = self._asked, []
        if asked and self._spoilt:
            self._spoilt -= 1
            self.damaged += 1
            return []
        return [bytes([RESULT, body[1], 1, 0, 7]) for body in asked if body[0] == INFER] + [
            bytes([IDENTITY, body[1], 0, 0]) for body in asked if body[0] == IDENTIFY
        ]


def test_a_board_whose_answers_are_spoilt_is_not_silent(monkeypatch):
    """It is asked again soon: with longer and longer pauses chance alone may take a minute."""
    monkeypatch.setattr("hwgen.host.accelerator.QUIET", 0.01)
    frame = StreamFormat(1, 5, True, 8, (1, 1, 1), (1, 1, 1))
    accelerator = Accelerator.__new__(Accelerator)
    accelerator.description = Description(bytes(8), 512, frame, frame)
    accelerator._line, accelerator._number, accelerator._timeout = SpoilingLine(8), 0, 0.8
    assert [data for _, data in accelerator._answers([b"\1"]) if data] == [b"\7"]

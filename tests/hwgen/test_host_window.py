"""How many requests may be on their way to a board: as many as it has room for, and 64 at most."""

import pytest

from hwgen.beats import Stream
from hwgen.host import Accelerator, Description


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
    frame = Stream(1, 5, True, 8, (1, 1, beats), (1, 1, beats))
    accelerator = Accelerator.__new__(Accelerator)  # without a port
    accelerator.description = Description(bytes(8), room, frame, frame)
    assert accelerator._window == requests

"""The register between link and frames: nothing is lost or doubled, whoever waits."""

import pytest

from hwgen_boards.core import RegisterSlice, room_for
from support.stream_bench import run


@pytest.mark.parametrize("stalls", [(0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.4, 0.4)])
def test_what_enters_leaves(stalls):
    before, after = stalls
    words = [7 * n % 256 for n in range(60)]
    seen = run(RegisterSlice(8), words, len(words), stall_in=before, stall_out=after, seed=3)
    assert seen.outputs == words
    if not any(stalls):
        assert seen.taken == [2 * n for n in range(60)]
        assert seen.emitted == [2 * n + 1 for n in range(60)]


@pytest.mark.parametrize(
    ("request_bytes", "room"), [(1, 512), (256, 512), (257, 1024), (512, 1024), (513, 2048)]
)
def test_room_is_that_of_two_requests(request_bytes, room):
    assert room_for(request_bytes) == room

"""Running maxima: values beside a NumPy reference under stalls, clocks by their schedule."""

import numpy as np
import pytest

from hwgen_rtl_templates.running_maximum import RunningMaximumParameters
from support.stream_bench import check_under_stalls, pack

CASES = {  # channels, height, width, kernel, lanes, bits, signed, styles
    "squares": (4, 4, 6, (2, 2), 2, 3, True, ("distributed", "distributed")),
    "one lane": (3, 4, 4, (2, 2), 1, 4, False, (None, None)),
    "edges left over": (2, 7, 8, (2, 3), 1, 4, True, ("block", "block")),
    "whole pixels": (4, 5, 5, (3, 3), 4, 2, True, (None, None)),
    "rows alone": (2, 3, 9, (1, 4), 2, 5, False, ("block", "block")),
    "columns alone": (6, 9, 2, (4, 1), 3, 3, True, ("block", "block")),
    "the whole frame": (5, 3, 3, (3, 3), 5, 4, True, (None, None)),
    "a circle of many": (8, 4, 6, (2, 2), 1, 3, True, ("block", "block")),
    "one value": (3, 2, 2, (1, 1), 1, 2, True, (None, None)),
    "a queue": (4, 6, 6, (2, 2), 1, 3, True, ("distributed", "distributed"), 5),
    "a queue that shifts": (4, 5, 6, (2, 2), 2, 3, True, (None, None), 3, True),
    "a deep queue": (2, 4, 4, (2, 2), 2, 3, True, (None, None), 70),
}


def reference(p, frames):
    """Return the maxima of frames, (frames, height, width, channels), in the order they leave."""
    (high, wide), found = p.kernel, []
    for frame in frames:
        for y in range(p.height // high):
            for x in range(p.width // wide):
                window = frame[y * high : (y + 1) * high, x * wide : (x + 1) * wide]
                found += window.max(axis=(0, 1)).reshape(-1, p.lanes).tolist()
    return found


@pytest.mark.parametrize("case", CASES)
def test_values_and_clocks(case):
    p = RunningMaximumParameters(*CASES[case])
    rng = np.random.default_rng(len(case))
    lo, hi = (-(1 << p.bits - 1), 1 << p.bits - 1) if p.signed else (0, 1 << p.bits)
    frames = rng.integers(lo, hi, (3, p.height, p.width, p.channels))
    frames[0].ravel()[::2] = lo  # nothing is below the least, which a window may hold alone
    beats = [pack(row, p.bits) for row in frames.reshape(-1, p.lanes).tolist()]
    wanted = reference(p, frames)
    assert p.departures(len(beats)) == len(wanted)
    check_under_stalls(p, beats, wanted)


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="Number of lanes must divide the 4 channels"):
        RunningMaximumParameters(4, 4, 4, (2, 2), 3, 4, True)
    with pytest.raises(ValueError, match="must not exceed the image"):
        RunningMaximumParameters(4, 2, 4, (3, 3), 1, 4, True)

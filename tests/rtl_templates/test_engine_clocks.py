"""Engines: not only do results leave on the clocks of the schedule, words also enter on them."""

import pytest
from stream_bench import pack, run
from test_engine import array_case, pool_case
from test_pasm import pasm_case

from rtl_templates.engine import Engine
from rtl_templates.timing import Link, evaluate, sink, source

CASES = [(array_case, 4), (pool_case, 6), (pasm_case, 8)]  # quick, with small line buffers


@pytest.mark.parametrize(("kind", "seed"), CASES, ids=lambda of: getattr(of, "__name__", of))
def test_words_enter_as_the_schedule_says(kind, seed):
    """More are offered than the line buffer holds, so that each row that is read makes room."""
    engine, frames, _ = kind(seed)
    window = engine.window
    beats = [
        pack(pixel[n : n + window.word], window.bits)
        for frame in frames
        for row in frame
        for pixel in row
        for n in range(0, window.channels, window.word)
    ]
    assert len(beats) > 2 * window.depth
    i, o = Link(), Link()
    count = engine.departures(len(beats))
    parts = [source(i, [0] * len(beats)), *engine.processes([i], [o], len(beats)), sink(o, count)]
    evaluate(parts, [i, o])
    seen = run(Engine(engine), beats, count)
    assert seen.emitted == o.taken, f"seed {seed}"
    assert seen.taken == i.taken[: len(seen.taken)], f"seed {seed}"
    assert len(seen.taken) > len(beats) - window.depth

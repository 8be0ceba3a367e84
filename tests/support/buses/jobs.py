"""Jobs for the bench: what it needs to know of a system, and of what its frames become."""

import random

from hwgen_rtl_templates.borders.accelerator_registers import MAGIC


def job_of(p, frames, results, *, low=False, count=12, seed=1, beats_a_clock=None, patience=1000):
    """Return the job of a system.

    Parameters
    ----------
    p : `SystemParameters`
    frames, results : bytes of each, whole words
    low : whether its reset is active low
    patience : clocks that a frame may take
    beats_a_clock : clocks beyond a word a clock that a long run may take; None: it is no measure
    """
    mover = p.mover
    named = {name: (register, field) for name, register, field in p.registers.named()}
    return {
        "bus": mover.bus,
        "low": low,
        "width": mover.width,
        "words_in": mover.words_in,
        "words_out": mover.words_out,
        "spare": mover.width // 8 - mover.last_bytes,
        "burst": mover.burst,
        "queue": mover.queue,
        "registers": {
            name: (register.address, field.low, field.bits)
            for name, (register, field) in named.items()
        },
        "facts": {
            "magic": MAGIC,
            **{
                name: field.value
                for name, (_, field) in named.items()
                if field.access.value == "constant"
            },
        },
        "frames": [frame.hex() for frame in frames],
        "results": [result.hex() for result in results],
        "count": count,
        "seed": seed,
        "patience": patience,
        "beats_a_clock": beats_a_clock,
    }


def loop_job(p, **more):
    """Return the job of a system around a loop."""
    rng = random.Random(p.mover.words_in)
    step = p.mover.width // 8
    frames = [rng.randbytes(p.mover.words_in * step) for _ in range(9)]
    kept = p.mover.words_out * step
    results = [bytes(255 - byte for byte in frame[-kept:]) for frame in frames]
    return job_of(p, frames, results, **more)

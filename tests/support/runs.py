"""Runs of a comparison, to show and to damage."""

from dataclasses import replace

from hwgen.report import Row, Run

HOSTILE = "</script><img src=x onerror=\"document.title='owned'\"><!--'&"
LAYERS = (
    {"name": "conv1", "pe": 2, "simd": 3, "busy": 100, "macs": 600, "luts": 250, "ffs": 90},
    {"name": "fc", "pe": 1, "simd": 4, "busy": 70, "macs": 280, "luts": 80, "ffs": 50},
)


def row(network, target, luts, accuracy, **more):
    """Return a row in which only what a test looks at differs."""
    known = {
        **{"goal": "1000 fps", "stage": "synth", "accuracy": accuracy, "luts": luts, "ffs": luts},
        **{"estimated_luts": luts - 3, "dsps": 1, "block_rams": 2, "clock_mhz": 100.0},
        **{"interval": 100, "latency": 250, "frames_per_second": 1e8 / luts, "equal": 40},
        **{"compared": 40, "violations": 0, "weight_bytes": luts // 2, "macs": 880, "units": 10},
        **{"stream_bytes": 74.0, "beat_bytes": 2.0, "layers": LAYERS},
    }
    return Row(network, target, **known | more)


RUN = Run(
    "digits, synth",
    "hwgen compare digits_task.py:task --stage synth",
    "synth",
    (
        row("int8", "ulx3s-85f", 3000, 0.99),
        row("int4", "ulx3s-85f", 1500, 0.98),
        row("binary", "ulx3s-85f", 700, 0.91),
        row("int8", "icebreaker", 4100, 0.99),
        row("int4", "icebreaker", 2100, 0.98),
        Row("binary", "icebreaker", "1000 fps", stage="synth", error="conv1: does not fit"),
    ),
    {
        "ulx3s-85f": {"luts": 83640, "ffs": 83640, "dsps": 156, "block_rams": 208},
        "icebreaker": {"luts": 5280, "ffs": 5280, "dsps": 0, "block_rams": 30},
    },
)


SURROGATES = "half \ud800 a pair \udcff, \x00\x1b[31m and 💾"


def extreme():
    """A run that is as far out as one may be, in all its fields."""
    least = dict.fromkeys(("luts", "ffs", "dsps", "block_rams"), 0)
    far = {
        **{"luts": 1 << 48, "ffs": 0, "clock_mhz": 1e-6, "fmax_mhz": 1e9, "latency": 1 << 48},
        **{"accuracy": -1e15, "float_accuracy": 1e15, "frames_per_second": 1e15, "energy_nj": 0.0},
        **{"interval": 0, "macs": 1 << 48, "units": 1 << 48, "stream_bytes": 1e-3},
        **{"beat_bytes": 1e15, "power_mw": 5e-324, "equal": 0, "compared": 0},
        "layers": ({"name": SURROGATES, "busy": 1 << 48, "luts": 0, "more": None},),
    }
    rows = (
        replace(row(SURROGATES, "__proto__", 9, 0.0), **far),
        row("constructor", "ulx3s-85f", 9, None, fmax_mhz=None, clock_mhz=None),
        replace(row("", "", 9, 1.0), **far | {"goal": "", "folding": "\n| <b>", "latency": 0}),
    )
    return replace(
        RUN, title=SURROGATES, command=SURROGATES, rows=rows, targets={"__proto__": least, "": {}}
    )

"""The cocotb test: wait until the harness is done, then write down what it saw.

No Python runs in a simulated cycle. The harness (`harness.v`) drives the package, checks it and
writes `events.txt`; this turns the events into `result.json`, in the folder of the run:

    {"cycles": 1384, "accepted": {"0": 1280}, "emitted": {"0": 40}, "stuck": false, "resets": 0,
     "starts": {"0": [0, 64, ...]}, "ends": {"0": [79, 143, ...]},
     "violations": [{"rule": 0, "end": 0, "count": 3, "first": 17}, ...],
     "taps": {"0": ["1f", "02", ...], ...}}
"""

__all__ = ["read_events", "run_to_the_end"]

import json
from pathlib import Path
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge


def read_events(text: str) -> dict[str, Any]:
    """Return the result that the lines of events.txt tell. A reset voids what came before it.

    Raises
    ------
    ValueError : a line that the harness does not write, or no last line
    """
    result: dict[str, Any] = {}
    resets = -1  # the first one starts the run
    for line in text.splitlines():
        match line.split():
            case ["R"]:
                resets += 1
                result = {name: {} for name in ("starts", "ends", "accepted", "emitted", "taps")}
                result["violations"] = []
            case ["S", source, cycle]:
                result["starts"].setdefault(source, []).append(int(cycle))
            case ["E", sink, cycle]:
                result["ends"].setdefault(sink, []).append(int(cycle))
            case ["T", layer, payload]:
                result["taps"].setdefault(layer, []).append(payload)
            case ["V", *numbers]:
                rule, end, count, first = map(int, numbers)
                result["violations"].append(
                    {"rule": rule, "end": end, "count": count, "first": first}
                )
            case ["I", source, beats]:
                result["accepted"][source] = int(beats)
            case ["O", sink, beats]:
                result["emitted"][sink] = int(beats)
            case ["D", cycles, stuck]:
                result["cycles"] = int(cycles)
                result["stuck"] = stuck == "1"
            case _:
                raise ValueError(f"Line of events.txt must be an event, not {line!r}")
    if "cycles" not in result:
        raise ValueError("The last line of events.txt must say that the run is done")
    return {**result, "resets": resets}


@cocotb.test()  # type: ignore[untyped-decorator, unused-ignore]
async def run_to_the_end(dut: Any) -> None:
    """Let the harness run, and write result.json."""
    await RisingEdge(dut.done)
    result = read_events(Path("events.txt").read_text())
    unfinished = Path("result.json.part")
    unfinished.write_text(json.dumps(result))
    unfinished.replace("result.json")

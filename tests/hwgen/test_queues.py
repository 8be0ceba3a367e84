"""Queues: what the schedule says that they hold is what they hold, and none can block."""

import re
import subprocess

import numpy as np
import pytest

import hwgen
from hwgen.codegen.entries import instances_of
from hwgen.formats import Fixed
from hwgen.network import Conv2d, Input, Requantize
from support.networks import GRAPH, chain, random_network
from support.whole import check_simulated, planned, random_goal

FRAMES = 4  # that a package's own testbench sends


def marks(package, plan, folder):
    """Return the most that each queue holds in simulation: the package's own testbench, and a
    module beside it that watches the levels."""
    instances = instances_of(plan)
    paths = {}
    for placed in plan.assembly.parts:
        if placed.name in plan.timing.held:
            inner = "fifo." if hasattr(placed.part, "fifo") else ""
            paths[placed.name] = f"dut.{instances[placed.name]}.{inner}level"
    top = package.manifest.top
    lines = ["module watch;"]
    for n, path in enumerate(paths.values()):
        lines += [
            f"  integer most{n} = 0;",
            f"  always @({top}__tb.{path}) if ({top}__tb.{path} > most{n})",
            f"    most{n} = {top}__tb.{path};",
        ]
    lines += [
        "  final begin",
        *(f'    $display("mark {n} %0d", most{n});' for n in range(len(paths))),
    ]
    (folder / "watch.v").write_text("\n".join([*lines, "  end", "endmodule", ""]))
    sources = [package.verilog, package.folder / f"{top}_tb.v", folder / "watch.v"]
    command = ["iverilog", "-g2012", "-s", f"{top}__tb", "-s", "watch", "-o", folder / "watch.vvp"]
    command += [*sources, *sorted(package.folder.glob("primitives/*.v"))]
    subprocess.run(list(map(str, command)), check=True, cwd=package.folder)
    done = subprocess.run(
        ["vvp", "-n", str(folder / "watch.vvp")], capture_output=True, text=True, cwd=package.folder
    )
    assert "PASS" in done.stdout, done.stdout
    found = dict(re.findall(r"^mark (\d+) (\d+)$", done.stdout, re.MULTILINE))
    return {name: int(found[str(n)]) for n, name in enumerate(paths)}


def wide():
    """A layer whose accumulators leave one by one: a queue of more beats than LUT memory holds."""
    rng = np.random.default_rng(0)
    weight = rng.integers(-3, 4, (70, 8, 3, 3))
    return chain(
        Input((8, 5, 5), Fixed(4, False), [1.0]),
        Conv2d(weight, rng.integers(-9, 9, 70), Fixed(3), [1.0]),
        Requantize([77], 9, Fixed(4, False), [1.0]),
    )


@pytest.mark.parametrize(
    "seed", [0, 5, *(pytest.param(n, marks=pytest.mark.slow) for n in (9, 11, 12, 16))]
)
def test_schedule_knows_what_queues_hold(seed, tmp_path):
    plan = planned(random_network(seed, GRAPH), random_goal(seed))
    package = hwgen.generate(plan, tmp_path / "net")
    expected = plan.timing_of(FRAMES).held
    assert expected and any(b.source for b in plan.depths)
    assert marks(package, plan, tmp_path) == expected, f"seed {seed}"


def test_deep_queue(tmp_path):
    choices = ["n1.pe=70", "n1.simd=1", "n1.lanes=1", "n1.parallel=0", "n1.serial=0"]
    plan = hwgen.plan(wide(), target="ulx3s-85f", goal="min area", overrides=choices)
    assert plan.stages[0].core.fifo.deep
    package = hwgen.generate(plan, tmp_path / "net")
    assert marks(package, plan, tmp_path) == plan.timing_of(FRAMES).held
    check_simulated(package, plan, 3)

"""Plans and packages of small networks, for the tests of what codegen writes."""

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np

import hwgen
from hwgen.errors import PlanError
from hwgen.formats import Fixed
from hwgen.network import Conv2d, Input, Network, Node, Requantize


def planned(network, goal=300_000.0, target="ulx3s-85f"):
    """Return a plan at a goal that the network can reach."""
    while True:
        try:
            return hwgen.plan(network, target=target, goal=f"{goal:.0f} fps")
        except PlanError:
            goal /= 2


TINY_CLOCK = 18_000_000  # of a PLL, and only six times the line's rate: less to simulate
TINY_BAUD = 3_000_000


def tiny_board(folder: Path, **more):
    """Return what is built of a tiny network for an iCEBreaker; tests that ask for it share one
    synthesis."""
    network = chain_of(["one", "two"], seed=11)
    network.save(folder / "tiny.net")
    return hwgen.build(
        folder / "tiny.net",
        folder / "out",
        target="icebreaker",
        goal="min area",
        clock_hz=TINY_CLOCK,
        baud=TINY_BAUD,
        **more,
    )


def chain_of(names, seed=0) -> Network:
    """Return a network of 1 x 1 convolutions with these names, each with a requantizer."""
    rng = np.random.default_rng(seed)
    nodes = [Node("the input", Input((2, 3, 3), Fixed(3), [0.5], 0))]
    for number, name in enumerate(names):
        conv = Conv2d(
            weight=rng.integers(-1, 2, (2, 2, 1, 1)),
            bias=rng.integers(-2, 3, 2),
            weight_format=Fixed(2),
            weight_scale=[0.25],
        )
        down = Requantize([1], [1], Fixed(3), [0.5])
        nodes.append(Node(name, conv, (nodes[-1].name,)))
        nodes.append(Node(f"requantize {number}", down, (nodes[-1].name,)))
    return Network(tuple(nodes))


def tools_only(folder: Path, *names: str) -> dict[str, str]:
    """Return an environment whose PATH holds these programs and a shell's necessities only."""
    folder.mkdir(exist_ok=True)
    for name in ("sh", "mkdir", "rm", *names):
        found = shutil.which(name)
        assert found, f"{name} must be installed for this test"
        (folder / name).symlink_to(found)
    kept = {key: os.environ[key] for key in ("HOME", "TMPDIR") if key in os.environ}
    return {"PATH": str(folder), **kept}


def run(command, cwd, env):
    """Run a command to its end; return its status and all it printed."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env=env,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout

"""Small packages, and the programs that tests of packages run."""

import os
import shutil
import subprocess
from pathlib import Path

import hwgen
from support.known import chain_of

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

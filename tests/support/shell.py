"""Commands as a shell runs them, in a world of their own: cache, temporary folder, programs."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from hwgen.cache import Cache
from hwgen.package.manifest import MANIFEST, read_manifest

MARK = "HWGEN_TEST_MARK"  # in the environment of all that a test starts
Done = subprocess.CompletedProcess[str]
PATIENCE = 10.0  # seconds in which what is killed has to be gone


@dataclass(frozen=True)
class World:
    """Folders that nothing else uses.

    Attributes
    ----------
    root : of them all
    program : what Python runs as `hwgen`
    """

    root: Path
    program: tuple[str, ...] = ("-m", "hwgen")

    @property
    def cache(self) -> Path:
        """The cache of results."""
        return self.root / "cache"

    @property
    def temporary(self) -> Path:
        """The temporary folder."""
        return self.root / "tmp"

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of a command in this world."""
        self.temporary.mkdir(exist_ok=True)
        own = {
            "HWGEN_CACHE": str(self.cache),
            "TMPDIR": str(self.temporary),
            "COLUMNS": "200",
            "TERM": "dumb",
            MARK: str(self.root),
        }
        return os.environ | own | more

    def start(self, *arguments: object, limit=None, **more: str) -> "subprocess.Popen[str]":
        """Start `hwgen ARGUMENTS` in a process group of its own, in the world's root."""
        return subprocess.Popen(
            [sys.executable, *self.program, *map(str, arguments)],
            cwd=self.root,
            env=self.environment(**more),
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=limit,
            start_new_session=True,
        )

    def run(
        self, *arguments: object, limit=None, **more: str
    ) -> "subprocess.CompletedProcess[str]":
        """Run `hwgen ARGUMENTS` to its end."""
        return finish(self.start(*arguments, limit=limit, **more))

    def processes(self) -> list[str]:
        """Return the commands of this world that are alive."""
        found = []
        for folder in Path("/proc").iterdir():
            try:
                if not folder.name.isdigit() or int(folder.name) == os.getpid():
                    continue
                variables = (folder / "environ").read_bytes().split(b"\0")
                if f"{MARK}={self.root}".encode() in variables:
                    found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:  # it has just ended
                continue
        return found

    def is_quiet(self) -> bool:
        """Say whether all processes of this world end soon."""
        deadline = time.monotonic() + PATIENCE
        while self.processes():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    def leftovers(self) -> list[str]:
        """Return the temporary files and folders that are there, hwgen's and its tools'.

        Torch keeps a cache of its own in the temporary folder, which later runs use again.
        """
        places = (self.root.glob(".*"), self.temporary.iterdir(), self.cache.glob(".*"))
        found = [path for place in places for path in place]
        own = [path for path in found if not path.name.startswith("torchinductor_")]
        return sorted(str(path.relative_to(self.root)) for path in own)


def finish(process: "subprocess.Popen[str]", seconds=300) -> Done:
    """Wait for a command."""
    out, errors = process.communicate(timeout=seconds)
    return subprocess.CompletedProcess(process.args, process.returncode, out, errors)


def kill(process: "subprocess.Popen[str]", whole_group: bool) -> None:
    """Kill -9 a command, or the whole process group that a shell would give it."""
    if whole_group:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.communicate(timeout=30)


def check_package(folder: Path) -> None:
    """Check that a package, if there is one, is whole."""
    if not folder.exists():
        return
    wanted = {*read_manifest(folder).files, MANIFEST}
    there = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    assert there == wanted


def check_cache(root: Path) -> int:
    """Check that every entry of a cache is whole, and return how many there are."""
    entries = [path for path in root.glob("??/*") if path.is_dir()]
    cache = Cache(root)
    for entry in entries:
        names = {p.relative_to(entry).as_posix() for p in entry.rglob("*") if p.is_file()}
        assert set(json.loads((entry / "complete.json").read_text())) == names - {"complete.json"}
    assert cache.root == root
    return len(entries)


def refused(done: Done) -> str:
    """Return the one message of a command that failed by the user's error."""
    where = f"status {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert done.returncode == 1, where
    lines = [line for line in done.stderr.splitlines() if line.startswith("hwgen: ")]
    assert len(lines) == 1, where
    message = done.stderr[done.stderr.index(lines[0]) :]
    assert not [line for line in done.stderr.splitlines() if line.startswith("Traceback")], where
    return message


def shadow(folder: Path, without: tuple[str, ...] = ()) -> Path:
    """Make a copy, of links, of this Python environment, without these packages and programs.

    Its `bin` is where hwgen looks for programs first; the path of its Python is returned.
    """
    real = Path(sys.executable).absolute().parent
    series = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = folder / "lib" / series / "site-packages"
    packages.mkdir(parents=True)
    (folder / "bin").mkdir()
    shutil.copyfile(real.parent / "pyvenv.cfg", folder / "pyvenv.cfg")
    for source, target in (
        (real, folder / "bin"),
        (real.parent / "lib" / series / "site-packages", packages),
    ):
        for path in source.iterdir():
            if path.name not in without:
                (target / path.name).symlink_to(path)
    return folder / "bin" / "python"


def fake(folder: Path, name: str, script: str) -> None:
    """Put a shell script in the place of a program."""
    path = folder / name
    path.unlink(missing_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


# FROM test_kills VERBS VERBS
VERBS = {
    "generate": ("generate", "tiny.net", "-o", "out"),
    "simulate": ("simulate", "tiny", "--simulator", "icarus", "--frames", "4", "--json", "-"),
    "verilator": ("simulate", "tiny", "--frames", "4", "--json", "-"),
    "netlist": (
        *("simulate", "tiny", "--stage", "netlist"),
        "--simulator",
        "icarus",
        "--json",
        "-",
    ),
    "synth": ("cost", "tiny", "--stage", "synth", "--json", "-"),
    "route": ("cost", "tiny", "--stage", "route", "--json", "-"),
}


# FROM test_kills result result
def result(world, verb, done):
    """Return what a run found out, without what differs from run to run."""
    assert done.returncode == 0, f"{verb}: {done.stdout}\n{done.stderr}"
    if verb == "generate":
        check_package(world.root / "out")
        return (world.root / "out" / "manifest.json").read_text()

    def timeless(value):
        if isinstance(value, dict):
            return {name: timeless(v) for name, v in value.items() if "seconds" not in name}
        return value

    return timeless(json.loads(done.stdout))

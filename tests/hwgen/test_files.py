"""Files that others wrote: a regular one of a bounded size is opened, and nothing hangs."""

import os
import shutil
import signal
import socket
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import hwgen
from hwgen.building import read_summary
from hwgen.cli import app
from hwgen.compression import Recipe
from hwgen.compression.resume.run_folder import RunFolder
from hwgen.cost.asic.liberty import read_liberty
from hwgen.errors import HwgenError
from hwgen.files import NoRegularFile, open_file, parse_json, read_file
from hwgen.package.folder import read_package
from hwgen.report import read_run
from hwgen.tasks.python_file import load_object
from support.known import chain_of

MOST = 1 << 37  # bytes, sparse: more than any reader takes


@pytest.fixture
def limited():
    """End what waits for somebody to write, or reads without end."""

    def late(*_):
        raise AssertionError("it waits, or does not end")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def fifo(path):
    os.mkfifo(path)


def link_to_a_fifo(path):
    os.mkfifo(path.with_name("pipe"))
    path.symlink_to("pipe")


def link_to_a_device(path):
    path.symlink_to("/dev/zero")


def link_to_a_terminal(path):
    path.symlink_to("/dev/ptmx")


def bound_socket(path):
    with socket.socket(socket.AF_UNIX) as it:
        here = Path.cwd()
        os.chdir(path.parent)  # names of sockets are short
        it.bind(path.name)
        os.chdir(here)


def folder(path):
    path.mkdir()


def dangling(path):
    path.symlink_to("nothing")


def loop(path):
    path.symlink_to(path.name)


def huge(path):
    with path.open("wb") as file:
        file.truncate(MOST)


KINDS = (
    *(fifo, link_to_a_fifo, link_to_a_device, link_to_a_terminal, bound_socket, folder),
    *(dangling, loop, huge),
)


def simulate_inputs(path):
    result = CliRunner().invoke(app, ["simulate", str(path.parent / "net"), "--inputs", str(path)])
    raise result.exception


READERS = {
    "manifest.json": lambda path: hwgen.Package(path.parent),
    "manifest.json, simulated": lambda path: read_package(path.parent),
    "build.json": lambda path: read_summary(path.parent),
    "run.json": lambda path: RunFolder(path.parent),
    "a.net": hwgen.load,
    "a.json": read_run,
    "a.toml": Recipe.from_toml,
    "a.lib": read_liberty,
    "a.py": lambda path: load_object(f"{path}:task"),
    "a.npy": simulate_inputs,
}


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    plan = hwgen.plan(chain_of(["one"]), target="ulx3s-85f", goal="min area")
    return hwgen.generate(plan, tmp_path_factory.mktemp("files") / "net")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("what", READERS)
def test_nothing_but_a_file_is_read(what, kind, package, tmp_path, limited):
    (tmp_path / "kept").mkdir()
    path = tmp_path / ("kept" if what == "run.json" else "") / what.partition(",")[0]
    if what == "a.npy":
        (tmp_path / "net").symlink_to(package.folder)
    kind(path)
    with pytest.raises(HwgenError) as caught:
        READERS[what](path)
        if what == "run.json" and kind is dangling:  # a new folder of checkpoints has none yet
            raise HwgenError(str(path.parent))
    text = str(caught.value)
    assert str(path.parent) in text
    assert "\n" not in text and len(text) < 600


@pytest.mark.parametrize("field", ["verilog", "network", "primitives"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_files_of_a_package(field, kind, package, tmp_path, limited):
    """Whatever a package's files are, using it ends; what was there when it was opened or not."""
    place = shutil.copytree(package.folder, tmp_path / "net")
    opened = hwgen.Package(place, changed=True)
    value = getattr(opened.manifest, field)
    path = place / (value if isinstance(value, str) else value[0])
    path.unlink()
    kind(path)
    frames = np.zeros((1, 2, 3, 3), np.int64)
    ways = {
        "open": lambda: hwgen.Package(place).cost("estimate"),
        "cost": lambda: opened.cost("synth"),
        "simulate": lambda: opened.simulate(frames, simulator="icarus"),
        "build": lambda: hwgen.build(place, tmp_path / "out", changed=True),
    }
    reads = {"verilog": ways, "network": ("open", "simulate", "build"), "primitives": ()}[field]
    for way, use in ways.items():
        if way in reads or way == "open":
            with pytest.raises(HwgenError):
                use()


def test_a_file_that_grows_is_read_no_further(tmp_path):
    (tmp_path / "a").write_bytes(b"1234")
    with pytest.raises(NoRegularFile, match="a: must be a file of at most 3 bytes, not 4"):
        read_file(tmp_path / "a", 3)
    with open_file(tmp_path / "a", 4) as file:
        assert file.read() == b"1234" == read_file(tmp_path / "a", 4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' * 100_000, "nested too deeply"),
        ("9" * 6000, "not readable as JSON: it holds a number of thousands"),
        ("NaN", "NaN is not a number"),
        ("-Infinity", "-Infinity is not a number"),
        ('{"a": 1, "a": 2}', "a key is given twice, 'a'"),
        ('{"\\ud800": 1, "\\ud800": 2}', r"a key is given twice, '\\ud800'"),
        (b"\xff\xfe{", "not readable as JSON"),
        ("", "not readable as JSON"),
    ],
)
def test_json(text, message):
    with pytest.raises(HwgenError, match=message):
        parse_json(text)

"""The folder of a package: whole or not at all, and never at somebody else's cost."""

import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

import hwgen
from hwgen.codegen import package as packages
from hwgen.errors import InternalError, OutputFolderError, StoreError
from hwgen.network import Network
from hwgen.package import staging
from support.known import chain_of
from support.selection import some
from support.whole import planned

PLAN = planned(chain_of(["conv"]))


def contents(folder):
    """Return every path below a folder, and the bytes of the files."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def refused(folder, match):
    """Check that a package is refused and that nothing has changed beside it."""
    place = Path(folder).parent
    before = contents(place) if place.is_dir() and str(folder).startswith("/tmp") else None
    with pytest.raises(OutputFolderError, match=match):
        hwgen.generate(PLAN, folder)
    if before is not None:
        assert contents(place) == before


def test_a_file_is_in_the_way(tmp_path):
    (tmp_path / "net").write_text("mine")
    refused(tmp_path / "net", "is a file")
    refused(tmp_path / "net" / "deeper", "cannot be written")


@pytest.mark.parametrize("folder", ["/proc/hwgen/net", "/dev/null/net", "/proc/self/fd/net"])
def test_a_folder_that_cannot_be_written(folder):
    refused(folder, "cannot be written")


@pytest.mark.parametrize("folder", ["/", "a\0b", "x" * 300, "/proc"])
def test_a_folder_that_cannot_be(folder):
    refused(folder, "must be|cannot be written|not a package")


def test_somebody_elses_files(tmp_path):
    folder = tmp_path / "net"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "thesis.tex").write_text("years of work")
    refused(folder, "src/thesis.tex")


def test_somebody_elses_files_beside_ours(tmp_path):
    package = hwgen.generate(PLAN, tmp_path / "net")
    (package.folder / "notes.txt").write_text("mine")
    refused(package.folder, "notes.txt")


@pytest.mark.parametrize("target", [".", "nowhere"])
def test_a_link_is_somebodys_file(tmp_path, target):
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "link").symlink_to(target)
    refused(tmp_path / "net", "link")


def test_a_hostile_manifest_claims_nothing(tmp_path):
    """A manifest that does not describe a package does not make its neighbours ours."""
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "thesis.tex").write_text("years of work")
    text = '{"generator": "hwgen", "spec_version": 1, "files": {"thesis.tex": ""}}'
    (tmp_path / "net" / "manifest.json").write_text(text)
    refused(tmp_path / "net", "not a package's")
    digest = hashlib.sha256(b"years of work").hexdigest()
    (tmp_path / "net" / "manifest.json").write_text(text.replace('""', f'"{digest}"'))
    refused(tmp_path / "net", "not a package's")


def test_a_package_of_another_version_is_replaced(tmp_path):
    """Its files as they were written; one that somebody changed since is theirs."""
    package = hwgen.generate(PLAN, tmp_path / "net")
    manifest = tmp_path / "net" / "manifest.json"
    found = json.loads(manifest.read_text())
    del found["layers"][0]["folding"]
    manifest.write_text(json.dumps({**found, "spec_version": 1}))
    with pytest.raises(StoreError, match="spec version must be 4, not 1; generate the package"):
        hwgen.Package(tmp_path / "net")
    readme = (tmp_path / "net" / "README.md").read_text()
    (tmp_path / "net" / "README.md").write_text("my notes")
    refused(tmp_path / "net", "README.md")
    (tmp_path / "net" / "README.md").write_text(readme)
    assert hwgen.generate(PLAN, tmp_path / "net").manifest == package.manifest


def test_an_empty_folder_will_do(tmp_path):
    (tmp_path / "net" / "empty").mkdir(parents=True)
    package = hwgen.generate(PLAN, tmp_path / "net")
    assert package.manifest.top == "net"
    assert not (tmp_path / "net" / "empty").exists()


def test_a_link_to_a_folder_is_followed(tmp_path):
    (tmp_path / "solid").mkdir()
    (tmp_path / "link").symlink_to("solid")
    hwgen.generate(PLAN, tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert hwgen.Package(tmp_path / "solid").manifest.top == "solid"


def test_relative_and_nested_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hwgen.generate(PLAN, "a/b/../c")
    assert hwgen.Package(tmp_path / "a" / "c").manifest.top == "c"


def test_a_package_is_replaced(tmp_path):
    first = hwgen.generate(planned(chain_of(["other", "names"])), tmp_path / "net")
    (first.folder / "build").mkdir()
    (first.folder / "build" / "net_tb.vvp").write_text("what make sim leaves")
    again = hwgen.generate(PLAN, tmp_path / "net")
    assert [layer.name for layer in again.manifest.layers] == ["conv"]
    assert not (again.folder / "build").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["net"]


def fail_after(monkeypatch, name, count, code):
    """Let a method of Path fail from its call number `count` on."""
    real = getattr(Path, name)
    calls = []

    def failing(self, *args, **kwargs):
        calls.append(self)
        if len(calls) >= count:
            raise OSError(code, os.strerror(code), str(self))
        return real(self, *args, **kwargs)

    monkeypatch.setattr(Path, name, failing)


FULL = [("write_bytes", 1), ("write_bytes", 4), ("write_text", 1), ("rename", 1), ("mkdir", 2)]
FULL = [(*point, there) for point in FULL for there in (False, True)]


@pytest.mark.parametrize(("name", "count", "there"), some(FULL, FULL[::3]))
def test_the_disk_is_full(tmp_path, monkeypatch, name, count, there):
    if there:
        hwgen.generate(planned(chain_of(["other"])), tmp_path / "net")
    before = contents(tmp_path)
    files, verilog = {}, staging.write_folder  # what is written to the hidden folder only
    with monkeypatch.context() as patch:

        def write(folder, fill, check):
            fail_after(patch, name, count, errno.ENOSPC)
            files["reached"] = True
            verilog(folder, fill, check)

        patch.setattr("hwgen.codegen.package.write_folder", write)
        with pytest.raises(OutputFolderError, match="No space left"):
            hwgen.generate(PLAN, tmp_path / "net")
    assert files and contents(tmp_path) == before
    hwgen.generate(PLAN, tmp_path / "net")


def test_the_old_package_is_put_back(tmp_path, monkeypatch):
    """The second of the two moves fails: the folder that was there is there again."""
    hwgen.generate(planned(chain_of(["other"])), tmp_path / "net")
    before = contents(tmp_path)
    real = Path.rename

    def failing(self, target):
        if self.name == "new" and not Path(target).exists():
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(OutputFolderError, match="Input/output error"):
        hwgen.generate(PLAN, tmp_path / "net")
    assert contents(tmp_path) == before


KILLED = """
import sys, time
from pathlib import Path
from hwgen.package.staging import write_folder
def fill(work):
    (work / "manifest.json").write_text("{}")
    print("filling", flush=True)
    time.sleep(60)
write_folder(Path(sys.argv[1]), fill, lambda folder: None)
"""


def start_filling(folder):
    """Start a process that is in the middle of writing the folder."""
    command = [sys.executable, "-c", KILLED, str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "filling\n"
    return process


def test_kill_in_the_middle_leaves_nothing_that_counts(tmp_path):
    process = start_filling(tmp_path / "net")
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "net").exists()
    assert len(list(tmp_path.iterdir())) == 1  # the hidden folder
    hwgen.generate(PLAN, tmp_path / "net")
    assert [path.name for path in tmp_path.iterdir()] == ["net"]


def test_a_living_run_is_left_alone(tmp_path):
    process = start_filling(tmp_path / "net")
    try:
        hwgen.generate(PLAN, tmp_path / "net")
        hidden = [path for path in tmp_path.iterdir() if path.name != "net"]
        assert [path.name for path in hidden[0].iterdir()] == ["new"]
    finally:
        process.kill()
        process.wait()


def test_only_our_leftovers_go(tmp_path):
    keep = [".net.tmp", ".net.0123456789zz.tmp", ".other.0123456789ab.tmp", "net.0123456789ab.tmp"]
    for name in (*keep, ".net.0123456789ab.tmp"):
        (tmp_path / name).mkdir()
    (tmp_path / ".net.0123456789ac.tmp").symlink_to(".net.tmp")
    hwgen.generate(PLAN, tmp_path / "net")
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {*keep, "net", ".net.0123456789ac.tmp"}


@pytest.mark.parametrize("seed", some(range(3), (0,)))
def test_kill_at_random_moments(tmp_path, seed):
    """Whatever the moment: no package, or a whole one; and the next run ends well."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[2]); import hwgen\n"
        "from support.known import chain_of\nfrom support.whole import planned\n"
        "plan = planned(chain_of(['conv']))\nprint('go', flush=True)\n"
        "while True: hwgen.generate(plan, sys.argv[1])\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "net"), str(Path(__file__).parents[1])]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "go\n"
    time.sleep(0.3 + 0.37 * seed)
    process.kill()
    process.wait()
    if (tmp_path / "net").exists():
        package = hwgen.Package(tmp_path / "net")
        assert {*package.manifest.files, "manifest.json"} == {
            name for name, data in contents(package.folder).items() if data is not None
        }
    hwgen.generate(PLAN, tmp_path / "net")
    assert [path.name for path in tmp_path.iterdir()] == ["net"]


def test_many_write_one_folder(tmp_path):
    """Two or more at once: each ends well, and one of them is there, whole."""
    errors = []

    def write(number):
        def fill(work):
            for name in ("a", "b", "c"):
                (work / name).write_text(str(number))

        try:
            for _ in range(15):
                staging.write_folder(tmp_path / "net", fill, lambda folder: None)
        except OutputFolderError as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len({(tmp_path / "net" / name).read_text() for name in "abc"}) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["net"]


def damage(monkeypatch, what):
    """Let packages be written that hwgen itself refuses."""
    real = packages.manifest_of

    def manifest(*made_from):
        found = real(*made_from)
        if what == "count":
            return replace(found, estimate=replace(found.estimate, luts=-23))
        if what == "number":
            return replace(found, predicted=replace(found.predicted, energy_nj=float("nan")))
        return replace(found, verilog="elsewhere.v") if what == "missing" else found

    monkeypatch.setattr(packages, "manifest_of", manifest)
    if what == "network":
        save = Network.save

        def cut(self, path):
            save(self, path)
            Path(path).write_bytes(Path(path).read_bytes()[:-1])

        monkeypatch.setattr(Network, "save", cut)


@pytest.mark.parametrize(
    ("what", "there"), [("count", False), ("number", False), ("missing", False), ("network", True)]
)
def test_what_would_not_be_read_again_is_not_put_in_place(tmp_path, monkeypatch, what, there):
    if there:
        hwgen.generate(planned(chain_of(["other"])), tmp_path / "net")
    before = contents(tmp_path)
    with monkeypatch.context() as patch:
        damage(patch, what)
        with pytest.raises(InternalError, match="net: package could not be read again"):
            hwgen.generate(PLAN, tmp_path / "net")
    assert contents(tmp_path) == before
    hwgen.generate(PLAN, tmp_path / "net")

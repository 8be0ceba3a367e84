"""A disk that is full: one clear line, nothing half-written, and all is well once there is room.

A limit on the size of files stands for the disk: it needs no rights, and holds for the tools too.
"""

import json
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hwgen.cache import Cache
from hwgen.cli import output_file
from hwgen.errors import HwgenError
from support.caches import VERILATED, fresh_cache
from support.shell import VERBS, check_cache, check_package, refused

# Bytes after which the disk is full: nothing at all, before, in and after what the tools write.
ROOM = {
    "generate": (0, 2_000, 12_000),
    "simulate": (0, 3_000, 30_000),
    "synth": (0, 10_000),
}
MORE_ROOM = (0, 300, 1_000, 3_000, 5_000, 8_000, 16_000, 32_000, 100_000, 500_000)
# Every second of them for a verb, the others for the next one.
POINTS = [
    (verb, size)
    for n, verb in enumerate(verb for verb in VERBS if verb != "verilator")
    for size in MORE_ROOM[n % 2 :: 2]
]
# What Verilator and the compiler write of a design alone: before, in, between, and all but the end.
BUILDS = (0, 1_000, 16_000, 100_000, 500_000)


def full_after(size):
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def fill_and_go_on(world, verb, size):
    """Run a command on a disk that is full after so many bytes, and again when there is room."""
    done = world.run(*VERBS[verb], limit=full_after(size))
    if done.returncode:
        message = refused(done)
        assert len(message.splitlines()) < 25, message
        assert not (world.root / "out").exists()
    check_package(world.root / "out")
    check_cache(world.cache)
    assert world.leftovers() == [] and world.is_quiet()
    done_again = world.run(*VERBS[verb])
    assert done_again.returncode == 0, f"{verb} after {size} bytes: {done_again.stderr}"
    return done.returncode


@pytest.mark.parametrize(("verb", "size"), [(verb, ROOM[verb][1]) for verb in ROOM])
def test_the_disk_is_full(world, verb, size):
    assert fill_and_go_on(world, verb, size) == 1


@pytest.mark.slow
@pytest.mark.parametrize(("verb", "size"), POINTS)
def test_the_disk_is_full_at_many_points(world, verb, size):
    fill_and_go_on(world, verb, size)


@pytest.mark.slow
@pytest.mark.parametrize("size", BUILDS)
def test_the_disk_is_full_as_verilator_builds(world, size):
    """With its run-time library at hand."""
    fresh_cache(world.cache)
    fill_and_go_on(world, "verilator", size)


@pytest.mark.slow
def test_the_disk_is_full_as_verilators_library_is_compiled(world):
    assert fill_and_go_on(world, "verilator", 50_000) == 1
    assert [*(world.cache / VERILATED).iterdir()]


@pytest.mark.parametrize("method", ["write_text", "rename", "mkdir"])
def test_the_cache_is_good_after_a_full_disk(tmp_path, monkeypatch, method):
    cache = Cache(tmp_path)

    def build(folder):
        (folder / "result").write_bytes(b"42")

    def full(*_, **__):
        raise OSError(28, "No space left on device", "some/file")

    with monkeypatch.context() as patch:
        patch.setattr(Path, method, full)
        with pytest.raises(HwgenError, match=r"cache cannot be written \(some/file: No space"):
            cache.cached(["a"], build)
    assert not list(tmp_path.rglob("result")) and not list(tmp_path.glob(".*"))
    assert (cache.cached(["a"], build) / "result").read_bytes() == b"42"


def test_a_build_on_a_full_disk_is_one_error(tmp_path):
    def build(folder):
        (folder / "result").write_bytes(b"4")
        with Path("/dev/full").open("wb", buffering=0) as file:
            file.write(b"2")

    with pytest.raises(HwgenError, match="No space left on device.*set HWGEN_CACHE"):
        Cache(tmp_path).cached(["a"], build)
    assert not list(tmp_path.rglob("result"))


def test_figures_are_written_whole_or_not_at_all(tmp_path, monkeypatch):
    """`hwgen demo --json`: the file of the run before stays until the new one is complete."""
    file = tmp_path / "figures.json"
    output_file.write_file(file, '{"run": 1}\n')
    real = Path.write_text

    def full(self, text, **more):
        real(self, text[:4], **more)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        with pytest.raises(HwgenError, match=r"figures\.json: cannot be written \(No space left"):
            output_file.write_file(file, '{"run": 2}\n')
    assert json.loads(file.read_text()) == {"run": 1}
    assert list(tmp_path.iterdir()) == [file]
    output_file.write_file(file, '{"run": 3}\n')
    assert json.loads(file.read_text()) == {"run": 3}


def test_figures_go_through_links_and_into_devices(tmp_path):
    (tmp_path / "real.json").write_text("old")
    (tmp_path / "link.json").symlink_to("real.json")
    output_file.write_file(tmp_path / "link.json", "new")
    assert (tmp_path / "link.json").is_symlink()
    assert (tmp_path / "real.json").read_text() == "new"
    output_file.write_file(Path("/dev/null"), "gone")
    assert Path("/dev/null").is_char_device()
    with pytest.raises(HwgenError, match="/dev/full: cannot be written"):
        output_file.write_file(Path("/dev/full"), "gone")


@pytest.mark.parametrize("place", [".", "no/such/x.json"])
def test_a_place_of_figures_is_refused_at_once(tmp_path, place):
    with pytest.raises(HwgenError, match="must"):
        output_file.check_file(tmp_path / place)


@pytest.mark.slow
def test_a_real_disk_is_full(world):
    """A file system of 300 kB, where mounting one is allowed."""
    small = world.root / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(small)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount")
    try:
        for verb in ("simulate", "synth", "generate"):
            arguments = [str(small / "out") if word == "out" else word for word in VERBS[verb]]
            (small / "filler").write_bytes(bytes(270_000))
            places = {"HWGEN_CACHE": str(small / "cache"), "TMPDIR": str(small)}
            refused(world.run(*arguments, **places))
            assert not (small / "out").exists()
            check_cache(small / "cache")
            (small / "filler").unlink()
            shutil.rmtree(small / "cache", ignore_errors=True)
    finally:
        subprocess.run(["umount", str(small)], check=True)


@pytest.mark.parametrize("verb", ["targets", "--help"])
def test_a_terminal_that_takes_no_more_is_one_error(verb):
    command = [sys.executable, "-c", "from hwgen.cli import main; main()", verb]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr == "hwgen: output: No space left on device\n"

"""The cache: entries are complete or absent, whoever is killed whenever."""

import errno
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from hwgen.cache import Cache, folder_of_ours, scratch


def _write(text):
    return lambda folder: (folder / "result").write_text(text)


def test_an_entry_is_built_once(tmp_path):
    cache = Cache(tmp_path)
    built = []

    def build(folder):
        built.append(folder)
        assert list(folder.iterdir()) == []
        (folder / "result").write_text("42")

    first = cache.cached(["a", 1], build)
    second = cache.cached(["a", 1], build)
    assert first == second
    assert (first / "result").read_text() == "42"
    assert len(built) == 1


def test_keys_do_not_run_into_each_other(tmp_path):
    cache = Cache(tmp_path)
    parts = [["ab", "c"], ["a", "bc"], ["abc"], ["1"], [1], [1.0], [True], [b"1"], [None], [], [""]]
    assert len({cache.key(each) for each in parts}) == len(parts)
    assert cache.key(["ab", 1]) == Cache(tmp_path / "other").key(("ab", 1))


def test_a_key_of_anything_else_is_refused(tmp_path):
    with pytest.raises(TypeError, match="Part of a cache key must be text, bytes or a number"):
        Cache(tmp_path).key([["a"]])


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_build_that_fails_leaves_nothing(tmp_path, error):
    cache = Cache(tmp_path)

    def fail(folder):
        (folder / "result").write_text("half")
        raise error

    with pytest.raises(error):
        cache.cached(["a"], fail)
    assert not list(tmp_path.rglob("result"))
    assert (cache.cached(["a"], _write("whole")) / "result").read_text() == "whole"


def _break_marker(entry):
    (entry / "complete.json").unlink()


def _cut_marker(entry):
    (entry / "complete.json").write_text('{"result": ')


def _cut_file(entry):
    (entry / "result").write_text("goo")


def _drop_file(entry):
    (entry / "result").unlink()


def _add_file(entry):
    (entry / "stranger").write_text("")


@pytest.mark.parametrize("damage", [_break_marker, _cut_marker, _cut_file, _drop_file, _add_file])
def test_a_damaged_entry_is_built_again(tmp_path, damage):
    cache = Cache(tmp_path)
    entry = cache.cached(["a"], _write("good"))
    damage(entry)
    again = cache.cached(["a"], _write("new"))
    assert again == entry
    assert (again / "result").read_text() == "new"
    assert sorted(path.name for path in again.iterdir()) == ["complete.json", "result"]


def _build_slowly(root, barrier):
    def build(folder):
        with (root / "built").open("a") as file:
            file.write(f"{os.getpid()}\n")
        time.sleep(0.3)
        (folder / "result").write_text("42")

    barrier.wait()
    entry = Cache(root).cached(["shared"], build)
    assert (entry / "result").read_text() == "42"


def test_processes_build_one_entry_once(tmp_path):
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(3)
    processes = [context.Process(target=_build_slowly, args=(tmp_path, barrier)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(20)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert len((tmp_path / "built").read_text().splitlines()) == 1


def test_a_killed_build_is_not_taken_for_good(tmp_path):
    script = """
        import sys, time
        from pathlib import Path
        from hwgen.cache import Cache

        def build(folder):
            (folder / "result").write_text("half")
            print("building", flush=True)
            time.sleep(60)

        Cache(Path(sys.argv[1])).cached(["a"], build)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "installed")},
    )
    assert process.stdout.readline() == b"building\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert [path.read_text() for path in tmp_path.rglob("result")] == ["half"]
    entry = Cache(tmp_path).cached(["a"], _write("whole"))
    assert [path for path in tmp_path.rglob("result")] == [entry / "result"]
    assert (entry / "result").read_text() == "whole"
    assert json.loads((entry / "complete.json").read_text()).keys() == {"result"}


def test_what_a_killed_build_left_goes_with_any_other_build(tmp_path):
    cache = Cache(tmp_path)
    left = tmp_path / f".build.{'0' * 12}.tmp"
    (left / "new").mkdir(parents=True)
    (left / "new" / "result").write_text("half")
    kept = [tmp_path / name for name in (".build.tmp", f".other.{'0' * 12}.tmp")]
    for folder in kept:
        folder.mkdir()

    def build(folder):
        cache.cached(["inner"], _write("1"))  # leaves the outer one alone
        (folder / "result").write_text("2")

    entry = cache.cached(["outer"], build)
    assert (entry / "result").read_text() == "2"
    assert not left.exists() and all(folder.exists() for folder in kept)
    assert sorted(tmp_path.glob(".*")) == sorted(kept)


def test_a_file_system_without_locks_will_do(tmp_path, monkeypatch):
    def flock(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    left = tmp_path / f".x.{'0' * 12}.tmp"
    left.mkdir()
    monkeypatch.setattr("fcntl.flock", flock)
    with scratch(tmp_path, "x") as folder:
        assert folder.is_dir()
    assert list(tmp_path.iterdir()) == [left]  # it might be somebody's


def test_a_link_is_no_leftover(tmp_path):
    (tmp_path / "mine").mkdir()
    link = tmp_path / f".x.{'0' * 12}.tmp"
    link.symlink_to("mine")
    with scratch(tmp_path, "x"):
        pass
    assert link.is_symlink() and (tmp_path / "mine").is_dir()


def test_the_root_is_the_variables(tmp_path, monkeypatch):
    monkeypatch.setenv("HWGEN_CACHE", str(tmp_path / "there"))
    assert Cache().root == tmp_path / "there"
    monkeypatch.delenv("HWGEN_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert Cache().root.is_relative_to(tmp_path / "xdg")


def test_a_root_that_cannot_be_written_is_replaced_with_a_warning(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HWGEN_CACHE", str(tmp_path / "file" / "cache"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.warns(UserWarning, match="cannot be written.*Set HWGEN_CACHE") as caught:
        cache = Cache()
    assert len(caught) == 1
    assert cache.root == tmp_path / f"hwgen-{os.getuid()}"
    assert (cache.cached(["a"], _write("42")) / "result").read_text() == "42"


@pytest.mark.parametrize("kind", ["file", "open folder", "link"])
def test_a_replacement_that_is_not_ours_is_not_used(tmp_path, monkeypatch, kind):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "file").write_text("")
    name = tmp_path / f"x-{os.getuid()}"
    if kind == "file":
        name.write_text("")
    elif kind == "link":
        (tmp_path / "elsewhere").mkdir()
        name.symlink_to(tmp_path / "elsewhere")
    else:
        name.mkdir()
        name.chmod(0o777)
    found = folder_of_ours(tmp_path / "file" / "cache", "x")
    assert found != name
    assert found.stat().st_mode & 0o077 == 0
    assert found.parent == tmp_path


def test_a_log_lies_outside_of_entries(tmp_path):
    cache = Cache(tmp_path)
    log = cache.log(["a"], "tool")
    log.write_text("said")
    cache.cached(["a"], _write("42"))
    assert log.read_text() == "said"


def test_keys_do_not_run_into_each_other_by_bytes(tmp_path):
    """Bytes may hold whatever stands between two parts."""
    cache = Cache(tmp_path)
    assert cache.key([b"astr 'b'"]) != cache.key([b"a", "b"])
    assert cache.key([b"abytes b"]) != cache.key([b"a", b"b"])
    assert cache.key([b"a", b""]) != cache.key([b"a"])

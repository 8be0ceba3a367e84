"""The registers of a package behind a bus: SystemRDL, and what PeakRDL makes of it."""

__all__ = ["check_tools", "register_files", "systemrdl"]

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hwgen.codegen.names import comment_text
from hwgen.errors import InternalError, ToolError, bring
from hwgen.package.manifest import Manifest
from hwgen.tools import workspace
from hwgen_rtl_templates.borders.register_map import Access, Field, RegisterMap

# What Accellera's SystemRDL 2.0, 9.6 and 9.8, calls what a field may be used for.
_PROPERTIES = {
    Access.CONSTANT: "sw = r; hw = na;",
    Access.STATE: "sw = r; hw = w;",
    Access.SETTING: "sw = rw; hw = r;",
    Access.COMMAND: "sw = w; hw = r; singlepulse;",
    Access.EVENT: "sw = rw; hw = w; hwset; woclr;",
}
NEEDED = ("systemrdl", "peakrdl_cheader", "peakrdl_ipxact")
_WITHOUT_RESET = (Access.STATE,)


def _text(words: str) -> str:
    """Return a string of SystemRDL."""
    return '"' + comment_text(words, 400).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _field(field: Field) -> str:
    high = field.low + field.bits - 1
    start = "" if field.access in _WITHOUT_RESET else f" = {field.value:#x}"
    return (
        f"    field {{ desc = {_text(field.meaning)}; {_PROPERTIES[field.access]} }} "
        f"{field.name}[{high}:{field.low}]{start};"
    )


def systemrdl(registers: RegisterMap, name: str, about: str) -> str:
    """Return registers as SystemRDL 2.0.

    Parameters
    ----------
    name : of the address map
    about : what it is, in words
    """
    lines = [
        f"addrmap {name} {{",
        f"  desc = {_text(about)};",
        "  default regwidth = 32;",
        "  default accesswidth = 32;",
        "  littleendian;",
    ]
    for register in registers.registers:
        lines += [
            "  reg {",
            f"    desc = {_text(register.meaning)};",
            *map(_field, register.fields),
            f"  }} {register.name} @ {register.address:#x};",
        ]
    return "\n".join([*lines, "};", ""])


def check_tools() -> None:
    """Refuse to begin without the packages that registers need.

    Raises
    ------
    ToolError : one is missing
    """
    for name in NEEDED:
        if find_spec(name) is None:
            raise ToolError(
                f"Python package {name} is missing, which a bus needs for its registers; get it "
                f"with: {bring('soc')}"
            )


def _compiled(text: str, folder: Path) -> Any:
    """Return what the compiler makes of SystemRDL."""
    from systemrdl.compiler import RDLCompiler
    from systemrdl.messages import MessagePrinter, RDLCompileError

    said: list[str] = []

    class Printer(MessagePrinter):  # type: ignore[misc, unused-ignore]
        def print_message(self, severity: object, text: str, where: object) -> None:
            said.append(f"{severity}: {text}")

    source = folder / "registers.rdl"
    source.write_text(text, encoding="utf-8")
    compiler = RDLCompiler(message_printer=Printer())
    try:
        compiler.compile_file(str(source))
        root = compiler.elaborate()
    except RDLCompileError as error:
        raise InternalError(f"SystemRDL of registers is refused: {error}; {said}") from error
    if said:
        raise InternalError(f"SystemRDL of registers is not clean: {said}")
    return root.top


def register_files(
    manifest: Manifest, registers: RegisterMap
) -> tuple[dict[str, tuple[str, str]], str]:
    """Return each file that describes registers, its path in the package, text, and purpose; and
    their memory map as IP-XACT, IEEE 1685-2009.
    """
    top = manifest.top
    name = f"{top}_regs"
    from peakrdl_cheader.exporter import CHeaderExporter
    from peakrdl_ipxact import IPXACTExporter
    from peakrdl_ipxact.exporter import Standard

    about = f"Registers of {top}, an accelerator made by hwgen"
    text = systemrdl(registers, name, about)
    with workspace() as folder:
        made = _compiled(text, Path(folder))
        header = Path(folder) / f"{name}.h"
        CHeaderExporter().export(made, str(header))
        c_text = header.read_text(encoding="utf-8")
        ipxact = Path(folder) / "registers.xml"
        IPXACTExporter(standard=Standard.IEEE_1685_2009).export(made, str(ipxact))
        memory_maps = ipxact.read_text(encoding="utf-8")
    c_text = re.sub(r"[ \t]+$", "", c_text, flags=re.MULTILINE)
    # of C itself: without an operating system there may be no header of that
    c_text = c_text.replace("#include <assert.h>\n", "")
    c_text = c_text.replace("\nstatic_assert", "\n_Static_assert")
    files = {
        f"registers/{name}.rdl": (text, "registers, SystemRDL 2.0"),
        f"driver/{name}.h": (c_text, "registers, for C, made by PeakRDL-cheader"),
    }
    return files, memory_maps

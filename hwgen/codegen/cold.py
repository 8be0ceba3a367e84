"""Verilog for an ASIC, in which nothing is there when the power comes on."""

__all__ = ["without_starts"]

import re

_START = re.compile(r"^((?:  output reg|  reg)\b[^=;,\n]*?) = [^;,\n]+", re.MULTILINE)
_MEMORY = re.compile(
    r"^(?:  \(\*[^\n]*\*\)\n)*  reg (\[(\d+):0\]) (\w+) \[(\d+):0\];\n"
    r"  initial begin\n((?:    \w+\[\d+\] = [^;\n]+;\n)*)  end\n",
    re.MULTILINE,
)
_WORD = re.compile(r"\[(\d+)\] = ([^;\n]+);")


def without_starts(text: str) -> str:
    """Return a module, as `write_modules` writes it, without values that registers and memories
    start with. A memory that is never written becomes a function with a case for each word."""
    for memory in reversed(list(_MEMORY.finditer(text))):
        name = memory[3]
        if re.search(rf"\b{name}\[.*\] <= ", text):
            declared = memory[0].partition("  initial begin\n")[0]
            text = text[: memory.start()] + declared + text[memory.end() :]
            continue
        text = text[: memory.start()] + _function(memory) + text[memory.end() :]
        text = re.sub(rf"\b{name}\[((?:[^][]|\[[^]]*\])*)\]", rf"{name}(\1)", text)
    return _START.sub(r"\1", text)


def _function(memory: re.Match[str]) -> str:
    """Return a memory that is only read as a function of its address."""
    width, high, name, last, words = memory.groups()
    bits = max(1, int(last).bit_length())
    lines = [f"  function {width} {name};", f"    input [{bits - 1}:0] at;", "    case (at)"]
    for at, value in _WORD.findall(words):
        lines.append(f"      {bits}'d{at}: {name} = {value};")
    lines.append(f"      default: {name} = {{{int(high) + 1}{{1'bx}}}};")
    return "\n".join([*lines, "    endcase", "  endfunction", ""])

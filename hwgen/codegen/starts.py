"""What registers and memories of a module hold at first, as Verilog says it.

Yosys gives a register its value where it declares it, which Verilator calls a mistake, and a memory
a line a word. Here it becomes `initial` assignments at the module's end and a loop where words are
alike; or nothing, where there is no such value: in an ASIC, and for synthesis that takes none.
"""

__all__ = ["with_initial", "without_initial"]

import re
from itertools import groupby

from hwgen.codegen.names import free_name

_START = re.compile(r"^((?:  output reg|  reg)\b[^=;,\n]*?(\w+)) = ([^;,\n]+)", re.MULTILINE)
_MEMORY = re.compile(
    r"^(?:  \(\*[^\n]*\*\)\n)*  reg (\[(\d+):0\]) (\w+) \[(\d+):0\];\n"
    r"  initial begin\n((?:    \w+\[\d+\] = [^;\n]+;\n)*)  end\n",
    re.MULTILINE,
)
_WORD = re.compile(r"\[(\d+)\] = ([^;\n]+);")
# Of a wire of which some bits only are a register: that register's own value says the same.
_STRAY = re.compile(r"^  \(\* init = [^\n]* \*\)\n", re.MULTILINE)
_FEW = 4  # words alike that are not worth a loop


def with_initial(text: str) -> str:
    """Return a module, as `write_modules` writes it, with every first value in an `initial`
    block."""
    text = _STRAY.sub("", text)
    for memory in reversed(list(_MEMORY.finditer(text))):
        start, end = memory.span(5)
        head = text.rindex("  initial begin\n", 0, start)
        block = _block(memory[3], _WORD.findall(memory[5]), text)
        text = f"{text[:head]}{block}{text[end:]}"
    values = [f"    {name} = {value};\n" for _, name, value in _START.findall(text)]
    if not values:
        return text
    body, ending = _START.sub(r"\1", text).rsplit("endmodule\n", 1)
    return f"{body}  initial begin\n{''.join(values)}  end\nendmodule\n{ending}"


def _block(name: str, words: list[tuple[str, str]], text: str) -> str:
    """Return the head of an `initial` block and all its assignments of a memory's words."""
    lines, looped = [], False
    at = 0
    for value, run in groupby(value for _, value in words):
        count = len(list(run))
        if count > _FEW:
            looped = True
            lines.append(f"for (i = {at}; i < {at + count}; i = i + 1) {name}[i] = {value};")
        else:
            lines += [f"{name}[{n}] = {value};" for n in range(at, at + count)]
        at += count
    if not looped:
        return "  initial begin\n" + "".join(f"    {line}\n" for line in lines)
    label = free_name(f"{name}_start", {word.lower() for word in re.findall(r"\w+", text)})
    lines = ["integer i;", *lines]
    return f"  initial begin : {label}\n" + "".join(f"    {line}\n" for line in lines)


def without_initial(text: str) -> str:
    """Return a module, as `write_modules` writes it, without values that registers and memories
    start with. A memory that is never written becomes a function with a case for each word."""
    text = _STRAY.sub("", text)
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

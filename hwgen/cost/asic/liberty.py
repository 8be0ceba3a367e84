"""Liberty files: what mapping, counting and simulation need to know of a cell library.

Cells, their areas, pins, functions and flip-flops; what is said of timing and power is OpenSTA's
to read. The format: Synopsys' Liberty user guide, volume 1.
"""

__all__ = [
    "INVERTER",
    "NOR2",
    "Cell",
    "Latch",
    "Library",
    "Pin",
    "Register",
    "read_liberty",
]

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from pathlib import Path

from hwgen.cost.asic.liberty_function import Function, parse_function
from hwgen.errors import HwgenError, StoreError
from hwgen.files import TEXT_BYTES, read_file

NAND2 = (1, 1, 1, 0)  # outputs for the inputs 00, 01, 10, 11
NOR2 = (1, 0, 0, 0)
INVERTER = (1, 0)
BUFFER = (0, 1)

_TOKEN = re.compile(
    r"(?P<space>(?:\s|\\\r?\n|/\*.*?\*/|//[^\n]*)+)"
    r'|"(?P<text>(?:[^"\\]|\\.)*)"|(?P<word>[^\s"{}();:,\\]+)|(?P<mark>[{}();:,])',
    re.DOTALL,
)


@dataclass
class _Group:
    """name (arguments) { attributes and groups }"""

    kind: str
    arguments: tuple[str, ...]
    attributes: dict[str, str] = field(default_factory=dict)
    groups: list["_Group"] = field(default_factory=list)


@dataclass(frozen=True)
class Pin:
    """A pin of a cell.

    direction : "input", "output", "inout" or "internal"
    function : of an output, None where the file gives none
    three_state : whether it may let go of what it drives
    capacitance : of an input, in the library's unit
    """

    name: str
    direction: str
    function: Function | None
    three_state: bool
    capacitance: float


@dataclass(frozen=True)
class Register:
    """A flip-flop: names of its state and the state's inverse, and what it does."""

    state: str
    inverse: str
    next_state: Function
    clocked_on: Function
    clear: Function | None
    preset: Function | None


@dataclass(frozen=True)
class Latch:
    """A latch, which hwgen neither maps to nor models."""


@dataclass(frozen=True)
class Cell:
    """A cell: area in um2, pins in the file's order, and what it holds, if anything."""

    name: str
    area: float
    pins: tuple[Pin, ...]
    holds: Register | Latch | None
    unused: bool

    @property
    def inputs(self) -> tuple[Pin, ...]:
        """Input pins."""
        return tuple(pin for pin in self.pins if pin.direction == "input")

    @property
    def outputs(self) -> tuple[Pin, ...]:
        """Output pins."""
        return tuple(pin for pin in self.pins if pin.direction == "output")

    @property
    def table(self) -> tuple[int, ...] | None:
        """Outputs of a cell of logic with one output, for its inputs in order, the first being the
        highest digit; None of another cell, and of one that is not meant to be used."""
        if self.holds or self.unused or len(self.outputs) != 1 or len(self.inputs) > 2:
            return None
        (out,) = self.outputs
        names = [pin.name for pin in self.inputs]
        if out.function is None or out.three_state or not set(out.function.names) <= set(names):
            return None
        inputs = product((0, 1), repeat=len(names))
        return tuple(out.function.value(dict(zip(names, bits, strict=True))) for bits in inputs)


@dataclass(frozen=True)
class Library:
    """A cell library.

    path : its file
    femtofarads : of one unit of capacitance
    cells : by name
    """

    path: Path
    name: str
    femtofarads: float
    cells: Mapping[str, Cell]

    def gate(self, table: tuple[int, ...], what: str) -> Cell:
        """Return the smallest cell with a function, given as `Cell.table` gives it.

        Raises
        ------
        HwgenError : the library has none
        """
        found = [cell for cell in self.cells.values() if cell.table == table and cell.area > 0]
        if not found:
            raise HwgenError(
                f"Cell library {self.path} must have a {what} with an area, and has none; take "
                "another library"
            )
        return min(found, key=lambda cell: (cell.area, cell.name))

    @cached_property
    def gate_um2(self) -> float:
        """Area of the smallest NAND of two inputs, by which gate equivalents are counted, um2."""
        return self.gate(NAND2, "NAND of two inputs").area

    @property
    def driver(self) -> Cell:
        """The smallest buffer, or inverter where there is none."""
        buffers = any(cell.table == BUFFER and cell.area > 0 for cell in self.cells.values())
        return self.gate(BUFFER, "buffer") if buffers else self.gate(INVERTER, "inverter")


def read_liberty(path: Path) -> Library:
    """Return the library in a Liberty file.

    Raises
    ------
    HwgenError : the file is missing, or is none
    """
    try:
        text = read_file(path, TEXT_BYTES).decode("utf-8", errors="replace")
    except (OSError, StoreError) as error:
        raise HwgenError(f"Liberty file {path} cannot be read: {error}") from error
    try:
        library = _read(text)
        cells = {
            group.arguments[0]: _cell(group) for group in library.groups if group.kind == "cell"
        }
        if library.kind != "library" or not cells:
            raise ValueError("it holds no library with cells")
        name = library.arguments[0] if library.arguments else path.stem
        return Library(path, name, _femtofarads(library), cells)
    except (ValueError, IndexError, KeyError) as error:
        raise HwgenError(
            f"{path} must be a Liberty file, as cell libraries have ({error}); uncompress it if it "
            "is compressed"
        ) from error


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            line = text.count("\n", 0, at) + 1
            raise ValueError(f"line {line}: {text[at : at + 20]!r} is not understood")
        at = match.end()
        if match.lastgroup not in (None, "space"):
            yield str(match.lastgroup), str(match[str(match.lastgroup)])
    yield "end", ""


def _read(text: str) -> _Group:
    """Return the first group of a file, all that it holds within it."""
    tokens = _tokens(text)
    top = _Group("file", ())
    stack = [top]
    for kind, word in tokens:
        if kind == "end":
            break
        if (kind, word) == ("mark", "}"):
            if len(stack) == 1:
                raise ValueError("a brace closes what was not opened")
            stack.pop()
        elif kind == "word":
            _statement(word, tokens, stack)
        elif (kind, word) != ("mark", ";"):
            raise ValueError(f"{word!r} stands where a name should")
    if len(stack) > 1 or not top.groups:
        raise ValueError(f"{stack[-1].kind} does not end")
    return top.groups[0]


def _statement(name: str, tokens: Iterator[tuple[str, str]], stack: list[_Group]) -> None:
    """Read what follows a name: a value, or arguments and perhaps the start of a group."""
    kind, word = next(tokens)
    if word == ":":
        values = []
        for kind, word in tokens:
            if kind == "mark" and word in ";}" or kind == "end":
                break
            values.append(word)
            if kind == "text":
                break  # files leave out the semicolon behind a text now and then
        stack[-1].attributes[name] = " ".join(values)
        if (kind, word) == ("mark", "}"):
            stack.pop()
        return
    if word != "(":
        raise ValueError(f"{name} is followed by {word!r}")
    arguments = []
    for kind, word in tokens:
        if (kind, word) == ("mark", ")") or kind == "end":
            break
        if kind != "mark":
            arguments.append(word)
    following = next(tokens, ("end", ""))
    if following == ("mark", "{"):
        group = _Group(name, tuple(arguments))
        stack[-1].groups.append(group)
        stack.append(group)
    else:
        stack[-1].attributes[name] = " ".join(arguments)
        if following == ("mark", "}"):
            stack.pop()
        elif following[0] == "word":
            _statement(following[1], tokens, stack)


def _cell(group: _Group) -> Cell:
    pins = [pin for part in group.groups if part.kind == "pin" for pin in _pins(part)]
    unused = any(
        holder.attributes.get(name) == "true"
        for holder in (group, *group.groups)
        for name in ("dont_use", "dont_touch", "pad_cell", "is_pad")
    )
    area = float(group.attributes.get("area", 0))
    return Cell(group.arguments[0], area, tuple(pins), _holds(group), unused)


def _pins(group: _Group) -> Iterator[Pin]:
    given = group.attributes
    function = given.get("function")
    for name in group.arguments:
        yield Pin(
            name,
            given.get("direction", "inout"),
            None if function is None else parse_function(function),
            "three_state" in given,
            float(given.get("capacitance", 0)),
        )


def _holds(group: _Group) -> Register | Latch | None:
    for part in group.groups:
        if part.kind == "ff" and {"next_state", "clocked_on"} <= set(part.attributes):
            names = ("next_state", "clocked_on", "clear", "preset")
            texts = {name: part.attributes[name] for name in names if name in part.attributes}
            given = {name: parse_function(text) for name, text in texts.items()}
            state, inverse = part.arguments
            return Register(
                state,
                inverse,
                given["next_state"],
                given["clocked_on"],
                given.get("clear"),
                given.get("preset"),
            )
        if part.kind in ("ff", "latch", "ff_bank", "latch_bank", "statetable"):
            return Latch()
    return None


def _femtofarads(library: _Group) -> float:
    number, unit = library.attributes.get("capacitive_load_unit", "1 pf").split()
    return float(number) * {"ff": 1.0, "pf": 1e3}[unit.lower()]

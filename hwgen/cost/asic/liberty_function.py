"""Functions of a Liberty file's pins, such as "!((A B)+C)": read, computed, and said in Verilog."""

__all__ = ["Function", "parse_function"]

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_TOKEN = re.compile(r"\s*(?:([A-Za-z_][\w\[\].]*)|([01])|([!'^*&+|()]))")
_VERILOG = {"not": "~", "and": " & ", "xor": " ^ ", "or": " | "}


@dataclass(frozen=True)
class Function:
    """A function: a pin's name, "0" or "1", or "not", "and", "xor", "or" of others."""

    kind: str
    of: tuple["Function", ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Pins that it looks at."""
        if self.of:
            return tuple(dict.fromkeys(name for part in self.of for name in part.names))
        return () if self.kind in "01" else (self.kind,)

    def value(self, pins: Mapping[str, int]) -> int:
        """Return the function's value, 0 or 1, for values of its pins."""
        if not self.of:
            return int(self.kind) if self.kind in "01" else pins[self.kind]
        values = [part.value(pins) for part in self.of]
        if self.kind == "not":
            return 1 - values[0]
        if self.kind == "xor":
            return sum(values) % 2
        return int(all(values)) if self.kind == "and" else int(any(values))

    def verilog(self) -> str:
        """Return it as an expression in Verilog."""
        if not self.of:
            return f"1'b{self.kind}" if self.kind in "01" else identifier(self.kind)
        sign = _VERILOG[self.kind]
        if self.kind == "not":
            return f"{sign}{self.of[0].verilog()}"
        return f"({sign.join(part.verilog() for part in self.of)})"


def identifier(name: str) -> str:
    """Return a name as Verilog spells it."""
    return name if re.fullmatch(r"[A-Za-z_]\w*", name) else f"\\{name} "


def parse_function(text: str) -> Function:
    """Return the function that a text says.

    `!` and `'` (behind its operand) negate, and bind closest; then `^`; then `*`, `&` or a space,
    and; then `+` or `|`, or.

    Raises
    ------
    ValueError : it says none
    """
    tokens = []
    at = 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"function {text!r} is not understood")
        tokens.append(match[match.lastindex or 0])
        at = match.end()
    reader = _Reader(text, tokens)
    found = reader.alternatives()
    if reader.next:
        raise ValueError(f"function {text!r} is not understood")
    return found


class _Reader:
    """Reads one function."""

    def __init__(self, text: str, tokens: list[str]):
        self._text = text
        self._tokens: Iterator[str] = iter(tokens)
        self.next = next(self._tokens, "")

    def _take(self) -> str:
        taken, self.next = self.next, next(self._tokens, "")
        return taken

    def alternatives(self) -> Function:
        parts = [self._products()]
        while self.next and self.next in "+|":
            self._take()
            parts.append(self._products())
        return parts[0] if len(parts) == 1 else Function("or", tuple(parts))

    def _products(self) -> Function:
        parts = [self._parities()]
        while self.next and self.next not in "+|)^'":
            if self.next in "*&":
                self._take()
            parts.append(self._parities())
        return parts[0] if len(parts) == 1 else Function("and", tuple(parts))

    def _parities(self) -> Function:
        parts = [self._operand()]
        while self.next == "^":
            self._take()
            parts.append(self._operand())
        return parts[0] if len(parts) == 1 else Function("xor", tuple(parts))

    def _operand(self) -> Function:
        token = self._take()
        if token == "!":
            return Function("not", (self._operand(),))
        if token == "(":
            found = self.alternatives()
            if self._take() != ")":
                raise ValueError(f"function {self._text!r} does not close a bracket")
        elif token and (token in "01" or token[0].isalpha() or token[0] == "_"):
            found = Function(token)
        else:
            raise ValueError(f"function {self._text!r} lacks an operand")
        while self.next == "'":
            self._take()
            found = Function("not", (found,))
        return found

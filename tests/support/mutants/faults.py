"""The faults: small mistakes that somebody could make, each with the tests that should find it."""

import re
import shlex
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
LISTS = ROOT / "tests" / "mutants" / "faults"
# A word that makes a test file dear: whole networks, simulators, synthesis, training.
DEAR = re.compile(r"simulate\(|synthesi|route|subprocess|compress\(|whole|netlist")


class StaleError(Exception):
    """A list does not fit the tree."""


@dataclass(frozen=True)
class Fault:
    """A mistake.

    name : of its own
    file : from the root of the tree
    old, new : text that is in the file exactly once, and what it becomes
    why : in which way that is wrong
    nearest : test files, perhaps with options of pytest behind them, the first to try first
    """

    name: str
    file: str
    old: str
    new: str
    why: str
    nearest: tuple[str, ...]

    def planted(self, root: Path) -> str:
        """Return the text of the file with the fault.

        Raises
        ------
        StaleError : there is no place for it, or more than one
        """
        path = root / self.file
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        count = text.count(self.old)
        if count != 1 or self.old == self.new:
            raise StaleError(f"{self.file} must hold once, not {count} times: {self.old!r}")
        return text.replace(self.old, self.new)


def load(folder: Path = LISTS) -> list[Fault]:
    """Return the faults of all lists."""
    found = []
    for path in sorted(folder.glob("*.toml")):
        for name, fields in tomllib.loads(path.read_text(encoding="utf-8")).items():
            nearest = tuple(fields.pop("nearest"))
            found.append(Fault(name=name, nearest=nearest, **fields))
    return found


def options_of(entry: str) -> list[str]:
    """Return an entry of `nearest` as words of a command line: the file first."""
    return shlex.split(entry)


def near(fault: Fault, root: Path) -> list[str]:
    """Return all test files: those that are named like the fault's module, then those that import
    it, then those of its room; among equals the cheap ones first."""
    *rooms, stem = Path(fault.file).with_suffix("").parts
    imports = re.compile(rf"\b{rooms[-1]}\.{stem}\b|\.{stem} import|import {stem}\b")

    def rank(path: Path) -> tuple[int, bool, str]:
        text, words = _text(path), path.stem.removeprefix("test_").split("_")
        told = 4 * (stem in path.stem) + 2 * bool(imports.search(text)) + (rooms[-1] in words)
        return (-told, bool(DEAR.search(text)), str(path))

    files = (path for path in (root / "tests").rglob("test_*.py") if path.parent.name != "mutants")
    return [str(path.relative_to(root)) for path in sorted(files, key=rank)]


@cache
def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")

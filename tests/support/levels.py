"""Levels: which test files hold which promise, and what each level costs.

python -m support.levels JUNIT.xml, from tests/, prints the table of CONTRIBUTING.md.
"""

import sys
import tomllib
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Level:
    """name, promise : in words
    files : patterns, from tests/
    """

    name: str
    promise: str
    files: tuple[str, ...]


def levels() -> list[Level]:
    """Return the levels, in the order in which they claim test files."""
    rows = tomllib.loads((TESTS / "levels.toml").read_text(encoding="utf-8"))["level"]
    return [Level(row["name"], row["promise"], tuple(row["files"])) for row in rows]


def level_of(file: str) -> str | None:
    """Return the level of a test file, from tests/; None where none claims it."""
    path = Path(file)
    return next((le.name for le in levels() if any(path.match(f) for f in le.files)), None)


def table(tests: Mapping[str, int], seconds: Mapping[str, float]) -> str:
    """Return levels with their tests and seconds, in Markdown."""
    rows = ["| level | holds | tests | seconds |", "|---|---|---:|---:|"]
    for level in levels():
        count, took = tests.get(level.name, 0), seconds.get(level.name, 0.0)
        rows.append(f"| {level.name} | {level.promise} | {count:,} | {took:.0f} |")
    rows.append(f"| all | | {sum(tests.values()):,} | {sum(seconds.values()):.0f} |")
    return "\n".join(rows)


def main(junit: str) -> None:
    """Print the table of a run, from pytest's --junitxml."""
    tests, seconds = Counter[str](), Counter[str]()
    for case in ET.parse(junit).iter("testcase"):
        parts = case.attrib["classname"].split(".")
        level = level_of("/".join(parts[parts.index("tests") + 1 :]) + ".py") or "?"
        tests[level] += 1
        seconds[level] += float(case.attrib["time"])
    sys.stdout.write(table(tests, seconds) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])

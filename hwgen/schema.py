"""Rules for data that anybody may have written: each names the place of what it refuses."""

__all__ = [
    "MANY",
    "Rule",
    "any_of",
    "each",
    "flag",
    "integer",
    "matching",
    "number",
    "one_of",
    "optional",
    "record",
    "refuse",
    "scalar",
    "short",
    "table",
    "text",
]

import re
import reprlib
from collections.abc import Mapping
from typing import Protocol

from hwgen.errors import StoreError

MANY = 1 << 48  # above every count that can be meant


class Rule(Protocol):
    """Checks a value.

    Raises
    ------
    StoreError : says where it stands, and what it must be
    """

    def __call__(self, value: object, where: str) -> None: ...


def short(value: object) -> str:
    """Return a value as a message shows it, however large or deep it is."""
    try:
        shown = reprlib.repr(value)
    except ValueError:  # of an integer that Python does not write out
        return "a number of thousands of digits"
    return shown if len(shown) <= 80 else f"{shown[:77]}..."


def refuse(where: str, rule: str, value: object) -> StoreError:
    """Return the error of a value that breaks a rule."""
    return StoreError(f"{where} must be {rule}, not {short(value)}")


def integer(lo: int = -MANY, hi: int = MANY) -> Rule:
    """An integer of [lo, hi]."""

    def check(value: object, where: str) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or not lo <= value <= hi:
            raise refuse(where, f"an integer of [{lo}, {hi}]", value)

    return check


def number(lo: float, hi: float) -> Rule:
    """A finite number of [lo, hi]."""

    def check(value: object, where: str) -> None:
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not lo <= value <= hi:
            raise refuse(where, f"a number of [{lo:g}, {hi:g}]", value)

    return check


def flag(value: object, where: str) -> None:
    """True or false."""
    if not isinstance(value, bool):
        raise refuse(where, "true or false", value)


def text(value: object, where: str) -> None:
    """Any text."""
    if not isinstance(value, str):
        raise refuse(where, "text", value)


def matching(pattern: str, what: str) -> Rule:
    """A text that a pattern matches from end to end; `what` it is then, in words."""

    def check(value: object, where: str) -> None:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise refuse(where, what, value)

    return check


def one_of(*choices: str) -> Rule:
    """One of some words."""

    def check(value: object, where: str) -> None:
        if not isinstance(value, str) or value not in choices:
            raise refuse(where, f"one of {', '.join(choices)}", value)

    return check


def optional(rule: Rule) -> Rule:
    """Nothing, or what a rule allows."""

    def check(value: object, where: str) -> None:
        if value is not None:
            rule(value, where)

    return check


def scalar(value: object, where: str) -> None:
    """Nothing, a truth, a text or a number that is finite."""
    if not isinstance(value, (str, bool, type(None))):
        number(-1e300, 1e300)(value, where)


def any_of(*rules: Rule) -> Rule:
    """What one of the rules allows; the last says what is wrong."""

    def check(value: object, where: str) -> None:
        for rule in rules[:-1]:
            try:
                return rule(value, where)
            except StoreError:
                continue
        rules[-1](value, where)

    return check


def each(rule: Rule, least: int = 0, most: int = MANY) -> Rule:
    """A list of so many values."""

    def check(value: object, where: str) -> None:
        if not isinstance(value, list) or not least <= len(value) <= most:
            count = str(least) if least == most else f"at least {least}"
            count += f" and at most {most}" if least != most < MANY else ""
            raise refuse(where, f"a list of {count}", value)
        for index, item in enumerate(value):
            rule(item, f"{where}[{index}]")

    return check


def table(keys: Rule, values: Rule) -> Rule:
    """A table with keys of its own."""

    def check(value: object, where: str) -> None:
        if not isinstance(value, dict):
            raise refuse(where, "a table", value)
        for key, item in value.items():
            keys(key, f"A key of {where}")
            values(item, f"{where}[{reprlib.repr(key)}]")

    return check


def record(
    rules: Mapping[str, Rule],
    may: Mapping[str, Rule] | None = None,
    others: Rule | None = None,
    closed: bool = False,
) -> Rule:
    """A table of named fields.

    Parameters
    ----------
    rules : of the fields that must be there
    may : of those that may be
    others : of all else; without it these are not looked at, or with `closed` refused
    """
    known = {**rules, **(may or {})}

    def check(value: object, where: str) -> None:
        if not isinstance(value, dict):
            raise refuse(where or "It", "a table", value)
        inside = f"{where}." if where else ""
        for name in rules:
            if name not in value:
                raise StoreError(f"{inside}{name} is missing")
        for name, item in value.items():
            rule = known.get(name, others)
            if rule is not None:
                rule(item, f"{inside}{name}" if name in known else f"{inside}{name[:80]}")
            elif closed:
                what = f"A field of {where}" if where else "A field"
                raise refuse(what, "one that hwgen knows", name)

    return check

"""From TOML to dataclasses of the same shape: tables, keys and types are those of their fields."""

__all__ = ["read_text", "recipe_of"]

import tomllib
import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from hwgen.errors import HwgenError, StoreError, meant
from hwgen.files import read_file
from hwgen.schema import short

LONGEST = 1 << 17  # characters of a recipe
MOST_DOTS = 1 << 10  # of a line: keys of thousands of parts take tomllib minutes
LARGEST = 1 << 62  # integers are smaller
NONE = "none"  # TOML has no null: the text that stands for it, where it is not the default
T = TypeVar("T")
KINDS: dict[object, str] = {
    bool: "true or false",
    int: "an integer",
    float: "a number",
    str: "a text",
    tuple: "an array",
    Mapping: "a table",
}


def read_text(path: str | Path) -> str:
    """Return the text of a file.

    Raises
    ------
    HwgenError : it cannot be read
    """
    try:
        return read_file(Path(path), LONGEST).decode("utf-8")
    except (OSError, UnicodeDecodeError, StoreError) as error:
        reason = getattr(error, "strerror", None) or str(error).removeprefix(f"{path}: ")
        raise HwgenError(f"{path}: recipe cannot be read ({reason})") from error


def recipe_of(kind: type[T], text: str, name: str) -> T:
    """Return the dataclass that a TOML text describes.

    Parameters
    ----------
    kind : the dataclass; fields that are dataclasses are tables
    name : of the text in messages

    Raises
    ------
    HwgenError : names the text, the key, and what is allowed
    """
    if len(text) > LONGEST:
        raise HwgenError(f"{name}: recipe must have at most {LONGEST:,} characters")
    if any(line.count(".") > MOST_DOTS for line in text.split("\n")):
        raise HwgenError(f"{name}: recipe must have at most {MOST_DOTS:,} dots in a line")
    try:
        table = tomllib.loads(text)
    except RecursionError as error:
        raise HwgenError(f"{name}: recipe must be TOML; it is nested too deeply") from error
    except tomllib.TOMLDecodeError as error:
        raise HwgenError(f"{name}: recipe must be TOML; {error}") from error
    except ValueError as error:  # which Python says of long numbers
        text = "it holds a number of thousands of digits"
        raise HwgenError(f"{name}: recipe must be TOML; {text}") from error
    return _made(kind, table, name, "")


def _made(kind: type[T], table: Mapping[str, object], name: str, path: str) -> T:
    hints = get_type_hints(kind)
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    where = f"{name}, [{path}]" if path else name
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in known:
            hint = meant(key, known).removesuffix(" ")
            raise HwgenError(
                f"{where}: key must be one of {', '.join(known)}, not {short(key)}"
                + (f"; {hint}" if hint else "")
            )
        inner = f"{path}.{key}" if path else key
        choices = get_args(hints[key]) if _is_union(hints[key]) else (hints[key],)
        table_of: Any = next((choice for choice in choices if is_dataclass(choice)), None)
        if table_of is None:
            values[key] = _value(value, choices, known[key], f"{where}: {key}")
        elif isinstance(value, dict):
            values[key] = _made(table_of, value, name, inner)
        else:
            raise HwgenError(f"{where}: {key} must be a table, [{inner}], not {short(value)}")
    try:
        return kind(**values)
    except HwgenError as error:
        key = _key_of(error, kind, values)
        text = str(error)
        text = text if len(text) <= 500 else f"{text[:497]}..."
        raise type(error)(f"{where}: {key}{text}") from error


def _key_of(error: HwgenError, kind: type[object], values: Mapping[str, object]) -> str:
    """Return the key that alone raises an error, as the start of its message, or nothing."""
    for given in ({}, *({key: value} for key, value in values.items())):
        try:
            kind(**given)
        except HwgenError as found:
            if str(found) == str(error):
                return "".join(f"{key}: " for key in given)
    return ""


def _value(value: object, choices: tuple[Any, ...], field: "Field[Any]", where: str) -> object:
    """Return a value of one of the types, as the dataclass takes it."""
    if value == NONE and type(None) in choices and field.default not in (None, MISSING):
        return None
    for choice in choices:
        origin, inner = get_origin(choice) or choice, get_args(choice)
        if origin is tuple and isinstance(value, list):
            return tuple(_value(each, inner[:1], field, f"{where}, each,") for each in value)
        if origin is Mapping and isinstance(value, dict):
            return {
                key: _value(each, inner[1:], field, f"{where}.{key}") for key, each in value.items()
            }
        if origin is float and isinstance(value, (int, float)) and not isinstance(value, bool):
            if not abs(value) < LARGEST:  # NaN included
                raise HwgenError(f"{where} must be a number that is finite, not {short(value)}")
            return value
        if isinstance(origin, type) and type(value) is origin:
            if origin is int and not abs(value) < LARGEST:  # type: ignore[arg-type]
                raise HwgenError(f"{where} must be smaller than 2**62, not {short(value)}")
            return value
    wanted = [KINDS[get_origin(choice) or choice] for choice in choices if choice is not type(None)]
    raise HwgenError(f"{where} must be {' or '.join(wanted)}, not {short(value)}")


def _is_union(hint: object) -> bool:
    return get_origin(hint) in (Union, types.UnionType)

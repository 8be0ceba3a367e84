"""Data that anybody may have written, read as a type: what does not fit is named by its place.

The rules stand in the types, where msgspec reads them: `Annotated[int, Meta(ge=0)]`. A rule whose
figures do not explain it says in words what it asks for: `Meta(pattern=..., description="a name")`.
A record whose fields fit, but not one another, raises a ValueError in `__post_init__`; its text
goes on behind the record's place, such as "must ..." or ".field must ...".
"""

__all__ = ["MANY", "Count", "Positive", "read_as"]

import dataclasses
import reprlib
from collections.abc import Iterator
from enum import Enum
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from hwgen.errors import StoreError
from hwgen.schema import MANY, refuse

T = TypeVar("T")
Count = Annotated[int, Meta(ge=0, le=MANY)]
Positive = Annotated[int, Meta(ge=1, le=MANY)]


def read_as(value: object, kind: type[T], where: str = "") -> T:
    """Return plain values, as JSON and TOML give them, as a type: numbers, texts, enumerations,
    tuples, tables, dataclasses and msgspec's structs. Nothing is converted: "3" is no number, true
    is none either, and a number with a point is no integer.

    Parameters
    ----------
    where : place of the value, as a message names it; empty for a whole file

    Raises
    ------
    StoreError : names the place of the first value that does not fit, such as layers[2].folding.pe,
        what it must be, and what it is
    """
    found: T
    found, error = _read(value, kind)
    if error:
        raise _refusal(value, kind, where, error)
    return found


def _read(value: object, hint: Any) -> tuple[Any, str]:
    """Return a value as a type, and an empty text; or None, and what msgspec says of it."""
    try:
        return msgspec.convert(value, hint), ""
    except msgspec.ValidationError as error:
        return None, str(error)
    except UnicodeEncodeError:  # of half a character, in a name or a choice
        return None, "holds no text"


def _refusal(value: object, hint: Any, where: str, error: str) -> StoreError:
    """Return what is to be said of a value that does not fit a type."""
    kind, rules = _plain(hint, value)
    fields = _fields(kind)
    if fields is not None and isinstance(value, dict):
        inside = f"{where}." if where else ""
        for name, needed in fields.items():
            if needed and name not in value:
                return StoreError(f"{inside}{name} is missing")
        for name in value if issubclass(kind, msgspec.Struct) else ():
            if name not in fields:
                return refuse(
                    f"A field of {where}" if where else "A field", "one that hwgen knows", name
                )
    for place, inner, of in _parts(value, kind, where):
        said = _read(inner, of)[1]
        if said:
            return _refusal(inner, of, place, said)
    if fields is not None and isinstance(value, dict):  # its parts fit, but not one another
        said = error.partition(" - at `")[0]
        return StoreError(f"{where}{said}" if said[:1] == "." else f"{where or 'It'} {said}")
    return refuse(where or "It", _words(kind, rules), value)


def _plain(hint: Any, value: object) -> tuple[Any, list[Meta]]:
    """Return a type without what is around it, and the rules that were."""
    rules: list[Meta] = []
    while True:
        if get_origin(hint) is Annotated:
            hint, *more = get_args(hint)
            rules += [rule for rule in more if isinstance(rule, Meta)]
        elif get_origin(hint) in (Union, UnionType):
            hint = next(kind for kind in get_args(hint) if kind is not type(None))
        else:
            return hint, rules


def _fields(kind: Any) -> dict[str, bool] | None:
    """Return the names of a record's fields, and which must be there; None of what is none."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return {field.name: field.required for field in msgspec.structs.fields(kind)}
    if dataclasses.is_dataclass(kind):
        none = dataclasses.MISSING
        return {
            field.name: field.default is none and field.default_factory is none
            for field in dataclasses.fields(kind)
        }
    return None


def _parts(value: object, kind: Any, where: str) -> Iterator[tuple[str, object, Any]]:
    """Yield what a value is made of: each part's place, itself and the type that it must have."""
    arguments = get_args(kind)
    if _fields(kind) is not None and isinstance(value, dict):
        hints = get_type_hints(kind, include_extras=True)
        inside = f"{where}." if where else ""
        yield from (
            (f"{inside}{name}", value[name], hints[name]) for name in hints if name in value
        )
    elif get_origin(kind) is tuple and isinstance(value, list):
        kinds = arguments[:1] * len(value) if arguments[-1] is ... else arguments
        if len(kinds) == len(value):
            for index, (item, of) in enumerate(zip(value, kinds, strict=True)):
                yield f"{where}[{index}]", item, of
    elif arguments and isinstance(value, dict):
        for key, item in value.items():
            yield f"A key of {where}", key, arguments[0]
            yield f"{where}[{reprlib.repr(key)}]", item, arguments[1]


def _words(kind: Any, rules: list[Meta]) -> str:
    """Return in words what a value must be."""
    told = next((rule.description for rule in rules if rule.description), None)
    if told:
        return told
    least, most = (
        next((getattr(r, name) for r in rules if getattr(r, name) is not None), None)
        for name in (("ge", "le") if kind in (int, float) else ("min_length", "max_length"))
    )
    if kind in (int, float):
        what, shown = ("an integer", "") if kind is int else ("a number", "g")
        return what if least is None else f"{what} of [{least:{shown}}, {most:{shown}}]"
    if kind is bool:
        return "true or false"
    if kind is str:
        return "text"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return f"one of {', '.join(str(choice.value) for choice in kind)}"
    if get_origin(kind) is not tuple:
        return "a table"
    if ... not in get_args(kind):
        return f"a list of {len(get_args(kind))}"
    return f"a list of at least {least or 0}" + ("" if most is None else f" and at most {most}")

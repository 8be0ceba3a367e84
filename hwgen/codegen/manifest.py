"""The manifest of a package, read as data that anybody may have written."""

__all__ = ["MANIFEST", "SPEC_VERSION", "read_manifest"]

import json
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from hwgen.errors import StoreError

SPEC_VERSION = 1
MANIFEST = "manifest.json"
LONGEST = 1 << 28  # bytes of a manifest
MANY = 1 << 48  # above every count that can be meant

Rule = Callable[[object, str], None]


def _refuse(where: str, rule: str, value: object) -> StoreError:
    shown = repr(value)
    shown = shown if len(shown) <= 80 else f"{shown[:77]}..."
    return StoreError(f"{where} must be {rule}, not {shown}")


def _integer(lo: int = -MANY, hi: int = MANY) -> Rule:
    def check(value: object, where: str) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or not lo <= value <= hi:
            raise _refuse(where, f"an integer of [{lo}, {hi}]", value)

    return check


def _number(lo: float, hi: float) -> Rule:
    def check(value: object, where: str) -> None:
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not lo <= value <= hi:
            raise _refuse(where, f"a number of [{lo:g}, {hi:g}]", value)

    return check


def _flag(value: object, where: str) -> None:
    if not isinstance(value, bool):
        raise _refuse(where, "true or false", value)


def _text(value: object, where: str) -> None:
    if not isinstance(value, str):
        raise _refuse(where, "text", value)


def _matching(pattern: str, what: str) -> Rule:
    def check(value: object, where: str) -> None:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise _refuse(where, what, value)

    return check


def _optional(rule: Rule) -> Rule:
    def check(value: object, where: str) -> None:
        if value is not None:
            rule(value, where)

    return check


def _each(rule: Rule, least: int = 0, most: int = MANY) -> Rule:
    def check(value: object, where: str) -> None:
        if not isinstance(value, list) or not least <= len(value) <= most:
            count = str(least) if least == most else f"at least {least}"
            raise _refuse(where, f"a list of {count}", value)
        for index, item in enumerate(value):
            rule(item, f"{where}[{index}]")

    return check


def _table(keys: Rule, values: Rule) -> Rule:
    def check(value: object, where: str) -> None:
        if not isinstance(value, dict):
            raise _refuse(where, "a table", value)
        for key, item in value.items():
            keys(key, f"A key of {where}")
            values(item, f"{where}[{key!r}]")

    return check


def _record(rules: Mapping[str, Rule]) -> Rule:
    """Check the fields that hwgen reads; others may be there."""

    def check(value: object, where: str) -> None:
        if not isinstance(value, dict):
            raise _refuse(where, "a table", value)
        for name, rule in rules.items():
            field = f"{where}.{name}" if where else name
            if name not in value:
                raise StoreError(f"{field} is missing")
            rule(value[name], field)

    return check


def _place(value: object, where: str) -> None:
    """A path to a file inside the package, as text."""
    if isinstance(value, str):
        parts = value.split("/")
        plain = not re.search(r"[\x00-\x1f\\]", value) and not PurePosixPath(value).is_absolute()
        if plain and len(value) < 1024 and not {"", ".", ".."} & set(parts):
            return
    raise _refuse(where, "the path of a file inside the package", value)


_identifier = _matching(r"[A-Za-z_][A-Za-z0-9_$]{0,500}", "a Verilog identifier")
_count = _integer(lo=0)
_counted = _integer(lo=1)
_RESOURCES = _table(_text, _count)

_STREAM = {
    "lanes": _integer(1, 1 << 20),
    "bits": _integer(1, 64),
    "signed": _flag,
    "base": _integer(-1, 0),
    "step": _integer(1, 2),
    "beats": _counted,
    "shape": _each(_counted, 1, 3),
    "stream_shape": _each(_counted, 3, 3),
}
_BORDER = {
    **_STREAM,
    "tdata_bits": _integer(1, 1 << 26),
    "format": _optional(_text),
    "scale": _each(_number(5e-324, 1.7976931348623157e308), 1),
    "zero_point": _integer(),
    "range": _each(_integer(), 2, 2),
}
_LAYER = {
    **_STREAM,
    "name": _text,
    "nodes": _each(_text, 1),
    "node": _text,
    "path": _each(_identifier, 1),
    "payload": _identifier,
    "valid": _identifier,
    "ready": _identifier,
    "folding": _table(_text, _count),
    "busy": _count,
    "macs": _count,
    "estimate": _RESOURCES,
    "queue": _optional(_count),
}
_PREDICTED = {
    "interval": _counted,
    "latency": _count,
    "busy": _count,
    "useful_share": _number(0, 1),
    "energy_nj": _number(0, 1e300),
    "frame_ends": _each(_count),
}
_MANIFEST = _record(
    {
        "versions": _table(_text, _text),
        "top": _identifier,
        "verilog": _place,
        "primitives": _each(_place),
        "network": _place,
        "target": _text,
        "clock_hz": _integer(1, 10**12),
        "goal": _text,
        "clock": _identifier,
        "reset": _identifier,
        "input": _record(_BORDER),
        "output": _record(_BORDER),
        "layers": _each(_record(_LAYER), 1),
        "estimate": _record(dict.fromkeys(("luts", "ffs", "dsps", "block_rams"), _count)),
        "predicted": _record(_PREDICTED),
        "files": _table(_place, _matching("[0-9a-f]{64}", "a SHA-256 in hexadecimal")),
    }
)


def _agrees(stream: Mapping[str, Any], where: str) -> None:
    """Refuse a stream whose figures contradict one another."""
    channels, height, width = stream["stream_shape"]
    lanes, bits = stream["lanes"], stream["bits"]
    beats = -(-channels // lanes) * height * width
    same = math.prod(stream["shape"]) == channels * height * width
    if (
        not same
        or stream["beats"] != beats
        or stream.get("tdata_bits", lanes * bits) < lanes * bits
    ):
        raise StoreError(f"{where} contradicts itself in lanes, bits, beats and shapes")


def _inside(folder: Path, name: str, where: str) -> None:
    """Refuse a file that is not there, or that a link leads out of the folder to."""
    try:
        path = (folder / name).resolve(strict=True)
        inside = path.is_relative_to(folder.resolve()) and path.is_file()
    except (OSError, RuntimeError) as error:
        raise StoreError(f"{where} names {name}, which is missing") from error
    if not inside:
        raise StoreError(f"{where} must be a file inside the package, not {name}")


def _check(manifest: dict[str, Any], folder: Path) -> None:
    version = manifest.get("spec_version")
    if version != SPEC_VERSION or not isinstance(version, int) or isinstance(version, bool):
        raise StoreError(f"spec version must be {SPEC_VERSION}, not {version!r:.40}")
    _MANIFEST(manifest, "")
    for name in ("input", "output"):
        _agrees(manifest[name], name)
    for number, layer in enumerate(manifest["layers"]):
        _agrees(layer, f"layers[{number}]")
    for name in ("verilog", "network"):
        _inside(folder, manifest[name], name)
    for number, name in enumerate(manifest["primitives"]):
        _inside(folder, name, f"primitives[{number}]")


def read_manifest(folder: str | Path) -> dict[str, Any]:
    """Return the manifest of a package, every field that hwgen reads checked.

    Whoever wrote it, it is data: files it names lie inside the folder, names are identifiers, and
    figures are what they seem.

    Raises
    ------
    StoreError : the folder is not a package, a damaged one, or one of another version
    """
    folder = Path(folder)
    path = folder / MANIFEST
    try:
        if path.stat().st_size > LONGEST:
            raise StoreError(f"{path}: is too large for a manifest; generate the package again")
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise StoreError(
            f"{folder}: is not a package (it has no {MANIFEST}); make one with hwgen generate"
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise StoreError(f"{path}: cannot be read ({error}); generate the package again") from error
    if not isinstance(manifest, dict) or manifest.get("generator") != "hwgen":
        raise StoreError(f"{path}: was not written by hwgen")
    try:
        _check(manifest, folder)
    except StoreError as error:
        raise StoreError(f"{path}: {error}; generate the package again") from error
    return manifest

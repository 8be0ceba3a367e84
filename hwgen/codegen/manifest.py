"""The manifest of a package, read as data that anybody may have written."""

__all__ = ["MANIFEST", "SPEC_VERSION", "read_manifest"]

import math
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from hwgen.errors import StoreError
from hwgen.files import NoRegularFile, parse_json, read_file
from hwgen.schema import (
    each,
    flag,
    integer,
    matching,
    number,
    one_of,
    optional,
    record,
    refuse,
    table,
    text,
)
from hwgen.targets import Rom

SPEC_VERSION = 1
MANIFEST = "manifest.json"
LONGEST = 1 << 28  # bytes of a manifest


def _place(value: object, where: str) -> None:
    """A path to a file inside the package, as text."""
    if isinstance(value, str):
        parts = value.split("/")
        plain = not re.search(r"[\x00-\x1f\\]", value) and not PurePosixPath(value).is_absolute()
        if plain and len(value) < 1024 and not {"", ".", ".."} & set(parts):
            return
    raise refuse(where, "the path of a file inside the package", value)


_identifier = matching(r"[A-Za-z_][A-Za-z0-9_$]{0,500}", "a Verilog identifier")
_count = integer(lo=0)
_counted = integer(lo=1)
_RESOURCES = table(text, _count)

_STREAM = {
    "lanes": integer(1, 1 << 20),
    "bits": integer(1, 64),
    "signed": flag,
    "base": integer(-1, 0),
    "step": integer(1, 2),
    "beats": _counted,
    "shape": each(_counted, 1, 3),
    "stream_shape": each(_counted, 3, 3),
}
_BORDER = {
    **_STREAM,
    "tdata_bits": integer(1, 1 << 26),
    "format": optional(text),
    "scale": each(number(5e-324, 1.7976931348623157e308), 1),
    "zero_point": integer(),
    "range": each(integer(), 2, 2),
}
_LAYER = {
    **_STREAM,
    "name": text,
    "nodes": each(text, 1),
    "node": text,
    "path": each(_identifier, 1),
    "payload": _identifier,
    "valid": _identifier,
    "ready": _identifier,
    "folding": table(text, _count),
    "busy": _count,
    "macs": _count,
    "estimate": _RESOURCES,
    "queue": optional(_count),
}
_PREDICTED = {
    "interval": _counted,
    "latency": _count,
    "busy": _count,
    "useful_share": number(0, 1),
    "energy_nj": number(0, 1e300),
    "frame_ends": each(_count),
}
_MANIFEST = record(
    {
        "versions": table(text, text),
        "top": _identifier,
        "verilog": _place,
        "primitives": each(_place),
        "network": _place,
        "target": text,
        "rom": one_of(*(rom.value for rom in Rom)),
        "clock_hz": integer(1, 10**12),
        "goal": text,
        "clock": _identifier,
        "reset": _identifier,
        "input": record(_BORDER),
        "output": record(_BORDER),
        "layers": each(record(_LAYER), 1),
        "estimate": record(dict.fromkeys(("luts", "ffs", "dsps", "block_rams"), _count)),
        "predicted": record(_PREDICTED),
        "files": table(_place, matching("[0-9a-f]{64}", "a SHA-256 in hexadecimal")),
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
    for index, layer in enumerate(manifest["layers"]):
        _agrees(layer, f"layers[{index}]")
    for name in ("verilog", "network"):
        _inside(folder, manifest[name], name)
    for index, name in enumerate(manifest["primitives"]):
        _inside(folder, name, f"primitives[{index}]")


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
        manifest = parse_json(read_file(path, LONGEST), nan=True)
    except NoRegularFile as error:
        raise StoreError(f"{error}; generate the package again") from error
    except (FileNotFoundError, NotADirectoryError) as error:
        raise StoreError(
            f"{folder}: is not a package (it has no {MANIFEST}); make one with hwgen generate"
        ) from error
    except (OSError, StoreError) as error:
        raise StoreError(f"{path}: cannot be read ({error}); generate the package again") from error
    if not isinstance(manifest, dict) or manifest.get("generator") != "hwgen":
        raise StoreError(f"{path}: was not written by hwgen")
    try:
        _check(manifest, folder)
    except StoreError as error:
        raise StoreError(f"{path}: {error}; generate the package again") from error
    return manifest

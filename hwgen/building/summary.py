"""What a folder of a built board holds: a summary for programs, and for `hwgen flash`."""

__all__ = ["SUMMARY", "Build", "read_summary"]

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from hwgen.errors import StoreError

SUMMARY = "build.json"
SPEC_VERSION = 1
LONGEST = 1 << 24  # bytes of a summary


@dataclass(frozen=True)
class Build:
    """A bitstream with all that belongs to it.

    Attributes
    ----------
    folder : where it lies
    board : name of the board, and of its target
    top : the chip's top module
    bitstream : the file that programs the board, in the folder
    programmer : the command that does, without the file
    note : what a user has to know of the board; may be empty
    network : first bytes of the network's SHA-256, in hexadecimal, as the board answers them
    clock_hz : of the accelerator, Hz
    baud : bits a second of the serial line
    clocks_per_bit : of the serial line
    fmax_mhz : highest clock of what was placed, derated where its family needs that, MHz
    seed : of the placer that was taken
    used, available : look-up tables, flip-flops, DSP blocks and block memories, counts
    frames_per_second : "accelerator", at its clock, and "link", over the serial line
    interval, latency : of the accelerator, clocks
    files : SHA-256 of every file by its path in the folder
    """

    folder: Path
    board: str
    top: str
    bitstream: str
    programmer: tuple[str, ...]
    note: str
    network: str
    clock_hz: float
    baud: int
    clocks_per_bit: int
    fmax_mhz: float
    seed: int
    used: dict[str, int]
    available: dict[str, int]
    frames_per_second: dict[str, float]
    interval: int
    latency: int
    files: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """Return the fields as plain values, without the folder's place."""
        plain = asdict(self) | {"programmer": list(self.programmer)}
        del plain["folder"]
        return {"generator": "hwgen build", "spec_version": SPEC_VERSION, **plain}


_TEXTS = ("board", "top", "bitstream", "note", "network")
_COUNTS = ("baud", "clocks_per_bit", "seed", "interval", "latency")
_NUMBERS = ("clock_hz", "fmax_mhz")


def read_summary(folder: str | Path) -> Build:
    """Return what a folder says of the build that it holds.

    Whoever wrote it, it is data: fields are of their kind, and the bitstream is a file inside.

    Raises
    ------
    StoreError : the folder holds no build, or a damaged one
    """
    folder = Path(folder)
    path = folder / SUMMARY
    try:
        if path.stat().st_size > LONGEST:
            raise StoreError(f"{path}: is too large for a summary; build again")
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise StoreError(
            f"{folder}: holds no bitstream (it has no {SUMMARY}); make one with hwgen build"
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise StoreError(f"{path}: cannot be read ({error}); build again") from error
    if not isinstance(found, dict) or found.get("spec_version") != SPEC_VERSION:
        raise StoreError(f"{path}: was not written by this hwgen; build again")
    names = [name for name in Build.__dataclass_fields__ if name != "folder"]
    wrong = [name for name in names if not _holds(name, found.get(name))]
    if wrong:
        raise StoreError(f"{path}: {wrong[0]} is missing or of the wrong kind; build again")
    fields = {name: found[name] for name in names} | {"programmer": tuple(found["programmer"])}
    build = Build(folder=folder, **fields)
    if not (folder / build.bitstream).is_file():
        raise StoreError(f"{path}: names {build.bitstream}, which is missing; build again")
    return replace(build, clock_hz=float(build.clock_hz))


def _holds(name: str, value: object) -> bool:
    """Say whether a field is of its kind."""
    if name == "bitstream":
        return isinstance(value, str) and PurePosixPath(value).name == value != ""
    if name in _TEXTS:
        return isinstance(value, str)
    if name in _COUNTS:
        return isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if name in _NUMBERS:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0
    if name == "programmer":
        return isinstance(value, list) and bool(value) and all(isinstance(p, str) for p in value)
    return isinstance(value, dict) and all(isinstance(key, str) for key in value)

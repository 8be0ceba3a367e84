"""What a folder of a built board holds: a summary for programs, and for `hwgen flash`."""

__all__ = ["SUMMARY", "Build", "read_bitstream", "read_summary"]

import hashlib
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from hwgen.errors import StoreError
from hwgen.files import read_file, read_json
from hwgen.schema import Rule, each, integer, matching, number, record, table, text

SUMMARY = "build.json"
SPEC_VERSION = 1
LONGEST = 1 << 26  # bytes of a summary, or of a bitstream


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


_count, _positive = integer(lo=0), number(1e-9, 1e18)
_FIELDS: dict[str, Rule] = {
    **dict.fromkeys(("board", "top", "note", "network"), text),
    "bitstream": matching(r"(?!\.{1,2}$)[^/\x00-\x1f]+", "the name of a file"),
    "programmer": each(text, 1),
    **dict.fromkeys(("baud", "clocks_per_bit", "seed", "interval", "latency"), _count),
    **dict.fromkeys(("clock_hz", "fmax_mhz"), _positive),
    **dict.fromkeys(("used", "available"), table(text, _count)),
    "frames_per_second": table(text, number(0, 1e18)),
    "files": table(text, matching("[0-9a-f]{64}", "a SHA-256 in hexadecimal")),
}
_SUMMARY = record(_FIELDS)


def read_summary(folder: str | Path) -> Build:
    """Return what a folder says of the build that it holds.

    Whoever wrote it, it is data: fields are of their kind, and the bitstream is a file inside.

    Raises
    ------
    StoreError : the folder holds no build, or a damaged one
    """
    folder = Path(folder)
    path = folder / SUMMARY
    missing = f"{folder}: holds no bitstream (it has no {SUMMARY}); make one with hwgen build"
    found = read_json(path, LONGEST, missing=missing, again="build again")
    if not isinstance(found, dict) or found.get("spec_version") != SPEC_VERSION:
        raise StoreError(f"{path}: was not written by this hwgen; build again")
    try:
        _SUMMARY(found, "")
    except StoreError as error:
        raise StoreError(f"{path}: {error}; build again") from error
    fields = {name: found[name] for name in _FIELDS} | {"programmer": tuple(found["programmer"])}
    build = Build(folder=folder, **fields)
    if not (folder / build.bitstream).is_file():
        raise StoreError(f"{path}: names {build.bitstream}, which is missing; build again")
    return replace(build, clock_hz=float(build.clock_hz))


def read_bitstream(build: Build) -> bytes:
    """Return the bitstream of a build.

    Raises
    ------
    StoreError : it is gone, or not the one that was built
    """
    path = build.folder / build.bitstream
    try:
        data = read_file(path, LONGEST)
    except OSError as error:
        raise StoreError(f"{path}: cannot be read ({error.strerror}); build again") from error
    if hashlib.sha256(data).hexdigest() != build.files.get(build.bitstream):
        raise StoreError(f"{path}: is not what {SUMMARY} says was built; build again")
    return data

"""Files that anybody may have written: opened in one way, which ends.

A name that a user gives, or that a manifest holds, may lead to a device that never ends, a pipe
that nobody writes to, or a file larger than memory. Here a regular file of a bounded size is
opened, and nothing else.
"""

__all__ = ["NoRegularFile", "open_file", "parse_json", "read_file", "read_json", "read_text"]

import json
import os
import stat
from pathlib import Path
from typing import BinaryIO

from hwgen.errors import StoreError

TEXT_BYTES = 1 << 28  # of Verilog, the largest text that there is
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


class NoRegularFile(StoreError):
    """What is there is a folder, a device, a pipe, or larger than it may be."""


def _check(path: Path, found: os.stat_result, most: int) -> None:
    if not stat.S_ISREG(found.st_mode):
        kind = next((name for is_kind, name in _KINDS if is_kind(found.st_mode)), "something else")
        raise NoRegularFile(f"{path}: must be a file, not {kind}")
    if found.st_size > most:
        raise NoRegularFile(
            f"{path}: must be a file of at most {most:,} bytes, not {found.st_size:,}"
        )


def open_file(path: Path, most: int) -> BinaryIO:
    """Open a regular file of at most `most` bytes to read; links to one are followed.

    Raises
    ------
    NoRegularFile : it is something else, or larger
    OSError : it is not there, or may not be read
    """
    try:
        _check(path, path.stat(), most)  # before it is opened: to open some devices does something
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except ValueError as error:  # a NUL in the name
        raise FileNotFoundError(f"no file has such a name: {error}") from error
    file = os.fdopen(handle, "rb")
    try:
        _check(path, os.fstat(handle), most)  # what was opened, whatever is there by now
    except BaseException:
        file.close()
        raise
    return file


def read_file(path: Path, most: int) -> bytes:
    """Return what a regular file of at most `most` bytes holds.

    Raises
    ------
    NoRegularFile : it is something else, or larger
    OSError : it is not there, or may not be read
    """
    with open_file(path, most) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise NoRegularFile(f"{path}: must be a file of at most {most:,} bytes, and grows")
    return data


def read_text(path: Path, most: int = TEXT_BYTES) -> str:
    """Return what a regular file of UTF-8 holds.

    Raises
    ------
    NoRegularFile : it is something else, or larger
    OSError : it is not there, or may not be read
    UnicodeDecodeError : it is no UTF-8
    """
    return read_file(path, most).decode("utf-8")


def parse_json(text: str | bytes, *, nan: bool = False) -> object:
    """Return what a JSON text says; keys that are given twice are not JSON.

    Parameters
    ----------
    nan : whether NaN and infinity, which are not JSON, pass, for a schema to name their place

    Raises
    ------
    StoreError : it is not JSON, nested too deeply, or holds numbers of thousands of digits
    """
    constant = float if nan else _refuse
    try:
        return json.loads(text, parse_constant=constant, object_pairs_hook=_unique)
    except RecursionError as error:
        raise StoreError("not readable as JSON: it is nested too deeply") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise StoreError(f"not readable as JSON: {error}") from error
    except ValueError as error:  # which Python says of long numbers
        raise StoreError(
            "not readable as JSON: it holds a number of thousands of digits"
        ) from error


def read_json(path: Path, most: int, *, missing: str, again: str) -> object:
    """Return what a JSON file says that hwgen wrote; NaN and infinity pass, for a schema to name
    their place.

    Parameters
    ----------
    missing : what to say where there is none
    again : what to do where it is damaged

    Raises
    ------
    StoreError : there is none, or it cannot be read
    """
    try:
        return parse_json(read_file(path, most), nan=True)
    except NoRegularFile as error:
        raise StoreError(f"{error}; {again}") from error
    except (FileNotFoundError, NotADirectoryError) as error:
        raise StoreError(missing) from error
    except (OSError, StoreError) as error:
        raise StoreError(f"{path}: cannot be read ({error}); {again}") from error


def _refuse(constant: str) -> float:
    raise StoreError(f"{constant} is not a number that hwgen stores")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [key for key, _ in pairs]
        twice = next(key for key in names if names.count(key) > 1)
        raise StoreError(f"a key is given twice, {ascii(twice[:60])}")
    return found

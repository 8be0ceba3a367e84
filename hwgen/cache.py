"""A folder of results named by the hash of all they were made from.

An entry is built in a scratch folder and moved into place when it is complete, under a lock that
keeps two processes from building the same thing. An entry carries a list of its files and their
hashes; one that does not match its list is built again, so a half-written or damaged one is never
used.

A scratch folder, `.NAME.HEX.tmp`, is gone after its use. Its maker holds a lock on it, which ends
with the process: what killed runs left is known by that, and removed by the next.
"""

__all__ = ["Cache", "Part", "code_hash", "folder_of_ours", "scratch"]

import contextlib
import errno
import fcntl
import hashlib
import json
import logging
import os
import re
import secrets
import shutil
import stat
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from importlib.resources import files
from pathlib import Path

import platformdirs
from filelock import FileLock

from hwgen.errors import HwgenError

Part = str | bytes | int | float | bool | None

_SAID = logging.getLogger("hwgen")
_LIST = "complete.json"  # written last: an entry without it is not one
_ATTEMPTS = 20  # to make a scratch folder that nobody takes for a leftover
_BUSY = (BlockingIOError, FileNotFoundError)  # locked by another process, or removed by it


def _writable(folder: Path) -> bool:
    """Say whether files can be made in the folder, which is created where it is missing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def folder_of_ours(wanted: Path, name: str) -> Path:
    """Return `wanted` if it can be written, else a private folder in the temporary folder.

    The substitute is `NAME-UID`, so that the next process finds it again, unless that is somebody
    else's (what lies in it may be run).

    Raises
    ------
    HwgenError : the temporary folder cannot be written either
    """
    if _writable(wanted):
        return wanted
    try:
        folder = Path(tempfile.gettempdir()) / f"{name}-{os.getuid()}"
        with contextlib.suppress(FileExistsError):  # a file, or a link to nowhere, has the name
            folder.mkdir(mode=0o700, exist_ok=True)
            found = folder.lstat()
            private = stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o022
            if private and found.st_uid == os.getuid() and _writable(folder):
                return folder
        return Path(tempfile.mkdtemp(prefix=f"{name}-"))
    except OSError as error:
        raise HwgenError(
            f"Neither {wanted} nor the temporary folder can be written ({_reason(error)}); "
            "make room there, or set TMPDIR to a folder that can"
        ) from error


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


@contextlib.contextmanager
def scratch(place: Path, name: str) -> Iterator[Path]:
    """Make a hidden folder in a place, which is gone afterwards, whatever happens.

    What killed runs left of this name is removed first.

    Raises
    ------
    OSError : it cannot be made
    """
    _sweep(place, name)
    for _ in range(_ATTEMPTS):
        folder = place / f".{name}.{secrets.token_hex(6)}.tmp"
        folder.mkdir(mode=0o700)
        with contextlib.ExitStack() as lock:
            try:
                lock.enter_context(_locked(folder))
            except _BUSY:
                continue  # another run took it for a leftover in the moment before it was locked
            except OSError:
                pass  # a file system without locks, on which leftovers stay
            if not folder.is_dir():
                continue
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            return
    raise OSError(errno.EAGAIN, "other processes are in the way")


def _sweep(place: Path, name: str) -> None:
    """Remove the scratch folders of this user that no process holds."""
    pattern = re.compile(re.escape(f".{name}.") + r"[0-9a-f]{12}\.tmp")
    for path in place.iterdir():
        if pattern.fullmatch(path.name):
            with contextlib.suppress(OSError):
                found = path.lstat()
                if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid():
                    with _locked(path):
                        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder; BlockingIOError if another process does."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


class Cache:
    """Results by content hash, shared by processes.

    Parameters
    ----------
    root : the folder; when not given, the variable HWGEN_CACHE or the user's cache folder. Where
        that cannot be written, a folder in the temporary folder takes its place, with a warning.

    Attributes
    ----------
    root : the folder in use
    """

    def __init__(self, root: Path | None = None):
        if root is None:
            chosen = os.environ.get("HWGEN_CACHE")
            root = Path(chosen) if chosen else platformdirs.user_cache_path("hwgen")
        root = root.expanduser().absolute()
        self.root = folder_of_ours(root, "hwgen")
        if self.root != root:
            warnings.warn(
                f"The cache folder {root} cannot be written; {self.root} is used. Set HWGEN_CACHE "
                "to a folder that can.",
                stacklevel=1,  # one place, so that Python shows it once
            )

    def key(self, parts: Sequence[Part]) -> str:
        """Return the hash of the parts: 64 hexadecimal digits.

        Different sequences have different keys: "1" is not 1, and ("ab", "c") not ("a", "bc").
        """
        digest = hashlib.sha256(b"hwgen cache 1")
        for part in parts:
            if not isinstance(part, Part):
                raise TypeError(f"Part of a cache key must be text, bytes or a number: {part!r}")
            data = part if isinstance(part, bytes) else repr(part).encode()
            digest.update(f"{type(part).__name__} {len(data)} ".encode() + data)
        return digest.hexdigest()

    def find(self, key_parts: Sequence[Part]) -> Path | None:
        """Return the folder of the entry, None if there is none."""
        key = self.key(key_parts)
        entry = self.root / key[:2] / key
        return entry if _complete(entry) else None

    def cached(self, key_parts: Sequence[Part], build: Callable[[Path], None]) -> Path:
        """Return the folder of the entry, which `build` fills if there is none yet.

        `build` is given an empty folder. If it raises (or is killed) there is no entry. A second
        process that wants the same entry waits for the first. Entries are not to be written to.

        Raises
        ------
        HwgenError : the cache cannot be written, such as on a full disk
        """
        key = self.key(key_parts)
        entry = self.root / key[:2] / key
        if _complete(entry):
            _SAID.info("kept from before: %s", entry)
            return entry
        try:
            entry.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{entry}.lock"), scratch(self.root, "build") as place:
                if _complete(entry):
                    return entry
                new = place / "new"
                new.mkdir()
                build(new)
                (new / _LIST).write_text(json.dumps(_hashes(new)))
                if entry.exists():
                    entry.rename(place / "damaged")
                new.rename(entry)
        except OSError as error:
            raise self._cannot(error) from error
        return entry

    def log(self, key_parts: Sequence[Part], name: str) -> Path:
        """Return where the log of a build may lie, so that it outlives a build that fails.

        Raises
        ------
        HwgenError : the cache cannot be written
        """
        folder = self.root / "logs"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._cannot(error) from error
        return folder / f"{self.key(key_parts)[:16]}-{name}.log"

    def _cannot(self, error: OSError) -> HwgenError:
        where = f"{error.filename}: " if error.filename else ""
        return HwgenError(
            f"{self.root}: cache cannot be written ({where}{_reason(error)}); make room there, or "
            "set HWGEN_CACHE to another folder"
        )


def _hashes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != _LIST)
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def _complete(entry: Path) -> bool:
    try:
        wanted = json.loads((entry / _LIST).read_bytes())
        return bool(wanted == _hashes(entry))
    except (OSError, ValueError):
        return False


def code_hash(*parts: str) -> str:
    """Return the hash of the source of parts of hwgen, files or folders ("cache.py"), and of
    packages beside it ("hwgen_sim")."""
    digest = hashlib.sha256()
    for part in parts:
        beside = part.startswith("hwgen_")
        path = Path(str(files(part))) if beside else Path(__file__).parent / part
        for file in sorted((*path.rglob("*.py"), *path.rglob("*.v"))) if path.is_dir() else [path]:
            name, data = file.relative_to(path).as_posix(), file.read_bytes()
            digest.update(f"{part}/{name} {len(data)} ".encode() + data)
    return digest.hexdigest()

"""A folder of results named by the hash of all they were made from.

An entry is built in a temporary sibling and renamed when it is complete, under a lock that keeps
two processes from building the same thing. An entry carries a list of its files and their hashes;
one that does not match its list is built again, so a half-written or damaged one is never used.
"""

__all__ = ["Cache", "folder_of_ours"]

import hashlib
import json
import os
import shutil
import stat
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import platformdirs
from filelock import FileLock

Part = str | bytes | int | float | bool | None

_LIST = "complete.json"  # written last: an entry without it is not one


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
    """
    if _writable(wanted):
        return wanted
    folder = Path(tempfile.gettempdir()) / f"{name}-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        private = stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o022
        if private and found.st_uid == os.getuid() and _writable(folder):
            return folder
    except FileExistsError:  # a file, or a link to nowhere, has the name
        pass
    return Path(tempfile.mkdtemp(prefix=f"{name}-"))


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

    def cached(self, key_parts: Sequence[Part], build: Callable[[Path], None]) -> Path:
        """Return the folder of the entry, which `build` fills if there is none yet.

        `build` is given an empty folder. If it raises (or is killed) there is no entry. A second
        process that wants the same entry waits for the first. Entries are not to be written to.
        """
        key = self.key(key_parts)
        shelf = self.root / key[:2]
        entry = shelf / key
        if _complete(entry):
            return entry
        shelf.mkdir(parents=True, exist_ok=True)
        with FileLock(shelf / f"{key}.lock"):
            if _complete(entry):
                return entry
            for remains in [entry, *shelf.glob(f"{key}.tmp-*")]:  # damaged, or of a killed process
                if remains.exists():
                    shutil.rmtree(remains)
            folder = Path(tempfile.mkdtemp(prefix=f"{key}.tmp-", dir=shelf))
            try:
                build(folder)
                (folder / _LIST).write_text(json.dumps(_hashes(folder)))
                folder.rename(entry)
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
        return entry

    def log(self, key_parts: Sequence[Part], name: str) -> Path:
        """Return where the log of a build may lie, so that it outlives a build that fails."""
        folder = self.root / "logs"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{self.key(key_parts)[:16]}-{name}.log"


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

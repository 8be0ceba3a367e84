"""A folder that appears whole or not at all, whatever happens on the way.

It is filled in a hidden folder beside its place, `.NAME.HEX.tmp`, and moved there when it is
complete. Its writer holds a lock on the hidden folder, which ends with the process: what killed
runs left is known by that, and removed by the next.
"""

__all__ = ["check_folder", "write_folder"]

import contextlib
import errno
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from hwgen.errors import OutputFolderError

_ATTEMPTS = 20  # of two processes that replace one folder in turns


def check_folder(
    folder: str | Path, ours: Callable[[Path], Collection[str]], leftovers: Collection[str]
) -> Path:
    """Return the absolute path of a folder that may be written or replaced.

    Parameters
    ----------
    ours : returns the files of a folder that may be lost
    leftovers : folders whose contents may be lost

    Raises
    ------
    OutputFolderError : it is a file, holds other files, or has no such name
    """
    try:
        folder = Path(folder).resolve()
        if not folder.name:
            raise OutputFolderError(f"{folder}: must be a folder with a name, not a whole disk")
        if not os.path.lexists(folder):
            return folder
        if not folder.is_dir():
            raise OutputFolderError(f"{folder}: is a file; name a folder for the package")
        known = ours(folder)
        for path in _walk(folder):
            if path.parts[0] not in leftovers and path.as_posix() not in known:
                raise OutputFolderError(
                    f"{folder}: holds files that are not a package's, such as {path}; "
                    "choose another folder, or empty this one"
                )
    except (OSError, ValueError, RuntimeError) as error:  # ValueError: NUL; RuntimeError: a loop
        reason = getattr(error, "strerror", None) or error
        raise _cannot(str(folder), reason) from error
    return folder


def _walk(folder: Path) -> Iterator[Path]:
    """Yield all but folders, relative to the folder; links are not followed."""

    def stop(error: OSError) -> None:
        raise error

    for place, inner, names in os.walk(folder, onerror=stop):
        links = [name for name in inner if (Path(place) / name).is_symlink()]
        yield from ((Path(place) / name).relative_to(folder) for name in (*names, *links))


def _cannot(folder: str, reason: object) -> OutputFolderError:
    return OutputFolderError(
        f"{folder!r}: package cannot be written ({reason}); choose a folder that you may write to"
    )


def write_folder(folder: Path, fill: Callable[[Path], None]) -> None:
    """Put a folder in place that `fill` fills; one that is there is replaced.

    Raises
    ------
    OutputFolderError : it cannot be written; then nothing has changed
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _clean(folder)
        with _stage(folder) as stage:
            new = stage / "new"
            new.mkdir()
            fill(new)
            _replace(new, folder, stage)
    except OSError as error:
        raise _cannot(str(folder), error.strerror or error) from error


def _prefix(folder: Path) -> str:
    return f".{folder.name[:60]}."


def _clean(folder: Path) -> None:
    """Remove what killed runs left beside the folder."""
    pattern = re.compile(re.escape(_prefix(folder)) + r"[0-9a-f]{12}\.tmp")
    for path in folder.parent.iterdir():
        if pattern.fullmatch(path.name) and path.is_dir() and not path.is_symlink():
            with contextlib.suppress(OSError), _locked(path):
                shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock of a folder; BlockingIOError if another process does."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def _stage(folder: Path) -> Iterator[Path]:
    """Make a locked hidden folder, which is gone afterwards."""
    for _ in range(_ATTEMPTS):
        path = folder.with_name(f"{_prefix(folder)}{secrets.token_hex(6)}.tmp")
        path.mkdir()
        with contextlib.ExitStack() as lock:
            try:
                lock.enter_context(_locked(path))
            except (BlockingIOError, FileNotFoundError):
                continue  # another run took it for a leftover in the moment before it was locked
            if not path.is_dir():
                continue
            try:
                yield path
            finally:
                shutil.rmtree(path, ignore_errors=True)
            return
    raise OSError(errno.EAGAIN, "other processes are in the way")


def _replace(new: Path, folder: Path, stage: Path) -> None:
    """Move `new` into the place of `folder`, whose present contents go to the stage."""
    for attempt in range(_ATTEMPTS):
        try:
            new.rename(folder)
            return
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST) or attempt == _ATTEMPTS - 1:
                raise
        old = stage / f"old{attempt}"
        with contextlib.suppress(FileNotFoundError):
            folder.rename(old)
        try:
            new.rename(folder)
            return
        except OSError as error:
            if old.is_dir() and not folder.exists():
                old.rename(folder)
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise

"""A folder that appears whole or not at all, whatever happens on the way.

It is filled in a hidden folder beside its place, `.NAME.HEX.tmp`, and moved there when it is
complete. What killed runs left beside it is removed by the next.
"""

__all__ = ["check_folder", "write_folder"]

import contextlib
import errno
import os
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from hwgen.errors import InternalError, OutputFolderError, StoreError
from hwgen.tools import scratch

_ATTEMPTS = 20  # of two processes that replace one folder in turns


def check_folder(
    folder: str | Path,
    ours: Callable[[Path], Collection[str]],
    leftovers: Collection[str],
    what: str = "package",
) -> Path:
    """Return the absolute path of a folder that may be written or replaced.

    Parameters
    ----------
    ours : returns the files of a folder that may be lost
    leftovers : folders whose contents may be lost
    what : to call what is written

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
            raise OutputFolderError(f"{folder}: is a file; name a folder for the {what}")
        known = ours(folder)
        for path in _walk(folder):
            if path.parts[0] not in leftovers and path.as_posix() not in known:
                raise OutputFolderError(
                    f"{folder}: holds files that are not a {what}'s, such as {path}; "
                    "choose another folder, or empty this one"
                )
    except (OSError, ValueError, RuntimeError) as error:  # ValueError: NUL; RuntimeError: a loop
        reason = getattr(error, "strerror", None) or error
        raise _cannot(str(folder), reason, what) from error
    return folder


def _walk(folder: Path) -> Iterator[Path]:
    """Yield all but folders, relative to the folder; links are not followed."""

    def stop(error: OSError) -> None:
        raise error

    for place, inner, names in os.walk(folder, onerror=stop):
        links = [name for name in inner if (Path(place) / name).is_symlink()]
        yield from ((Path(place) / name).relative_to(folder) for name in (*names, *links))


def _cannot(folder: str, reason: object, what: str) -> OutputFolderError:
    return OutputFolderError(
        f"{folder!r}: {what} cannot be written ({reason}); choose a folder that you may write to"
    )


def write_folder(
    folder: Path,
    fill: Callable[[Path], None],
    check: Callable[[Path], object],
    what: str = "package",
) -> None:
    """Put a folder in place that `fill` fills; one that is there is replaced.

    Parameters
    ----------
    check : reads what was filled, as whoever uses the folder will. What it refuses is never put in
        place, where the next run would take it for somebody else's

    Raises
    ------
    OutputFolderError : it cannot be written; then nothing has changed
    InternalError : `check` raised a StoreError; then nothing has changed either
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with scratch(folder.parent, folder.name[:60]) as stage:
            new = stage / "new"
            new.mkdir()
            fill(new)
            try:
                check(new)
            except StoreError as error:
                raise InternalError(f"{folder}: {what} could not be read again: {error}") from error
            _replace(new, folder, stage)
    except OSError as error:
        raise _cannot(str(folder), error.strerror or error, what) from error


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

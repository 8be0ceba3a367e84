"""Files that a verb writes at its end."""

__all__ = ["check_file", "write_file"]

from pathlib import Path

from hwgen.errors import OutputFolderError
from hwgen.tools import scratch


def check_file(path: Path) -> None:
    """Refuse what cannot be written at the end before minutes are spent."""
    if not path.absolute().parent.is_dir():
        raise OutputFolderError(f"{path}: its folder must exist")
    if path.is_dir():
        raise OutputFolderError(f"{path}: must be a file, not a folder")


def write_file(path: Path, text: str) -> None:
    """Write a file, whole or not at all; what is no plain file, such as a pipe, takes the text.

    Half a surrogate pair, which a layer's name may hold, is written as its number.
    """
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    try:
        path = path.resolve()
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8")
            return
        with scratch(path.parent, path.name[:60]) as folder:
            (folder / "new").write_text(text, encoding="utf-8")
            (folder / "new").replace(path)
    except OSError as error:
        raise OutputFolderError(
            f"{path}: cannot be written ({error.strerror or error}); choose another file"
        ) from error

"""`FILE.py:NAME`: the one Python file that the user named, and an object in it."""

__all__ = ["load_object", "load_text", "read_source", "split_reference"]

import sys
import types
from pathlib import Path

from hwgen.errors import HwgenError
from hwgen.files import read_file

LONGEST = 1 << 24  # bytes of a task's file


def split_reference(reference: str) -> tuple[Path, str]:
    """Return file and name out of `FILE.py:NAME`.

    Raises
    ------
    HwgenError : it is not written like that, or there is no such file
    """
    file, colon, name = reference.rpartition(":")
    path = Path(file)
    if not colon or path.suffix != ".py" or not name.isidentifier():
        raise HwgenError(f"Task must be written like FILE.py:NAME, not {reference!r}")
    if not path.is_file():
        raise HwgenError(f"{path}: there is no such file")
    return path, name


def load_object(reference: str) -> object:
    """Return the object that `FILE.py:NAME` names; the file is run, and nothing else is.

    Raises
    ------
    HwgenError : there is no such file or object, or the file raises an error of its own
    """
    path, name = split_reference(reference)
    return load_text(read_source(path), path, name)


def read_source(path: Path) -> bytes:
    """Return the text of a Python file.

    Raises
    ------
    HwgenError : it cannot be read
    """
    try:
        return read_file(path, LONGEST)
    except OSError as error:
        raise HwgenError(f"{path}: cannot be read ({error.strerror})") from error


def load_text(text: bytes, path: Path, name: str) -> object:
    """Return an object of a Python file whose text is at hand, be the file itself or not.

    Raises
    ------
    HwgenError : there is no such object, or the text raises an error of its own
    """
    module = types.ModuleType(f"_hwgen_task_{path.stem}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses and pickles look their module up by name
    try:
        exec(compile(text, str(path), "exec"), module.__dict__)
    except HwgenError:
        raise
    except Exception as error:
        raise HwgenError(f"{path}: raised {type(error).__name__}: {error}") from error
    if not hasattr(module, name):
        raise HwgenError(f"{path}: has no {name!r}; name an object of the file, as FILE.py:NAME")
    found: object = getattr(module, name)
    return found

"""`FILE.py:NAME`: the one Python file that the user named, and an object in it."""

__all__ = ["load_object"]

import importlib.util
import sys
from pathlib import Path

from hwgen.errors import HwgenError


def load_object(reference: str) -> object:
    """Return the object that `FILE.py:NAME` names; the file is run, and nothing else is.

    Raises
    ------
    HwgenError : there is no such file or object, or the file raises an error of its own
    """
    file, colon, name = reference.rpartition(":")
    path = Path(file)
    if not colon or path.suffix != ".py" or not name.isidentifier():
        raise HwgenError(f"Task must be written like FILE.py:NAME, not {reference!r}")
    if not path.is_file():
        raise HwgenError(f"{path}: there is no such file")
    spec = importlib.util.spec_from_file_location(f"_hwgen_task_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise HwgenError(f"{path}: cannot be loaded as Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickles look their module up by name
    try:
        spec.loader.exec_module(module)
    except HwgenError:
        raise
    except Exception as error:
        raise HwgenError(f"{path}: raised {type(error).__name__}: {error}") from error
    if not hasattr(module, name):
        raise HwgenError(f"{path}: has no {name!r}; name an object of the file, as FILE.py:NAME")
    found: object = getattr(module, name)
    return found

"""The errors hwgen raises on purpose.

Two roots: `HwgenError` is the user's to mend, and its text says what is wrong, where (the
layer's name) and what to do about it; `InternalError` is ours, and says that it is.
"""

__all__ = [
    "BoardError",
    "FormatError",
    "FoundUnsupported",
    "HwgenError",
    "HwgenWarning",
    "InternalError",
    "NetworkError",
    "OutputFolderError",
    "PlanError",
    "SimulationError",
    "StoreError",
    "ToolError",
    "UnsupportedError",
    "bring",
    "meant",
]

from collections.abc import Iterable
from dataclasses import dataclass

SHOWN = 3  # parts of one kind that a message names


def bring(extra: str) -> str:
    """Return the line that installs one of hwgen's extras: from an index, or where hwgen is a clone
    that was installed in place, from that."""
    import json
    from importlib import metadata

    try:
        found = json.loads(metadata.distribution("hwgen").read_text("direct_url.json") or "{}")
    except (metadata.PackageNotFoundError, ValueError):
        found = {}
    clone = str(found.get("url", "")).removeprefix("file://")
    in_place = found.get("dir_info", {}).get("editable")
    return f"pip install -e '{clone}[{extra}]'" if in_place else f"pip install 'hwgen[{extra}]'"


def meant(word: object, known: Iterable[str]) -> str:
    """Return "did you mean ...? ", with the one or two words that are most like one; else ""."""
    import difflib  # which few errors need

    close = difflib.get_close_matches(str(word).lower(), list(known), n=2, cutoff=0.5)
    return f"did you mean {' or '.join(close)}? " if close else ""


class HwgenError(Exception):
    """Something the user can mend. The message names the layer and the way out."""


class HwgenWarning(UserWarning):
    """Something that is allowed and most likely not meant; says what to do about it."""


class FormatError(HwgenError):
    """A number format, scale or value that hwgen cannot represent."""


class NetworkError(HwgenError):
    """A network that breaks a rule of the integer dataflow graph."""


class StoreError(HwgenError):
    """A file that is not a network (or package), is damaged, or is of another version."""


class PlanError(HwgenError):
    """A goal or a network that the target cannot meet."""


class OutputFolderError(HwgenError):
    """An output folder that cannot be written, or that holds somebody else's files."""


class SimulationError(HwgenError):
    """A simulation that could not be run to its end."""


class BoardError(HwgenError):
    """A board that does not answer, is gone, or holds another network."""


class ToolError(HwgenError):
    """An external tool that is missing, crashed, or did not finish in time."""


@dataclass(frozen=True)
class FoundUnsupported:
    """One thing in a user's model that hwgen has no meaning for.

    Attributes
    ----------
    path : where it is, as `named_modules` spells it
    type : what it is
    instead : what is supported in its place
    """

    path: str
    type: str
    instead: str


PAGE = "docs/supported.md lists all that is supported"


class UnsupportedError(HwgenError):
    """Everything in a model that hwgen does not support, all of it in one error.

    Parameters
    ----------
    found : each part; those without a way out of their own leave `instead` empty
    supported : what there is instead, said once behind parts without a way out of their own
    """

    def __init__(self, found: list[FoundUnsupported], supported: str = ""):
        self.found = tuple(found)
        groups: dict[tuple[str, str], list[str]] = {}
        for part in found:
            groups.setdefault((part.type, part.instead), []).append(part.path)
        lines = [_line(*group, paths) for group, paths in groups.items()]
        if supported and not all(part.instead for part in found):
            lines.append(f"supported are {supported}")
        lines.append(PAGE)
        count = f"{len(found)} part{'s' if len(found) != 1 else ''}"
        super().__init__(
            f"{count} of the model cannot be turned into hardware:\n  " + "\n  ".join(lines)
        )


def _line(kind: str, instead: str, paths: list[str]) -> str:
    """Return what parts of one kind are, where the first of them are, and the way out."""
    times = f" x{len(paths)}" if len(paths) > 1 else ""
    places = ", ".join(paths[:SHOWN]) + (", ..." if len(paths) > SHOWN else "")
    return f"{kind}{times}: {places}" + (f"; {instead}" if instead else "")


class InternalError(Exception):
    """A bug in hwgen. Never the user's fault; please report it with the text."""

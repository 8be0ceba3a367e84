"""A folder of checkpoints, which belongs to one run: one recipe, model, example, calibration data.

`run.json` says which, and holds the random states that the run began with; the results of
`checkpoints.py` lie beside it. Everything is written whole or not at all.
"""

__all__ = ["RunFolder"]

import hashlib
import json
import re
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from hwgen.cache import Cache, scratch
from hwgen.compression.resume.checkpoints import Checkpoints
from hwgen.compression.resume.random_state import RandomState, restore_random, take_random
from hwgen.errors import HwgenError, StoreError
from hwgen.files import NoRegularFile, parse_json, read_file

RUN = "run.json"
LONGEST = 1 << 26  # bytes of it
ENTRY = re.compile(r"[0-9a-f]{64}(\.lock)?")


class RunFolder:
    """Open a folder of checkpoints, and set the random states that its run began with.

    Parameters
    ----------
    folder : made where it is missing
    fresh : begin anew; `begin` removes the checkpoints that are there

    Raises
    ------
    HwgenError : the folder cannot be written, holds other files, or is damaged
    """

    def __init__(self, folder: str | Path, *, fresh: bool = False):
        self.folder = Path(folder).expanduser()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._refuse_others()
            written = None
            with suppress(FileNotFoundError):
                written = None if fresh else read_file(self.folder / RUN, LONGEST)
        except NoRegularFile as error:
            raise HwgenError(f"{error}; choose another folder") from error
        except OSError as error:
            raise self._cannot(error) from error
        self._identity: dict[str, str] | None = None
        self._start: RandomState = take_random()
        if written is not None:
            self._identity, self._start = self._read(written)
            restore_random(self._start)

    def begin(self, identity: Mapping[str, str]) -> Checkpoints:
        """Return the checkpoints of a run.

        Parameters
        ----------
        identity : what the run is made of, by name

        Raises
        ------
        HwgenError : those that are there are of another run
        """
        if self._identity is None:
            self._write(identity)
        else:
            for name in [*identity, *self._identity]:
                if self._identity.get(name) != identity.get(name):
                    raise HwgenError(
                        f"{self.folder}: checkpoints must be of the same {name}, and these are of "
                        "another; choose another folder, or start anew with fresh=True (--fresh)"
                    )
        cache = Cache(self.folder)
        if cache.root != self.folder.absolute():  # took another one, with a warning
            raise HwgenError(f"{self.folder}: checkpoints cannot be kept there; choose another")
        begun = hashlib.sha256(json.dumps([dict(identity), self._start]).encode()).hexdigest()
        return Checkpoints(["run", begun], cache)

    def _refuse_others(self) -> None:
        names = sorted(p.name for p in self.folder.iterdir() if not p.name.startswith("."))
        others = [name for name in names if name != RUN and not re.fullmatch("[0-9a-f]{2}", name)]
        if others or (names and RUN not in names):
            raise HwgenError(
                f"{self.folder}: holds files that are no checkpoints, such as "
                f"{(others or names)[0]}; choose another folder"
            )

    def _clear(self) -> None:
        """Remove the results of an earlier run, and nothing else."""
        for path in self.folder.glob("[0-9a-f][0-9a-f]/*"):
            if ENTRY.fullmatch(path.name):
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _read(self, written: bytes) -> tuple[dict[str, str], RandomState]:
        try:
            whole: Any = parse_json(written)
            text = str(whole["run"])
            if hashlib.sha256(text.encode()).hexdigest() != whole["sha256"]:
                raise ValueError("another hash")
            run: Any = parse_json(text)
            return dict(run["identity"]), run["random"]
        except (StoreError, ValueError, KeyError, TypeError) as error:
            raise HwgenError(
                f"{self.folder / RUN}: is damaged, so that nobody knows which run the checkpoints "
                "are of; start anew with fresh=True (--fresh)"
            ) from error

    def _write(self, identity: Mapping[str, str]) -> None:
        text = json.dumps({"identity": dict(identity), "random": self._start})
        whole = json.dumps({"sha256": hashlib.sha256(text.encode()).hexdigest(), "run": text})
        try:
            self._clear()
            with scratch(self.folder, "run") as place:
                (place / RUN).write_text(whole)
                (place / RUN).replace(self.folder / RUN)
        except OSError as error:
            raise self._cannot(error) from error

    def _cannot(self, error: OSError) -> HwgenError:
        return HwgenError(
            f"{self.folder}: checkpoints cannot be kept there ({error.strerror or error}); "
            "choose another folder"
        )

"""Trained weights, kept so that a run that was killed does not train again."""

__all__ = ["Checkpoints", "Trained", "code_hash"]

import hashlib
import json
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hwgen.cache import Cache, Part

if TYPE_CHECKING:
    from torch import nn

_WEIGHTS = "weights.safetensors"
_RESULT = "result.json"


@dataclass(frozen=True)
class Trained:
    """How a model came by its weights.

    Attributes
    ----------
    seconds : that the training took when it was run, s
    cached : whether that was an earlier run
    """

    seconds: float
    cached: bool


class Checkpoints:
    """Trainings by what they are made of: the code, its settings, and the weights they start from.

    The training must follow from these alone: seeded, and from the same data.

    Parameters
    ----------
    made_from : versions and settings: code, data, seed, recipe
    cache : where weights are kept
    fresh : train whatever is there
    """

    def __init__(self, made_from: Sequence[Part], cache: Cache, *, fresh: bool = False):
        self._made_from = ("training 1", metadata.version("torch"), platform.machine(), *made_from)
        self._cache = cache
        self._fresh = fresh

    def train(self, model: "nn.Module", epochs: int, train: Callable[[], None]) -> Trained:
        """Train a model in place, or give it the weights that an equal training found.

        Parameters
        ----------
        train : trains it, and leaves it in evaluation mode

        Raises
        ------
        HwgenError : the cache cannot be written
        """
        from safetensors.torch import load_file, save_file

        ran: list[float] = []

        def run() -> None:
            start = time.monotonic()
            train()
            ran.append(time.monotonic() - start)

        if self._fresh:
            run()
            return Trained(ran[0], False)

        def build(folder: Path) -> None:
            run()
            state = {name: each.clone() for name, each in model.state_dict().items()}
            save_file(state, folder / _WEIGHTS)
            (folder / _RESULT).write_text(json.dumps({"seconds": ran[0]}))

        parts = (*self._made_from, epochs, str(model), _state_hash(model))
        entry = self._cache.cached(parts, build)
        if not ran:
            model.load_state_dict(load_file(entry / _WEIGHTS))
            model.eval()
        found: dict[str, Any] = json.loads((entry / _RESULT).read_text())
        return Trained(float(found["seconds"]), not ran)


def _state_hash(model: "nn.Module") -> str:
    digest = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)} ".encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def code_hash(*parts: str) -> str:
    """Return the hash of the source of parts of hwgen, files or folders: "digits.py"."""
    digest = hashlib.sha256()
    root = Path(__file__).resolve().parents[1]
    for part in parts:
        path = root / part
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            data = file.read_bytes()
            digest.update(f"{file.relative_to(root).as_posix()} {len(data)} ".encode() + data)
    return digest.hexdigest()

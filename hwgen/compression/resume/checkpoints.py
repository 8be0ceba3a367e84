"""Results of trainings and evaluations, kept so that a run that was killed goes on where it was.

What is quick and follows from the recipe (removing channels, masks, calibration) is done again;
what the user's own functions computed is not. A result is found by all that it is made of: the
code, the settings, its number within the run, and the hash of the weights that it starts from. It
is kept whole or not at all, with the random states after it, so that what follows draws the same
numbers.
"""

__all__ = ["Checkpoints", "Tensors", "Trained", "code_hash", "state_hash"]

import contextlib
import hashlib
import json
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from hwgen.cache import Cache, Part, code_hash
from hwgen.compression.resume.random_state import restore_random, take_random
from hwgen.torch_graph.trace import check_finite

_WEIGHTS = "weights.safetensors"
_RESULT = "result.json"
Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class Trained:
    """How a result came about.

    Attributes
    ----------
    seconds : that it took when it was computed, s
    cached : whether that was an earlier run
    """

    seconds: float
    cached: bool


class _Raised(Exception):
    """Carries an error of the user's own past what the cache does about errors of files."""


class Checkpoints:
    """What the user's functions returned, by what it is made of.

    They must follow from that alone, and from the global random states: seeded, of the same data.

    Parameters
    ----------
    made_from : versions and settings: code, data, seed, recipe
    cache : where results are kept; None keeps none
    fresh : compute whatever is there, and keep nothing

    Attributes
    ----------
    seconds : that all results which were found took when they were computed, s
    """

    def __init__(
        self, made_from: Sequence[Part] = (), cache: Cache | None = None, *, fresh: bool = False
    ):
        self._made_from = ("training 2", metadata.version("torch"), platform.machine(), *made_from)
        self._cache = None if fresh else cache
        self._asked = 0
        self.seconds = 0.0

    def train(self, model: nn.Module, epochs: int, train: Callable[[], None]) -> Trained:
        """Train a model in place, or give it the weights that an equal training found.

        Parameters
        ----------
        train : trains it, and leaves it in evaluation mode

        Raises
        ------
        FormatError : the training ended with NaN or infinity; it is not kept
        HwgenError : the cache cannot be written
        """

        def compute() -> Tensors:
            train()
            check_finite(model)
            return model.state_dict()

        state, done = self.recall(f"train {epochs}", model, compute)
        if done.cached:
            model.load_state_dict(state)
            model.eval()
        for parameter in model.parameters():  # the next training finds none, in either case
            parameter.grad = None
        return done

    def number(self, what: str, model: nn.Module, compute: Callable[[], float]) -> float:
        """Return a number that a function of the user's says of a model."""

        def tensors() -> Tensors:
            return {"value": torch.tensor(float(compute()), dtype=torch.float64)}

        return float(self.recall(what, model, tensors)[0]["value"])

    def recall(
        self, what: str, model: nn.Module, compute: Callable[[], Tensors]
    ) -> tuple[Tensors, Trained]:
        """Return tensors that follow from a model, computed now or by an earlier run.

        Parameters
        ----------
        what : they are

        Raises
        ------
        HwgenError : the cache cannot be written
        """
        ran: list[tuple[Tensors, float]] = []
        failed: list[Exception] = []

        def build(folder: Path) -> None:
            start = time.monotonic()
            try:
                tensors = compute()
            except Exception as error:
                failed.append(error)
                raise _Raised from error
            seconds = time.monotonic() - start
            ran.append((tensors, seconds))
            whole = {name: value.detach().clone().contiguous() for name, value in tensors.items()}
            save_file(whole, folder / _WEIGHTS)
            result = {"seconds": seconds, "random": take_random()}
            (folder / _RESULT).write_text(json.dumps(result))

        self._asked += 1
        if self._cache is None:
            start = time.monotonic()
            found = compute()
            return found, Trained(time.monotonic() - start, False)
        parts = (*self._made_from, self._asked, what, str(model), state_hash(model))
        with contextlib.suppress(_Raised):
            entry = self._cache.cached(parts, build)
        if failed:
            raise failed[0]
        if ran:
            return ran[0][0], Trained(ran[0][1], False)
        result: dict[str, Any] = json.loads((entry / _RESULT).read_text())
        restore_random(result["random"])
        self.seconds += float(result["seconds"])
        return load_file(entry / _WEIGHTS), Trained(float(result["seconds"]), True)


def state_hash(state: nn.Module | Mapping[str, Tensor]) -> str:
    """Return the hash of a model's weights and buffers, or of any tensors."""
    digest = hashlib.sha256()
    tensors = state.state_dict() if isinstance(state, nn.Module) else state
    for name, value in sorted(tensors.items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)} ".encode())
        data = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        digest.update(data.numpy().tobytes())
    return digest.hexdigest()

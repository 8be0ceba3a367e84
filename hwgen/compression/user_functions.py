"""The user's `train` and `evaluate`, and what may be wrong with what they do or return."""

__all__ = [
    "Evaluate",
    "Train",
    "accuracy_of",
    "checked_evaluate",
    "checked_train",
    "warn_at_chance",
]

import math
import numbers
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from hwgen.errors import HwgenError, HwgenWarning
from hwgen.torch_graph.adopt import Adopted, unwrapped

Train = Callable[[nn.Module, int], object]
Evaluate = Callable[[nn.Module], float]
CHANCE = 0.1  # of the way from guessing to knowing; an untrained model is seldom further


def checked_train(train: Train, user: Adopted) -> Callable[[nn.Module, int], None]:
    """Return training in place that takes what the user's does, and says what is wrong with it.

    A module that `train` returns, in place of changing the one it is given, is taken if it fits.

    Parameters
    ----------
    user : what the user's functions are used to
    """

    def run(model: nn.Module, epochs: int) -> None:
        before = [parameter.detach().clone() for parameter in model.parameters()]
        with _handed_over(model, user):
            returned = train(model, epochs)
            if isinstance(returned, nn.Module):
                _take(model, unwrapped(returned))
        after = [parameter.detach() for parameter in model.parameters()]
        if len(before) == len(after) and all(map(torch.equal, before, after)):
            warnings.warn(
                f"train(model, {epochs}) changed no weight of the model it was given; train that "
                "one, in place, with an optimizer made from its parameters",
                HwgenWarning,
                stacklevel=2,
            )

    return run


def checked_evaluate(evaluate: Evaluate, user: Adopted) -> Evaluate:
    """Return evaluation that gives a number of at most 1.

    Parameters
    ----------
    user : what the user's functions are used to
    """

    def run(model: nn.Module) -> float:
        with _handed_over(model, user):
            return accuracy_of(evaluate(model))

    return run


def accuracy_of(returned: object) -> float:
    """Return an accuracy as a number.

    Raises
    ------
    HwgenError : it is none
    """
    rule = "evaluate(model) must return the accuracy as a number of at most 1"
    if isinstance(returned, Tensor | np.ndarray) and math.prod(returned.shape) == 1:
        returned = returned.item()
    if not isinstance(returned, numbers.Real) or isinstance(returned, bool):
        hint = "; is a return missing?" if returned is None else ""
        named = "None" if returned is None else f"a {type(returned).__name__}"
        raise HwgenError(f"{rule}, not {named}{hint}")
    value = float(returned)
    if not math.isfinite(value):
        raise HwgenError(f"{rule}, not {value}; is there something to evaluate on?")
    if value > 1:
        raise HwgenError(f"{rule}, not {value:g}; divide a percentage by 100")
    return value


def warn_at_chance(accuracy: float | None, classes: int) -> None:
    """Warn where a model is hardly better than guessing.

    Parameters
    ----------
    accuracy : None if it is not known
    classes : that the model tells apart
    """
    if accuracy is None or classes < 2:
        return
    guessed = 1 / classes
    if 0 <= accuracy <= guessed + CHANCE * (1 - guessed):
        warnings.warn(
            f"Accuracy is {accuracy:.1%}, and guessing one of {classes} classes gives "
            f"{guessed:.1%}: the model looks untrained; train it or load its weights first, or "
            "give the recipe epochs and compress a train function",
            HwgenWarning,
            stacklevel=2,
        )


@contextmanager
def _handed_over(model: nn.Module, user: Adopted) -> Iterator[None]:
    """Give a model to the user: on their device, and taking inputs of their type."""
    handle = model.register_forward_pre_hook(_cast) if user.cast else None
    model.to(user.device)
    try:
        yield
    finally:
        model.to("cpu")
        if handle is not None:
            handle.remove()


def _cast(_: nn.Module, inputs: tuple[object, ...]) -> tuple[object, ...]:
    """Bring inputs to float32."""
    return tuple(
        x.float() if isinstance(x, Tensor) and x.is_floating_point() else x for x in inputs
    )


def _take(model: nn.Module, returned: nn.Module) -> None:
    """Give a model the weights of the one that the user's training returned.

    Raises
    ------
    HwgenError : it is another one
    """
    if returned is model:
        return
    own, theirs = (
        {name: tuple(value.shape) for name, value in module.state_dict().items()}
        for module in (model, returned)
    )
    if own != theirs:
        odd = sorted(set(own.items()) ^ set(theirs.items()))[0][0]
        raise HwgenError(
            f"train(model, epochs) returned a {type(returned).__name__} that does not fit the "
            f"model it was given ({odd} differs); train that one, in place"
        )
    model.load_state_dict(returned.state_dict())

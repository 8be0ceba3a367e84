"""How many threads torch takes for our own work on a model."""

__all__ = ["thrifty_threads"]

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

SMALL_MODEL = 1 << 20  # parameters
SMALL_FRAME = 1 << 14  # elements of one input


@contextmanager
def thrifty_threads(model: nn.Module, example: object) -> Iterator[None]:
    """Run on one thread where the model and its inputs are small, and restore afterwards.

    Threads gain nothing there, and on a busy machine they wait for each other, tens of times
    longer than the work takes.

    Parameters
    ----------
    example : (batch, ...), or several; anything else counts as small
    """
    threads = torch.get_num_threads()
    parameters = sum(value.numel() for value in model.parameters())
    given = example if isinstance(example, tuple) else (example,)
    frame = sum(x[:1].numel() for x in given if isinstance(x, Tensor) and x.dim())
    if parameters <= SMALL_MODEL and frame <= SMALL_FRAME:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)

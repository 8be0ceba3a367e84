"""The self-check: a graph must compute what its model computes.

A graph shows values, not the memory they share: an operation in place changes what every other
user of its input sees. And it shows what is done for one size of the batch.
"""

__all__ = ["check_same"]

import torch
from torch import Tensor, nn

from hwgen.errors import FoundUnsupported, UnsupportedError
from hwgen.torch_graph.batches import Batch, frames_of, tensors_of
from hwgen.torch_graph.float_graph import FloatGraph
from hwgen.torch_graph.tracer import SHAPE_ERRORS, why

CLOSE = 1e-3  # float sums in another order differ by less, relative to the largest output
BATCHES = (1, 3)  # in which a model must compute the same


def check_same(graph: FloatGraph, model: nn.Module, example: Batch) -> None:
    """Run a graph and its model, in evaluation mode, on noise, in batches of several sizes.

    Parameters
    ----------
    example : (batch, ...), for the size of a batch and the shapes of inputs

    Raises
    ------
    UnsupportedError : the model computes something else
    """
    generator = torch.Generator().manual_seed(0)
    returns = graph.returns
    for batch in dict.fromkeys((frames_of(example), *BATCHES)):
        noise = tuple(
            torch.randn((batch, *x.shape[1:]), generator=generator).to(x)
            for x in tensors_of(example)
        )
        said = ""
        try:
            ours = graph.run(noise if len(noise) > 1 else noise[0])
            theirs = model(*(x.clone() for x in noise))
            pairs = zip(returns.flat(ours), returns.flat(theirs), strict=True)
            same = all(_are_same(one, other) for one, other in pairs)
        except SHAPE_ERRORS as error:
            same, said = False, f" ({why(error)})"
        if same:
            continue
        if batch == frames_of(example):
            what = "an operation in place, on a value that is used elsewhere as well,"
            way = "use ReLU(inplace=False), and x = x + y for x += y"
        else:
            what = f"a forward that does something else for a batch of {batch}{said}"
            way = "use x.flatten(1), and x.size(0) for the size of the batch"
        raise UnsupportedError([FoundUnsupported("forward", what, way)])


def _are_same(ours: Tensor, theirs: Tensor) -> bool:
    """Say whether outputs differ by no more than float sums in another order."""
    if ours.shape != theirs.shape:
        return False
    ours, theirs = ours.double(), theirs.double()
    known = torch.isfinite(ours) & torch.isfinite(theirs)
    ours, theirs = ours[known], theirs[known]
    return not ours.numel() or bool((ours - theirs).abs().max() <= CLOSE * theirs.abs().max())

"""Whole-block removal: y = x + f(x) becomes y = x, and the layers of f disappear.

After Veit et al., "Residual Networks Behave Like Ensembles of Relatively Shallow Networks"
(NeurIPS 2016). A block may go where an addition takes a value x and something computed from x
alone that nobody else uses. Blocks that change the size have a layer on both sides, and stay.
Those go first, one after the other, without which the output on real inputs changes least (mean
square). The result is a `torch.fx.GraphModule` of the user's own layers under their own paths;
functional dropout is not part of it, as everywhere in hwgen.
"""

__all__ = ["Block", "find_blocks", "remove_blocks", "without_block"]

from dataclasses import dataclass, replace

import torch
from torch import Tensor, fx, nn

from hwgen.compression.prune.channel_groups import WEIGHTED
from hwgen.compression.prune.state import PruningState, real_inputs
from hwgen.errors import HwgenError, UnsupportedError
from hwgen.torch_graph.batches import Batch, tensors_of
from hwgen.torch_graph.float_graph import FloatGraph
from hwgen.torch_graph.functions import operands
from hwgen.torch_graph.functions.arithmetic import ADD
from hwgen.torch_graph.trace import evaluating, float_graph_of, trace_graph

FRAMES = 256  # inputs that are measured


@dataclass(frozen=True)
class Block:
    """A residual block that may go.

    addition : name of its addition in the graph
    layers : paths of the modules that go with it
    """

    addition: str
    layers: tuple[str, ...]


def find_blocks(model: nn.Module, example: Batch) -> list[Block]:
    """Return the residual blocks that may go, in the order in which they run."""
    blocks = []
    for node in trace_graph(model, example).graph.nodes:
        if (found := _branch(node)) is not None:
            branch = found[1]
            paths = tuple(str(n.target) for n in branch if n.op == "call_module")
            if any(isinstance(model.get_submodule(path), WEIGHTED) for path in paths):
                blocks.append(Block(node.name, paths))
    return blocks


def without_block(model: nn.Module, example: Batch, block: Block) -> fx.GraphModule:
    """Return a model of the same layers (not copies) without those of a block."""
    graph = trace_graph(model, example).graph
    node = next(node for node in graph.nodes if node.name == block.addition)
    found = _branch(node)
    assert found is not None
    node.replace_all_uses_with(found[0])
    for dead in reversed(graph.nodes):
        if not dead.users and dead.op not in ("placeholder", "output"):
            graph.erase_node(dead)
    made = fx.GraphModule(model, graph, class_name=f"{type(model).__name__}WithoutBlocks")
    made.train(model.training)
    return made


def remove_blocks(state: PruningState, count: int) -> PruningState:
    """Remove the blocks that matter least.

    Raises
    ------
    HwgenError : there are not so many that may go, or no calibration data
    """
    frames = real_inputs(state, "Removing blocks", FRAMES)
    model, graph = state.model, state.graph
    for done in range(count):
        expected = _run(model, graph, frames)
        best: tuple[float, nn.Module, FloatGraph] | None = None
        for block in find_blocks(model, state.example):
            candidate = without_block(model, state.example, block)
            try:
                left = float_graph_of(candidate, state.example)
            except UnsupportedError:  # a ReLU in place would now change what others see
                continue
            change = float((_run(candidate, left, frames) - expected).square().mean())
            if best is None or change < best[0]:
                best = (change, candidate, left)
        if best is None:
            raise HwgenError(
                f"Number of blocks to remove must be at most {done}, the residual blocks without "
                f"a layer on their skip connection, not {count}"
            )
        _, model, graph = best
    paths = dict(model.named_modules())
    masks = {path: mask for path, mask in state.masks.items() if path in paths}
    return replace(state, model=model, graph=graph, masks=masks)


def _run(model: nn.Module, graph: FloatGraph, frames: Batch) -> Tensor:
    """Return all that a model returns in one row, float64."""
    with evaluating(model):
        returned = model(*(x.clone() for x in tensors_of(frames)))
    values = graph.returns.flat(returned)
    return torch.cat([value.double().flatten() for value in values])


def _branch(node: fx.Node) -> tuple[fx.Node, list[fx.Node]] | None:
    """Return the skip of a residual addition, and what is computed beside it."""
    if node.op not in ("call_function", "call_method") or node.target not in ADD:
        return None
    if "alpha" in node.kwargs:
        return None
    a, b = operands(node)
    if not isinstance(a, fx.Node) or not isinstance(b, fx.Node) or a is b:
        return None
    for skip, end in ((a, b), (b, a)):
        inside = _between(skip, end)
        if inside is None:
            continue
        own = {*inside, node}
        if all(user in own for inner in inside for user in inner.users):
            return skip, [n for n in node.graph.nodes if n in inside]
    return None


def _between(skip: fx.Node, end: fx.Node) -> set[fx.Node] | None:
    """Return the nodes from after `skip` to `end`, None if `end` needs others or not `skip`."""
    inside: set[fx.Node] = set()
    waiting, reached = [end], False
    while waiting:
        node = waiting.pop()
        if node is skip:
            reached = True
        elif node.op == "placeholder":
            return None
        elif node not in inside:
            inside.add(node)
            waiting += node.all_input_nodes
    return inside if reached else None

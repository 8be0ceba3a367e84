"""What a plan holds: the kinds of things of which each must be in a tested network."""

from collections.abc import Iterator

import numpy as np

from hwgen.network import Network
from hwgen.planning.plan import Plan, Stage
from hwgen_rtl_templates.engine import EngineParameters
from hwgen_rtl_templates.mac import MacParameters


def covered(plan: Plan) -> set[str]:
    """Return a name for each kind of op, format, option, component and memory of a plan."""
    found = set(_of_network(plan.network))
    for stage in plan.stages:
        found |= set(_of_stage(stage))
    return found | ({"queues"} if plan.depths else set())


def _of_network(network: Network) -> Iterator[str]:
    for node in network.nodes:
        op, name = node.op, type(node.op).__name__
        yield name
        for field in ("weight_format", "format"):
            if (of := getattr(op, field, None)) is not None:
                yield f"{name}, {field} {type(of).__name__} {getattr(of, 'signed', '')}"
        for field, plain in (("stride", 1), ("padding", 0), ("dilation", 1)):
            if np.max(getattr(op, field, None) or (plain,)) > plain:
                yield f"{name}, {field}"
        if getattr(op, "groups", 1) > 1:
            yield f"{name}, groups"
        if hasattr(op, "rounding"):
            yield f"{name}, {op.rounding}"
        if hasattr(op, "multiplier"):
            yield f"{name}, a multiplier " + ("a channel" if op.multiplier.size > 1 else "for all")
        if len(network.users(node.name)) > 1:
            yield "fork"


def _of_stage(stage: Stage) -> Iterator[str]:
    core, layer = stage.core, stage.layer
    kind = stage.implementation.title if layer.weight is not None else type(layer.op).__name__
    yield kind
    yield f"{kind}, then {(stage.epilogue or 'nothing').split(' ', 1)[-1]}"
    if layer.x_encodings and layer.x_encodings[0].step > 1:
        yield "elements that stand for others"
    if not isinstance(core, EngineParameters):
        return
    window, path = core.window, core.datapath
    yield f"window in {window.style}"
    facts = {
        f"{kind}, bias": bool(core.bias),
        "drain": core.drained,
        "words skipped": bool(window.live),
        "several ports": window.ports > 1,
        "slices": window.slices > 1,
    }
    if isinstance(path, MacParameters):
        yield f"weights in {path.weights.style}"
        yield f"{type(path.weights.encoding).__name__} weights"
        facts |= {
            "several groups of rows": path.groups > 1,
            "depthwise array": path.depthwise,
            "rows partly filled": bool(layer.outputs % path.weights.pe),
        }
    yield from (fact for fact, holds in facts.items() if holds)

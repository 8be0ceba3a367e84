"""A plan as plain values, and as a table for people."""

__all__ = ["SPEC_VERSION", "DescribedLayer", "DescribedPlan", "describe", "drawn", "table", "title"]

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypedDict

from hwgen.picture import Box, picture
from hwgen.planning.dataflow import Branch
from hwgen.planning.estimate.resources import estimate, gate_equivalents, weigh
from hwgen.planning.plan import Plan, Stage

SPEC_VERSION = 1


class DescribedLayer(TypedDict):
    """A layer of a plan, as plain values: its folding, what computes it, and what that takes."""

    name: str
    op: str
    inputs: list[str]
    shape: list[int]
    bits: int
    pe: int
    simd: int
    lanes: int
    skip: int
    implementation: str
    parameter: int
    kind: str
    details: dict[str, Any]
    description: str
    worth: float
    alternatives: list[dict[str, Any]]
    zeros: float
    skipped: float
    epilogue: str | None
    busy: int
    macs: int
    useful_share: float | None
    queue: int | None
    queue_held: int | None
    resources: dict[str, float]


class DescribedPlan(TypedDict):
    """A plan as plain values; clocks, Hz, and for ASICs gates."""

    hwgen_plan: int
    target: str
    clock_hz: int
    goal: str
    interval: int
    latency: int
    frames_per_second: float
    useful_share: float
    bottleneck: str
    resources: dict[str, float]
    gates: float | None
    energy: dict[str, Any]
    layers: list[DescribedLayer]
    queues: list[dict[str, Any]]


def describe(plan: Plan) -> DescribedPlan:
    """Return a plan as plain values."""
    needs = plan.resources
    return {
        "hwgen_plan": SPEC_VERSION,
        "target": plan.target.name,
        "clock_hz": plan.clock_hz,
        "goal": plan.goal,
        "interval": plan.interval,
        "latency": plan.latency,
        "frames_per_second": plan.frames_per_second,
        "useful_share": plan.useful_share,
        "bottleneck": plan.bottleneck.name,
        "resources": asdict(needs),
        "gates": gate_equivalents(needs.luts, needs.ffs) if plan.target.library else None,
        "energy": plan.energy.to_json(),
        "layers": [
            {
                "name": stage.name,
                "op": type(stage.layer.op).__name__,
                "inputs": [source or "input" for source in stage.layer.sources],
                "shape": list(stage.layer.y_frame),
                "bits": stage.output.bits,
                **asdict(stage.folding),  # type: ignore[typeddict-item]
                "kind": stage.implementation.title,
                "details": dict(details),
                "description": stage.implementation.describe(details),
                "worth": weigh(estimate(stage.core, plan.target), plan.target),
                "alternatives": [asdict(other) for other in plan.alternatives.get(stage.name, ())],
                "zeros": stage.zeros,
                "skipped": stage.skipped,
                "epilogue": stage.epilogue,
                "busy": stage.busy,
                "macs": stage.layer.macs,
                "useful_share": _useful(plan, stage),
                "queue": getattr(stage.core, "depth", None),
                "queue_held": plan.timing.held.get(stage.name),
                "resources": asdict(plan.resources_of(stage)),
            }
            for stage in plan.stages
            for details in (stage.details(plan.target),)
        ],
        "queues": [
            {"from": branch.source or "input", "to": _sink(branch, plan), "depth": depth}
            for branch, depth in plan.depths.items()
        ],
    }


def _sink(branch: Branch, plan: Plan) -> str:
    """Return where a branch of a fork leads, in words."""
    return branch.sink or f"output {plan.network.ends[branch.position].name}"


def _useful(plan: Plan, stage: Stage) -> float | None:
    units = stage.folding.pe * stage.folding.simd * plan.interval
    return stage.macs / units if stage.layer.macs else None


def drawn(plan: Plan) -> str:
    """Return a picture of the plan's layers as HTML: what each is, takes, and could be."""
    described = describe(plan)
    boxes = [
        Box(source or "input", lines=(_shape(tensor.shape, tensor.format), "input"))
        for source, tensor in zip(plan.entries, plan.network.inputs.values(), strict=True)
    ]
    boxes += [_box(layer, described["bottleneck"]) for layer in described["layers"]]
    labels = {
        (layer["name"], user["name"]): f"queue {layer['queue']}, holds {layer['queue_held']}"
        for layer in described["layers"]
        for user in described["layers"]
        if layer["name"] in user["inputs"] and layer["queue"] and layer["queue_held"] is not None
    }
    for queue in described["queues"]:
        labels[queue["from"], queue["to"]] = f"queue {queue['depth']}"
    return picture(boxes, labels)


def _shape(shape: Sequence[int], format: object) -> str:
    return f"{'x'.join(map(str, shape))} {format}"


def _box(layer: DescribedLayer, bottleneck: str) -> Box:
    used = layer["resources"]
    others = [other for other in layer["alternatives"] if other["kind"] != layer["kind"]]
    notes = [layer["description"]] if layer["description"] else []
    if others:
        notes.append(f"{layer['kind']}, worth {layer['worth']:,.0f} LUT in all; other ways:")
    for other in others:
        exact = "" if other["exact"] else "at least "
        notes.append(f"  {other['kind']}, {exact}{other['cost']:,.0f}")
    return Box(
        layer["name"],
        tuple(layer["inputs"]),
        (
            f"{layer['op']} {_shape(layer['shape'], layer['bits'])} bits",
            f"pe {layer['pe']}, simd {layer['simd']}, {layer['kind']}",
            f"{layer['busy']:,} clocks, {used['luts']:,.0f} LUT",
        ),
        {"clocks": layer["busy"], "LUT": used["luts"], "memories": used["block_rams"]},
        tuple(notes),
        marked=layer["name"] == bottleneck,
    )


def title(plan: Plan) -> str:
    """Return what the plan is for."""
    return f"Plan for {plan.target.name} at {plan.clock_hz / 1e6:g} MHz, {plan.goal}"


def table(plan: Plan, described: DescribedPlan) -> tuple[Sequence[str], list[Sequence[str]]]:
    """Return titles and rows: a row a layer, the bottleneck marked, and the sums below."""
    asic = plan.target.library is not None
    counted = ("gates", "FF") if asic else ("LUT", "FF", "DSP", "RAM")
    titles = ("layer", "pe", "simd", "busy", "useful", "weights", "output", *counted)
    rows: list[Sequence[str]] = []
    for layer in described["layers"]:
        cost, share = layer["resources"], layer["useful_share"]
        mark = " *" if layer["name"] == described["bottleneck"] else ""
        rows.append(
            (
                layer["name"] + mark,
                str(layer["pe"]),
                str(layer["simd"]),
                f"{layer['busy']:,}",
                "" if share is None else f"{share:.0%}",
                layer["details"].get("weights") or "",
                layer["epilogue"] or "",
                *_used(cost, asic),
            )
        )
    total, target = described["resources"], plan.target
    rows.append(("estimate", "", "", "", f"{plan.useful_share:.0%}", "", "", *_used(total, asic)))
    if not asic:
        budget = (target.luts, target.ffs, target.dsps, target.block_rams)
        used = zip(total.values(), budget, strict=True)
        shares = (f"{n / has:.1%}" if has else "-" for n, has in used)
        rows.append(("of device", "", "", "", "", "", "", *shares))
    return titles, rows


def _used(cost: Mapping[str, Any], asic: bool) -> list[str]:
    """Return what of a target's is used, in the table's columns."""
    if asic:
        return [f"{gate_equivalents(cost['luts'], cost['ffs']):,.0f}", f"{cost['ffs']:,.0f}"]
    return [f"{cost[name]:,.0f}" for name in ("luts", "ffs", "dsps", "block_rams")]

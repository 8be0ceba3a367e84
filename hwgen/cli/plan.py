"""`hwgen plan`: what would implement a network, and why."""

__all__ = ["describe_plan", "plan", "print_plan"]

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hwgen.targets import DEFAULT_TARGET

if TYPE_CHECKING:
    from hwgen.planning import Plan

NetworkFile = Annotated[Path, typer.Argument(metavar="NETWORK", help="A stored network.")]
TargetName = Annotated[str, typer.Option("--target", help="The device; see hwgen targets.")]
Goal = Annotated[str, typer.Option("--goal", help='Throughput, such as "10000 fps".')]
Clock = Annotated[
    float | None, typer.Option("--clock", help="Clock in MHz.", show_default="the target's own")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def make_plan(network: Path, target: str, goal: str, clock: float | None) -> "Plan":
    """Return the plan of a stored network; the clock is in MHz."""
    from hwgen import api

    hertz = None if clock is None else round(clock * 1e6)
    return api.plan(api.load(network), target=target, goal=goal, clock_hz=hertz)


def plan(
    network: NetworkFile,
    target: TargetName = DEFAULT_TARGET,
    goal: Goal = "10000 fps",
    clock: Clock = None,
    as_json: AsJson = False,
) -> None:
    """Choose the folding of each layer, and show what it takes and gives.

    Example: hwgen plan digits.net --target ulx3s-85f --goal "10000 fps"
    """
    made = make_plan(network, target, goal, clock)
    if as_json:
        typer.echo(json.dumps(describe_plan(made), indent=2))
    else:
        print_plan(made, Console())


def describe_plan(plan: "Plan") -> dict[str, Any]:
    """Return a plan as plain values."""
    return {
        "target": plan.target.name,
        "clock_hz": plan.clock_hz,
        "goal": plan.goal,
        "interval": plan.interval,
        "latency": plan.latency,
        "frames_per_second": plan.frames_per_second,
        "useful_share": plan.useful_share,
        "bottleneck": plan.bottleneck.name,
        "resources": asdict(plan.resources),
        "layers": [
            {
                "name": stage.name,
                "pe": stage.folding.pe,
                "simd": stage.folding.simd,
                "lanes": stage.folding.lanes,
                "busy": stage.busy,
                "macs": stage.layer.macs,
                "useful_share": _useful(plan, stage),
                "queue": getattr(stage.core, "depth", None),
                "resources": asdict(plan.resources_of(stage)),
            }
            for stage in plan.stages
        ],
    }


def _useful(plan: "Plan", stage: Any) -> float | None:
    units = stage.folding.pe * stage.folding.simd * plan.interval
    return stage.layer.macs / units if stage.layer.macs else None


def print_plan(plan: "Plan", console: Console) -> None:
    """Print a plan: a row a layer, the bottleneck marked, the sums below."""
    described = describe_plan(plan)
    table = Table(title=f"Plan for {plan.target.name} at {plan.clock_hz / 1e6:g} MHz, {plan.goal}")
    table.add_column("layer", no_wrap=True)
    for column in ("pe", "simd", "busy clocks", "useful", "LUT", "FF", "DSP", "memories"):
        table.add_column(column, justify="right")
    for layer in described["layers"]:
        cost, share = layer["resources"], layer["useful_share"]
        mark = " *" if layer["name"] == described["bottleneck"] else ""
        table.add_row(
            escape(layer["name"]) + mark,
            str(layer["pe"]),
            str(layer["simd"]),
            f"{layer['busy']:,}",
            "" if share is None else f"{share:.0%}",
            f"{cost['luts']:,.0f}",
            f"{cost['ffs']:,.0f}",
            str(cost["dsps"]),
            str(cost["block_rams"]),
        )
    table.add_section()
    total, target = described["resources"], plan.target
    used = [
        (total["luts"], target.luts),
        (total["ffs"], target.ffs),
        (total["dsps"], target.dsps),
        (total["block_rams"], target.block_rams),
    ]
    table.add_row(
        "all, estimated",
        "",
        "",
        f"{plan.interval:,}",
        f"{plan.useful_share:.0%}",
        *(f"{n:,.0f}" for n, _ in used),
    )
    table.add_row(
        "of the device", "", "", "", "", *(f"{n / has:.1%}" if has else "-" for n, has in used)
    )
    console.print(table)
    console.print(
        f"A frame every {plan.interval:,} clocks ({plan.frames_per_second:,.0f} a second), "
        f"latency {plan.latency:,} clocks; * is the bottleneck."
    )

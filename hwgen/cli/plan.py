"""`hwgen plan`: what would implement a network, and why."""

__all__ = ["plan", "print_plan"]

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from hwgen.cli.output_file import JsonFile, check_file, screen_beside, write_json
from hwgen.cli.progress import bar
from hwgen.cli.tables import Column, print_table, say, screen
from hwgen.targets import DEFAULT_TARGET

if TYPE_CHECKING:
    from hwgen.planning import Plan

NetworkFile = Annotated[Path, typer.Argument(metavar="NETWORK", help="A stored network.")]
TargetName = Annotated[
    str, typer.Option("--target", help="The device, or a Liberty file; see hwgen targets.")
]
Goal = Annotated[str, typer.Option("--goal", help='"10000 fps", "min latency" or "min area".')]
Clock = Annotated[
    float | None, typer.Option("--clock", help="Clock in MHz.", show_default="the target's own")
]
Choices = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="LAYER.pe=N",
        help="Your own choice of pe, simd, lanes, skip or implementation (dsp, pasm, ...); "
        "may be repeated.",
    ),
]


INTERRUPTED = (
    "no plan was made, and nothing is kept of one; run it again, with --set for layers whose "
    "implementation you know, which leaves less to look at"
)


def make_plan(
    network: Path, target: str, goal: str, clock: float | None, choices: list[str] | None
) -> "Plan":
    """Return the plan of a stored network, with a bar meanwhile; the clock is in MHz."""
    with bar("Planning", screen(stderr=True), INTERRUPTED) as move:
        from hwgen import api

        return api.plan(
            api.load(network),
            target=target,
            goal=goal,
            clock_hz=None if clock is None else round(clock * 1e6),
            overrides=choices or (),
            progress=move,
        )


def plan(
    network: NetworkFile,
    target: TargetName = DEFAULT_TARGET,
    goal: Goal = "10000 fps",
    clock: Clock = None,
    choices: Choices = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say what the table's columns mean.")
    ] = False,
    json_file: JsonFile = None,
) -> None:
    """Choose how each layer is built, and show what it takes and gives.

    Example: hwgen plan digits.net --explain

    Example: hwgen plan digits.net --target ulx3s-85f --goal "10000 fps" --set conv1.pe=4
    """
    check_file(json_file)
    made = make_plan(network, target, goal, clock, choices)
    console = screen_beside(json_file)
    print_plan(made, console)
    for title, meaning in LEGEND.items() if explain else ():
        say(console, f"{title}: {meaning}")
    if json_file is not None:
        write_json(json_file, made.to_json())


LEGEND = {
    "layer": "one that hardware computes, with what is folded into it; * marks the bottleneck, "
    "which is busy for most clocks of a frame",
    "pe": "outputs that are computed at once (processing elements)",
    "simd": "inputs that each of these takes at once; pe x simd multiply-accumulates a clock",
    "busy": "clocks of a frame that the layer's busiest part needs",
    "useful": "share of what its multipliers could do between two frames that is asked of them",
    "weights": "where they are: in a memory, in logic, or wired in as constants",
    "output": "what makes outputs of sums: a multiplier, thresholds, thresholds on a line (affine)",
    "LUT": "estimated lookup tables of four inputs",
    "gates": "estimated area, in NANDs of two inputs",
    "FF": "estimated flip-flops",
    "DSP": "multiplier blocks",
    "RAM": "block memories",
    "worth": "all that a layer takes in one figure, by how much of each the device has",
    "interval": "clocks from one frame to the next",
    "latency": "clocks from a frame's first beat in to its last beat out",
}
WORTH_A_WORD = 0.25  # share of zeros in a layer that the plan mentions whatever becomes of them


def _kind(of: Mapping[str, Any], asic: bool) -> str:
    """Return what computes a layer, in words; an ASIC has no LUTs."""
    return str(of["kind"]).replace("LUTs", "gates") if asic else str(of["kind"])


def print_plan(plan: "Plan", console: Console) -> None:
    """Print a plan: a row a layer, the bottleneck marked, the sums below."""
    from hwgen.planning.description import table, title
    from hwgen.planning.estimate.energy import NODE

    described = plan.to_json()
    energy = described["energy"]
    asic = plan.target.library is not None
    titles, rows = table(plan, described)
    print_table(
        console,
        [Column(each) for each in titles],
        rows,
        title=title(plan),
        sections=(len(described["layers"]),),
    )
    for layer in described["layers"]:
        if layer["skip"] or layer["zeros"] >= WORTH_A_WORD:
            say(
                console,
                f"{layer['name']}: {layer['zeros']:.0%} of the weights are zero; skipping words "
                f"of zeros saves {layer['skipped']:.0%} of its clocks",
            )
    for layer in described["layers"]:
        if layer["description"]:
            say(console, f"{layer['name']}: {layer['description']}")
    for layer in described["layers"]:
        others = [other for other in layer["alternatives"] if other["kind"] != layer["kind"]]
        if others:
            text = ", ".join(
                f"{_kind(r, asic)} {'' if r['exact'] else 'at least '}{r['cost']:,.0f}"
                for r in others
            )
            unit = "gates" if asic else "LUTs"
            kind = (
                f"{layer['name']}: {_kind(layer, asic)}, worth {layer['worth']:,.0f} {unit} in all"
            )
            say(console, f"{kind} ({text})")
    for queue in described["queues"]:
        text = f"Queue from {queue['from']} to {queue['to']}: {queue['depth']} beats"
        say(console, text)
    say(
        console,
        f"A frame every {plan.interval:,} clocks ({plan.frames_per_second:,.0f} a second), "
        f"latency {plan.latency:,} clocks. Bottleneck (*): {plan.bottleneck.name}, busy "
        f"{plan.busy / plan.interval:.1%} of the time.",
    )
    if described["gates"] is not None:
        say(
            console,
            f"Area: about {described['gates']:,.0f} gates, NANDs of two inputs, all memories being "
            "flip-flops and logic",
        )
    say(
        console,
        f"Energy of an inference, estimated for {NODE}: {energy['nj']:.3g} nJ (additions "
        f"{energy['add_nj']:.3g}, multiplications {energy['multiply_nj']:.3g}, memories "
        f"{energy['memory_nj']:.3g})",
    )

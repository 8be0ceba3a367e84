"""The legs of the four-way equality: each compares one meaning of a network with golden.

RTL runs in the package's own self-checking testbench, straight in Icarus: a tenth of a second to
compile, no Python in the simulator. The cocotb bench, which knows every clock, costs a second
more, synthesis for a netlist ten.
"""

from dataclasses import dataclass
from pathlib import Path

import hwgen
from hwgen.api import Package
from hwgen.codegen.entries import vector_file
from hwgen.codegen.testbench import testbench
from hwgen.network import Network
from hwgen.planning import Plan
from hwgen.tools import run
from support.fuzz.case import Case, Frames, Settings, count_of, draw_frames, of_each, plan_for
from support.meanings import DifferenceError, compare_text, compare_torch

TIMEOUT = 300.0  # seconds for one simulation
NETLIST_FRAMES = 3


@dataclass(frozen=True)
class Failure:
    """What went wrong.

    leg : "text", "torch", "plan", "generate", "rtl", "clocks" or "netlist"
    kind : name of the exception, DifferenceError where two meanings differ
    text : where and how
    """

    leg: str
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.leg}: {self.kind}: {self.text}"

    def like(self, other: "Failure | None") -> bool:
        """Say whether both are of one leg and kind."""
        return other is not None and (self.leg, self.kind) == (other.leg, other.kind)


def check_case(case: Case, folder: Path, *, clocks: bool, netlist: bool) -> Failure | None:
    """Hold a case to the equality.

    Parameters
    ----------
    folder : an empty one to work in
    clocks : whether also in cocotb, clock for clock
    netlist : whether also as a netlist of its target
    """
    frames, reals = draw_frames(case)
    if case.model is not None and reals is not None:
        try:
            compare_torch(case.model, case.network, reals)
        except Exception as error:
            return Failure("torch", type(error).__name__, str(error))
    return check_network(
        case.network,
        case.settings,
        folder,
        frames=frames,
        made=case.plan,
        clocks=clocks,
        netlist=netlist,
    )


def check_network(
    network: Network,
    settings: Settings,
    folder: Path,
    *,
    frames: Frames | None = None,
    made: Plan | None = None,
    clocks: bool = False,
    netlist: bool = False,
) -> Failure | None:
    """Hold a network's text, RTL and netlist to golden; return the first failure.

    Any exception on the way is one, since the network is legal.

    Parameters
    ----------
    frames : (frames, *input shape), of several inputs by name; random ones by the settings if None
    made : the plan, one by the settings if None
    """
    leg = "text"
    try:
        compare_text(network)
        if frames is None:
            frames, _ = draw_frames(Case(0, 0, "network", network, settings))
        leg = "plan"
        made = made or plan_for(network, settings)
        leg = "generate"
        package = hwgen.generate(made, folder / "net")
        leg = "rtl"
        compare_rtl(package, frames, settings, folder / "bench")
        if clocks:
            leg = "clocks"
            compare_clocks(package, made, frames, settings)
        if netlist:
            leg = "netlist"
            last = of_each(lambda values: values[-NETLIST_FRAMES:], frames)
            compare_netlist(package, made, last, settings)
    except Exception as error:
        return Failure(leg, type(error).__name__, str(error))
    return None


def compare_rtl(package: Package, x: Frames, settings: Settings, folder: Path) -> None:
    """RTL == golden, without stalls and with them, in the package's own testbench."""
    manifest, network = package.manifest, package.network
    given, returned, count = network.given(x), network.returned(network.run(x)), count_of(x)
    (folder / "vectors").mkdir(parents=True)
    for end in (*manifest.inputs, *manifest.outputs):
        values = (given if end in manifest.inputs else returned)[end.name]
        packed, size = end.stream.pack(values), end.stream.beat_bytes
        lines = (packed[at : at + size].hex() for at in range(0, len(packed), size))
        (folder / vector_file(end)).write_text("\n".join(lines) + "\n")
    bench = folder / f"{manifest.top}_tb.v"
    bench.write_text(testbench(manifest, count))
    compiled = ["-g2005", "-s", f"{manifest.top}__tb", "-o", "bench.vvp", bench.name]
    models = (package.folder / name for name in manifest.primitives)
    sources = [str(path.absolute()) for path in (package.verilog, *models)]
    run("iverilog", [*compiled, *sources], cwd=folder, timeout=TIMEOUT)
    passed = f"PASS: {count * sum(end.beats for end in manifest.outputs)} beats equal"
    for stall in (0, settings.stall):
        options = [f"+stall={stall}", f"+seed={settings.seed}"]
        done = run("vvp", ["-N", "bench.vvp", *options], cwd=folder, timeout=TIMEOUT, check=False)
        said = done.output.strip().splitlines()
        if done.status or not said or said[-1] != passed:
            raise DifferenceError("\n".join(said[-3:]) or f"vvp ended with status {done.status}")


def compare_clocks(package: Package, made: Plan, x: Frames, settings: Settings) -> None:
    """RTL == golden in cocotb, every frame in the clocks that the plan predicts; and once more
    with stalls and a reset in mid-frame."""
    timing = made.timing_of(count_of(x))
    result = package.simulate(x, simulator="icarus", timeout=TIMEOUT)
    if not result.ok:
        raise DifferenceError(f"{result.first_difference or result.violations}")
    found, expected = ((t.frame_starts, t.frame_ends) for t in (result, timing))
    if found != expected:
        raise DifferenceError(f"frames start and end at {found}, not as planned {expected}")
    result = package.simulate(
        x,
        simulator="icarus",
        stalls=settings.stall / 100,
        seed=settings.seed,
        reset_at=max(1, timing.frame_ends[0]),
        timeout=TIMEOUT,
    )
    if not result.ok:
        raise DifferenceError(f"stalled and reset: {result.first_difference or result.violations}")


def compare_netlist(package: Package, made: Plan, x: Frames, settings: Settings) -> None:
    """netlist == golden, clock for clock without stalls, and with them."""
    for stall in (0, settings.stall):
        result = package.simulate(
            x,
            stage="netlist",
            simulator="icarus",
            stalls=stall / 100,
            seed=settings.seed,
            timeout=3 * TIMEOUT,
        )
        if not result.ok:
            raise DifferenceError(
                f"stalls {stall} %: {result.first_difference or result.violations}"
            )
        if not stall and result.frame_ends != made.timing_of(count_of(x)).frame_ends:
            raise DifferenceError("frames of the netlist end in other clocks than planned")

"""What a package costs, at one of three stages."""

__all__ = ["COST_STAGES", "Cost", "cost_of"]

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from msgspec import structs

from hwgen.cost.asic.static_timing import analyse_timing
from hwgen.cost.asic.synthesis import synthesise_cells
from hwgen.cost.routing import route
from hwgen.cost.synthesis import synthesise_package
from hwgen.errors import HwgenError
from hwgen.families import routing_of
from hwgen.package.manifest import Manifest
from hwgen.planning.estimate.resources import gate_equivalents
from hwgen.showing import Shown, html_table
from hwgen.targets import Target, get_target

COST_STAGES = ("estimate", "synth", "route")


@dataclass(frozen=True, repr=False)
class Cost(Shown):
    """What a package costs.

    stage : "estimate", "synth" or "route": where the figures come from
    target : the device, or the cell library
    luts : 4-input LUTs, those of carry chains and LUT memories included; None of an ASIC
    ffs, dsps, block_rams : how many
    fmax_mhz : highest clock that place and route found, or of an ASIC OpenSTA without wires, MHz;
        None where none was looked for
    frames_per_second : at `fmax_mhz`, or at the plan's clock where that is not known
    seconds : that the tools took when they ran
    detail : all that the stage knows, as plain values
    gates : of an ASIC, area in gate equivalents, NANDs of two inputs
    area_um2 : of an ASIC, of all cells, um2
    power_mw : of an ASIC, at the plan's clock, with OpenSTA's `activity` in `detail`, mW
    netlist_energy_nj : that power over an interval, of one inference, nJ
    energy_nj : of one inference, estimated from operations and memory bits, at 45 nm, nJ
    """

    stage: str
    target: str
    luts: int | None
    ffs: int
    dsps: int
    block_rams: int
    fmax_mhz: float | None
    frames_per_second: float
    seconds: float
    detail: dict[str, object]
    gates: float | None = None
    area_um2: float | None = None
    power_mw: float | None = None
    netlist_energy_nj: float | None = None
    energy_nj: float | None = None

    def to_json(self) -> dict[str, object]:
        """Return the figures as plain values."""
        return asdict(self)

    def _figures(self) -> list[tuple[str, str]]:
        """Return what is known, in words: (what, how much)."""
        known = (
            ("LUT", self.luts, ",.0f"),
            ("gates", self.gates, ",.0f"),
            ("um2", self.area_um2, ",.0f"),
            ("FF", self.ffs, ",.0f"),
            ("DSP", self.dsps, ",.0f"),
            ("RAM", self.block_rams, ",.0f"),
            ("MHz", self.fmax_mhz, ".1f"),
            ("frames a second", self.frames_per_second, ",.0f"),
            ("mW", self.power_mw, ".3g"),
            ("nJ an inference", self.energy_nj, ".3g"),
        )
        return [(what, f"{value:{form}}") for what, value, form in known if value is not None]

    def _line(self) -> str:
        figures = ", ".join(f"{value} {what}" for what, value in self._figures())
        return f"{self.stage} on {self.target}; {figures}"

    def _repr_html_(self) -> str:
        return html_table(("", self.stage), self._figures(), f"Cost on {self.target}")


def cost_of(verilog: Path, manifest: Manifest, stage: str, timeout: float) -> Cost:
    """Return what a package costs on its target.

    Parameters
    ----------
    verilog, manifest : of the package
    stage : "estimate" (the planner's), "synth" (yosys, of an ASIC OpenSTA as well) or "route"
        (yosys and nextpnr)
    timeout : seconds that each tool may take

    Raises
    ------
    HwgenError : a stage that is none, or none of the target's
    """
    target = get_target(manifest.target)
    stages: dict[str, Callable[[_Design], Cost]] = {"estimate": _estimated}
    stages |= {"synth": _mapped} if target.library else {"synth": _synthesised, "route": _routed}
    if stage not in COST_STAGES:
        raise HwgenError(f"Stage must be one of {', '.join(COST_STAGES)}, not {stage!r}")
    if stage not in stages:
        raise HwgenError(
            f"Stage must be {' or '.join(stages)} for {target.name}, an ASIC, not {stage!r}: "
            "hwgen places and routes for FPGAs alone"
        )
    return stages[stage](_Design(verilog, manifest, target, timeout))


@dataclass(frozen=True)
class _Design:
    verilog: Path
    manifest: Manifest
    target: Target
    timeout: float

    @property
    def top(self) -> str:
        return self.manifest.top

    @property
    def clock_hz(self) -> int:
        return self.manifest.clock_hz

    @property
    def interval(self) -> int:
        return self.manifest.predicted.interval

    @property
    def energy_nj(self) -> float:
        return self.manifest.predicted.energy_nj

    def rate(self, fmax_mhz: float | None) -> float:
        """Return frames a second, at a clock or the plan's."""
        return (self.clock_hz if fmax_mhz is None else fmax_mhz * 1e6) / self.interval


def _estimated(design: _Design) -> Cost:
    found = design.manifest.estimate
    asic = design.target.library is not None
    return Cost(
        stage="estimate",
        target=design.target.name,
        luts=None if asic else found.luts,
        ffs=found.ffs,
        dsps=found.dsps,
        block_rams=found.block_rams,
        fmax_mhz=None,
        frames_per_second=design.rate(None),
        seconds=0.0,
        detail=structs.asdict(found),
        gates=gate_equivalents(found.luts, found.ffs) if asic else None,
        energy_nj=design.energy_nj,
    )


def _mapped(design: _Design) -> Cost:
    clock, interval = design.clock_hz / 1e6, design.interval
    mapped = synthesise_cells(
        design.verilog,
        design.top,
        design.target,
        clock_hz=design.clock_hz,
        timeout=design.timeout,
    )
    timing = analyse_timing(mapped, clock, timeout=design.timeout)
    return Cost(
        stage="synth",
        target=design.target.name,
        luts=None,
        ffs=mapped.ffs,
        dsps=0,
        block_rams=0,
        fmax_mhz=timing.fmax_mhz,
        frames_per_second=design.rate(timing.fmax_mhz),
        seconds=mapped.seconds + timing.seconds,
        detail=mapped.to_json() | {"timing": timing.to_json()},
        gates=mapped.gates,
        area_um2=mapped.area_um2,
        power_mw=timing.power_mw,
        netlist_energy_nj=timing.power_mw * interval / clock,  # mW * us
        energy_nj=design.energy_nj,
    )


def _synthesised(design: _Design) -> Cost:
    synthesis = synthesise_package(
        design.verilog, design.manifest, design.target, timeout=design.timeout
    )
    return Cost(
        stage="synth",
        target=design.target.name,
        luts=synthesis.luts,
        ffs=synthesis.ffs,
        dsps=synthesis.dsps,
        block_rams=synthesis.block_rams,
        fmax_mhz=None,
        frames_per_second=design.rate(None),
        seconds=synthesis.seconds,
        detail=synthesis.to_json(),
        energy_nj=design.energy_nj,
    )


def _routed(design: _Design) -> Cost:
    routing_of(design.target)  # before minutes are spent on synthesis
    synthesis = synthesise_package(
        design.verilog, design.manifest, design.target, timeout=design.timeout
    )
    routed = route(synthesis, design.target, timeout=design.timeout, freq_mhz=design.clock_hz / 1e6)
    return Cost(
        stage="route",
        target=design.target.name,
        luts=routed.luts,
        ffs=routed.ffs,
        dsps=routed.dsps,
        block_rams=routed.block_rams,
        fmax_mhz=routed.fmax_mhz,
        frames_per_second=design.rate(routed.fmax_mhz),
        seconds=synthesis.seconds + routed.seconds,
        detail=routed.to_json(),
        energy_nj=design.energy_nj,
    )

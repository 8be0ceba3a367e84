"""The results of a comparison as data: a row a design, and the run they belong to."""

__all__ = ["SPEC_VERSION", "STAGES", "Row", "Run", "check_baseline"]

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from hwgen.errors import HwgenError
from hwgen.showing import Shown, counted, frame, html_table

SPEC_VERSION = 1
STAGES = ("estimate", "synth", "route")
SHORT = {  # what a notebook shows of a run, and how
    "accuracy": ".2%",
    "luts": ",",
    "ffs": ",",
    "dsps": ",",
    "block_rams": ",",
    "gates": ",.0f",
    "fmax_mhz": ".1f",
    "interval": ",",
    "latency": ",",
    "frames_per_second": ",.0f",
    "energy_nj": ".3g",
}


@dataclass(frozen=True)
class Row:
    """One design, and what is known of it; what is not is None.

    Attributes
    ----------
    network : the formats that a task was trained in, as "int4/uint4", or a file's name
    target, goal : of the plan
    folding : choices of the user's, such as "conv1.pe=4"
    stage : where luts, ffs, dsps and block_rams come from: "estimate", "synth" or "route"
    error : why the design could not be measured; empty if it was
    accuracy : share of the user's test data that golden gets right, or the task's own score
    float_accuracy : of the float model, as far as the task says it
    snr_db : signal to noise of the network's outputs on the calibration data, against the float
        model, dB
    warnings : what compression had to say of it
    digest : SHA-256 of the network's file, hexadecimal
    folder : where the design's network and package are kept, if they are
    equal, compared : outputs of the simulation that equal golden, of so many
    violations : rules of streams that the simulation broke
    luts, ffs, dsps, block_rams : what the stage counts; an ASIC has no LUTs
    estimated_luts : by the planner, whatever the stage
    area_um2, gates : of an ASIC: square micrometres, and NAND2 equivalents
    fmax_mhz : that place and route reached, or of an ASIC's netlist without wires; None at other
        stages
    clock_mhz : the plan's
    interval, latency : clocks; measured where it was simulated, else predicted
    frames_per_second : at `fmax_mhz`, or at the plan's clock where that is not known
    power_mw : of an ASIC, at `clock_mhz`, by OpenSTA, mW
    energy_nj : of one inference, estimated from operations and memory bits at 45 nm, nJ
    netlist_energy_nj : of an ASIC, `power_mw` over an interval, nJ
    weight_bytes : in the formats of the weights, codebooks included
    macs : of a frame, those of skipped words aside
    units : multiply-accumulates that all arrays can do in a clock
    stream_bytes : that enter and leave the package in a frame
    beat_bytes : that cross both borders in a clock at most
    layers : of each: name, pe, simd, busy clocks, macs, the planner's estimate of resources, and
        perhaps signal to noise, dB
    seconds : that each step took when it ran, s
    """

    network: str
    target: str
    goal: str
    folding: str = ""
    stage: str = "estimate"
    error: str = ""
    digest: str = ""
    folder: str = ""
    accuracy: float | None = None
    float_accuracy: float | None = None
    snr_db: float | None = None
    equal: int | None = None
    compared: int | None = None
    violations: int | None = None
    luts: int | None = None
    ffs: int | None = None
    dsps: int | None = None
    block_rams: int | None = None
    estimated_luts: int | None = None
    area_um2: float | None = None
    gates: float | None = None
    fmax_mhz: float | None = None
    clock_mhz: float | None = None
    interval: int | None = None
    latency: int | None = None
    frames_per_second: float | None = None
    power_mw: float | None = None
    energy_nj: float | None = None
    netlist_energy_nj: float | None = None
    weight_bytes: int | None = None
    macs: int | None = None
    units: int | None = None
    stream_bytes: float | None = None
    beat_bytes: float | None = None
    layers: tuple[Mapping[str, Any], ...] = ()
    warnings: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value in vars(self).items():  # NaN and infinity are no figures, nor are they JSON
            if name == "layers":
                object.__setattr__(self, name, tuple(map(_finite, value)))
            elif isinstance(value, float) and not math.isfinite(value):
                object.__setattr__(self, name, None)

    @property
    def name(self) -> str:
        """The design in one line."""
        folding = f", {self.folding}" if self.folding else ""
        return f"{self.network} on {self.target}, {self.goal}{folding}"

    @property
    def latency_us(self) -> float | None:
        """Latency at `fmax_mhz`, or at the plan's clock where that is not known, us."""
        clock = self.clock_mhz if self.fmax_mhz is None else self.fmax_mhz
        return None if self.latency is None or not clock else self.latency / clock


@dataclass(frozen=True, repr=False)
class Run(Shown):
    """A comparison.

    Attributes
    ----------
    title : what was compared
    command : that made it
    stage : "estimate", "synth" or "route"
    rows : in the order of formats, targets, goals, foldings
    targets : budgets of each, by name
    complete : whether every design was tried
    seconds : of the run; "train" is what all trainings took when they ran, whenever that was
    """

    title: str
    command: str
    stage: str
    rows: tuple[Row, ...]
    targets: Mapping[str, Mapping[str, Any]]
    complete: bool = True
    seconds: Mapping[str, float] = field(default_factory=dict)

    def share(self, row: Row, what: str) -> float | None:
        """Return the part of its target that a row takes of "luts", "ffs", "dsps" or
        "block_rams"; None where either is unknown, or the target has none."""
        used, has = getattr(row, what), self.targets.get(row.target, {}).get(what)
        return used / has if used is not None and has else None

    @property
    def spearman(self) -> float | None:
        """Rank correlation of estimated and measured LUTs over the rows that have both."""
        pairs = [
            (row.estimated_luts, row.luts)
            for row in self.rows
            if row.stage != "estimate" and row.estimated_luts is not None and row.luts is not None
        ]
        return spearman(*zip(*pairs, strict=True)) if len(pairs) > 2 else None

    def to_json(self) -> str:
        """Return the text that `read_run` reads."""
        return json.dumps({"hwgen_run": SPEC_VERSION, **asdict(self)}, indent=1) + "\n"

    def to_pandas(self) -> Any:
        """Return a pandas.DataFrame with a row a design, and a column a field of `Row`.

        Raises
        ------
        ToolError : pandas is not installed
        """
        return frame(asdict(row) for row in self.rows)

    def _line(self) -> str:
        failed = sum(bool(row.error) for row in self.rows)
        said = f"{self.title}, {counted(len(self.rows), 'design')} at stage {self.stage}"
        said += f", {failed} of them without a result" if failed else ""
        return said if self.complete else f"{said}, not complete"

    def _repr_html_(self) -> str:
        columns = [(n, form) for n, form in SHORT.items() if any(_has(row, n) for row in self.rows)]
        rows = [
            (
                row.name,
                *(format(getattr(row, n), form) if _has(row, n) else "" for n, form in columns),
            )
            for row in self.rows
        ]
        return html_table(("design", *(name for name, _ in columns)), rows, self.title)


def _has(row: Row, name: str) -> bool:
    """Say whether a figure of a row is known."""
    return getattr(row, name) is not None


def spearman(a: Sequence[float], b: Sequence[float]) -> float | None:
    """Return the rank correlation of two lists, equals sharing their mean rank; None where one of
    them is constant. Spearman, "The proof and measurement of association between two things"
    (1904)."""

    def ranks(values: Sequence[float]) -> Any:
        x = np.asarray(values, dtype=float)
        _, place, counts = np.unique(x, return_inverse=True, return_counts=True)
        found = (np.cumsum(counts) - (counts + 1) / 2)[place]
        return found - found.mean()

    x, y = ranks(a), ranks(b)
    size = float(np.sqrt((x * x).sum() * (y * y).sum()))
    return float((x * y).sum()) / size if size else None


def _finite(layer: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known of a layer, NaN and infinity being no figures."""
    return {k: None if v in (math.inf, -math.inf) or v != v else v for k, v in layer.items()}


def check_baseline(stage: str, baseline: Run | None) -> None:
    """Refuse an earlier run whose figures are of another kind than those of a stage.

    Raises
    ------
    HwgenError : it was made at another stage
    """
    if baseline is not None and baseline.stage != stage:
        raise HwgenError(
            f"Baseline ({baseline.title}) must be of stage {stage}, not {baseline.stage}: figures "
            "of two stages differ though no design has changed; make the baseline again with "
            f"--stage {stage}"
        )

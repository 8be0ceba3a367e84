"""The plan: what implements each layer, under a target and a goal."""

__all__ = ["Alternative", "Plan", "Stage"]

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from hwgen.families.memories import queue_shifts
from hwgen.formats import bits_for
from hwgen.network.graph import Network
from hwgen.planning.dataflow import (
    Assembly,
    Branch,
    Endpoint,
    assemble,
    output_of,
    word_of,
)
from hwgen.planning.estimate.energy import Energy, energy_of, work_of
from hwgen.planning.estimate.resources import Resources, estimate
from hwgen.planning.implementations.core import Core
from hwgen.planning.layers.folding import Folding, beats
from hwgen.planning.layers.layer import INPUT, Layer
from hwgen.planning.lowering.encodings import fixed_instead
from hwgen.planning.timing import Timing, evaluate_timing
from hwgen.targets import Target
from hwgen_rtl_templates.affine_thresholds import AffineThresholdParameters
from hwgen_rtl_templates.axi import BorderParameters
from hwgen_rtl_templates.constant_array import ConstantArrayParameters
from hwgen_rtl_templates.engine import Datapath, EngineParameters
from hwgen_rtl_templates.join import ConcatParameters
from hwgen_rtl_templates.mac import MacParameters
from hwgen_rtl_templates.threshold import ThresholdParameters

FRAMES = 6  # that a plan's timing is evaluated over; the pipeline is full well before


@dataclass(frozen=True)
class Alternative:
    """The cheapest way of a kind to build a layer.

    kind : what computes, in words
    cost : in LUTs, by which ways are compared
    exact : whether it is the estimate, or the least that it can be
    """

    kind: str
    cost: float
    exact: bool


@dataclass(frozen=True, eq=False)
class Stage:
    """A layer and the component that computes it."""

    layer: Layer
    folding: Folding
    core: Core

    @property
    def name(self) -> str:
        """Name of the layer."""
        return self.layer.name

    @property
    def busy(self) -> int:
        """Clocks of a frame that the busiest part of the component needs."""
        if isinstance(self.core, ConcatParameters):
            return output_of(self.layer, self.core).beats
        return self.core.busy

    @property
    def zeros(self) -> float:
        """Share of the weights that are zero."""
        weight = self.layer.weight
        return 0.0 if weight is None else float((weight == 0).mean())

    @property
    def skipped(self) -> float:
        """Share of the dense array's clocks that skipping words of zeros saves."""
        if not self.folding.skip:
            return 0.0
        folds = [beats(self.layer, self.folding.pe, self.folding.simd, skip) for skip in (1, 0)]
        return 1 - sum(folds[0]) / sum(folds[1])

    @property
    def macs(self) -> int:
        """Multiply-accumulates of a frame, without those of words that are skipped."""
        live = self.core.window.live if isinstance(self.core, EngineParameters) else None
        if live is None or not isinstance(self.core, EngineParameters):
            return self.layer.macs
        pe, outputs = self.folding.pe, self.layer.outputs
        size = 1 if self.layer.depthwise else self.core.window.word
        groups = -(-outputs // pe)
        rows = (min(pe, outputs - group * pe) for group in range(groups))
        words = sum(n * len(live[group % len(live)]) for group, n in enumerate(rows))
        return words * size * self.layer.pixels

    @property
    def datapath(self) -> Datapath | None:
        """What computes the accumulators, None where there are none."""
        return self.core.datapath if isinstance(self.core, EngineParameters) else None

    @property
    def epilogue(self) -> str | None:
        """What makes outputs of accumulators: so many thresholds, even ones by division, or a
        multiplier."""
        epilogue = getattr(self.core, "post", None)
        if isinstance(epilogue, ThresholdParameters):
            return f"{epilogue.steps} step" + "s" * (epilogue.steps != 1)
        if isinstance(epilogue, AffineThresholdParameters):
            return f"{epilogue.steps} affine steps"
        return "multiply" if epilogue else None

    @property
    def weight_style(self) -> str | None:
        """Where the weights are: "block" or "logic", None without weights."""
        path = self.datapath
        if self.layer.weight is None or not isinstance(path, MacParameters):
            return None
        return path.weights.style

    @property
    def blocks(self) -> dict[str, int] | None:
        """How many DSP blocks make the products, and how many rows share each; None without."""
        path = self.datapath
        if not isinstance(path, MacParameters) or path.blocks is None:
            return None
        count = path.blocks.count(path.weights.pe, path.weights.simd)
        return {"count": count, "rows": path.blocks.rows}

    @property
    def constant(self) -> dict[str, int] | None:
        """How many adders the weights are wired into, and the clocks from window to window; None
        where weights are stored."""
        path = self.datapath
        if not isinstance(path, ConstantArrayParameters):
            return None
        return {"adders": path.values.adders, "interval": path.beats + path.rest}

    def fixed_instead(self, target: Target) -> tuple[float, float] | None:
        """Adders and tables a multiply-accumulate of power-of-two weights, and of fixed-point ones
        of as many bits; None without power-of-two weights."""
        path = self.datapath
        if not isinstance(path, MacParameters):
            return None
        return fixed_instead(self.layer, path, target)

    @property
    def output(self) -> Endpoint:
        """The beats that leave."""
        return output_of(self.layer, self.core)


@dataclass(frozen=True, eq=False)
class Plan:
    """Implementation, folding and queue depths of each layer.

    network : what is implemented
    target : on which device
    clock_hz : the clock that rates are computed with
    goal : as the user wrote it
    stages : each after those it takes its inputs from
    depths : of the queue on each branch of a fork
    alternatives : of each layer, the cheapest way of each kind that would have been quick enough
    """

    network: Network
    target: Target
    clock_hz: int
    goal: str
    stages: tuple[Stage, ...]
    depths: Mapping[Branch, int] = field(default_factory=dict)
    alternatives: Mapping[str, tuple[Alternative, ...]] = field(default_factory=dict)

    @cached_property
    def entry(self) -> Endpoint:
        """The beats that enter: as the first layer that takes them likes them."""
        first = next(stage for stage in self.stages if INPUT in stage.layer.sources)
        position = first.layer.sources.index(INPUT)
        channels, height, width = first.layer.x_frames[position]
        lanes = word_of(first.core)
        if isinstance(first.core, EngineParameters):
            bits, is_signed = first.core.window.bits, first.core.window.signed
        else:
            bits, is_signed = bits_for(first.layer.xs[position].lo, first.layer.xs[position].hi)
        return Endpoint(channels, lanes, bits, is_signed, height * width)

    @property
    def input(self) -> BorderParameters:
        """The border where frames enter."""
        return self.entry.border

    @property
    def output(self) -> BorderParameters:
        """The border where results leave."""
        return replace(self.stages[-1].output.border, frames=self.timing.inside)

    @cached_property
    def assembly(self) -> Assembly:
        """Every part, and the streams between them."""
        cores = [(stage.layer, stage.core) for stage in self.stages]
        return assemble(cores, self.entry, self.depths, queue_shifts(self.target))

    @cached_property
    def timing(self) -> Timing:
        """Exact clocks of `FRAMES` frames back to back."""
        return self.timing_of(FRAMES)

    def timing_of(self, frames: int) -> Timing:
        """Return the exact clocks of that many frames back to back."""
        return evaluate_timing(self.assembly, self.entry.beats, frames)

    @property
    def interval(self) -> int:
        """Clocks from one frame to the next."""
        return self.timing.interval

    @property
    def latency(self) -> int:
        """Clocks from the first accepted to the last emitted beat of a frame."""
        return self.timing.latency

    @property
    def frames_per_second(self) -> float:
        """Rate at the plan's clock."""
        return self.clock_hz / self.interval

    @property
    def busy(self) -> int:
        """Clocks of a frame that the busiest component needs."""
        return max(self.entry.beats, *(stage.busy for stage in self.stages))

    @property
    def bottleneck(self) -> Stage:
        """The stage with the busiest component."""
        return max(self.stages, key=lambda stage: stage.busy)

    @property
    def useful_share(self) -> float:
        """MACs of a frame, skipped ones aside, over what all arrays could do in an interval."""
        weighted = [stage for stage in self.stages if stage.layer.macs]
        macs = sum(stage.macs for stage in weighted)
        units = sum(stage.folding.pe * stage.folding.simd for stage in weighted)
        return macs / (units * self.interval) if units else 0.0

    def resources_of(self, stage: Stage) -> Resources:
        """Return the estimated cost of a stage, its adapters included."""
        parts = (placed.part for placed in self.assembly.parts if placed.layer == stage.name)
        return sum((estimate(part, self.target) for part in parts), Resources())

    @cached_property
    def resources(self) -> Resources:
        """Estimated cost of all parts and the borders."""
        parts = [*(placed.part for placed in self.assembly.parts), self.input, self.output]
        return sum((estimate(part, self.target) for part in parts), Resources())

    @cached_property
    def energy(self) -> Energy:
        """Estimated energy of an inference."""
        return energy_of(work_of(self.assembly, self.entry.beats))

    def with_stages(self, stages: tuple[Stage, ...]) -> "Plan":
        """Return the plan with other components for its layers."""
        return replace(self, stages=stages)

    def with_depths(self, depths: Mapping[Branch, int]) -> "Plan":
        """Return the plan with other queues on the branches of forks."""
        return replace(self, depths=dict(depths))

    def with_queues(self, depths: Mapping[str, int]) -> "Plan":
        """Return the plan with other queues behind the components of layers."""
        return self.with_stages(
            tuple(
                replace(stage, core=stage.core.with_depth(depths[stage.name]))
                if stage.name in depths and hasattr(stage.core, "with_depth")
                else stage
                for stage in self.stages
            )
        )

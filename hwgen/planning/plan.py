"""The plan: what implements each layer, under a target and a goal."""

__all__ = ["Plan", "Stage"]

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from hwgen.network.graph import Network
from hwgen.planning.estimate import Resources, estimate
from hwgen.planning.folding import Folding
from hwgen.planning.layers import Layer
from hwgen.planning.timing import Part, Timing, evaluate_timing
from hwgen.targets import Target
from rtl_templates.axi import BorderParameters
from rtl_templates.engine import EngineParameters
from rtl_templates.streams import NarrowParameters, WidenParameters

FRAMES = 6  # that a plan's timing is evaluated over; the pipeline is full well before


@dataclass(frozen=True, eq=False)
class Stage:
    """A layer's hardware.

    adapters : what turns the previous stage's beats into the engine's words
    """

    layer: Layer
    folding: Folding
    engine: EngineParameters
    adapters: tuple[WidenParameters | NarrowParameters, ...]

    @property
    def name(self) -> str:
        """Name of the layer."""
        return self.layer.name

    @property
    def parts(self) -> tuple[Part, ...]:
        """Everything of the stage, in the order of the stream."""
        return (*self.adapters, self.engine)


@dataclass(frozen=True, eq=False)
class Plan:
    """Implementation, folding and queue depth of each layer.

    network : what is implemented
    target : on which device
    clock_hz : the clock that rates are computed with
    goal : as the user wrote it
    """

    network: Network
    target: Target
    clock_hz: int
    goal: str
    stages: tuple[Stage, ...]

    @property
    def parts(self) -> tuple[Part, ...]:
        """Everything between the borders, in the order of the stream."""
        return tuple(part for stage in self.stages for part in stage.parts)

    @property
    def input(self) -> BorderParameters:
        """The border where frames enter."""
        engine = self.stages[0].engine
        w = engine.window
        return BorderParameters(w.word, w.bits, w.signed, engine.beats_in)

    @property
    def output(self) -> BorderParameters:
        """The border where results leave."""
        engine = self.stages[-1].engine
        return BorderParameters(engine.lanes, *engine.element, beats=engine.beats_out)

    @cached_property
    def timing(self) -> Timing:
        """Exact clocks of `FRAMES` frames back to back."""
        return self.timing_of(FRAMES)

    def timing_of(self, frames: int) -> Timing:
        """Return the exact clocks of that many frames back to back."""
        return evaluate_timing(self.parts, self.stages[0].engine.beats_in, frames)

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
        return max(stage.engine.busy for stage in self.stages)

    @property
    def bottleneck(self) -> Stage:
        """The stage with the busiest component."""
        return max(self.stages, key=lambda stage: stage.engine.busy)

    @property
    def useful_share(self) -> float:
        """MACs of a frame over what all arrays could do in an interval."""
        weighted = [stage for stage in self.stages if stage.layer.macs]
        macs = sum(stage.layer.macs for stage in weighted)
        units = sum(stage.folding.pe * stage.folding.simd for stage in weighted)
        return macs / (units * self.interval) if units else 0.0

    def resources_of(self, stage: Stage) -> Resources:
        """Return the estimated cost of a stage."""
        return sum((estimate(part, self.target) for part in stage.parts), Resources())

    @cached_property
    def resources(self) -> Resources:
        """Estimated cost of all stages and the borders."""
        borders = Resources(24, 16)
        return sum((self.resources_of(stage) for stage in self.stages), borders)

    def with_depths(self, depths: Sequence[int]) -> "Plan":
        """Return the plan with other queue depths."""
        stages = tuple(
            Stage(s.layer, s.folding, s.engine.with_depth(depth), s.adapters)
            for s, depth in zip(self.stages, depths, strict=True)
        )
        return Plan(self.network, self.target, self.clock_hz, self.goal, stages)

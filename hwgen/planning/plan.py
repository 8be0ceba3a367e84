"""The plan: what implements each layer, under a target and a goal."""

__all__ = ["Alternative", "Plan", "Stage"]

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from hwgen.families.memories import queue_shifts, ring_style
from hwgen.network.graph import Network
from hwgen.planning.dataflow import (
    Assembly,
    Branch,
    Endpoint,
    assemble,
    output_of,
)
from hwgen.planning.estimate.energy import Energy, energy_of, work_of
from hwgen.planning.estimate.resources import Resources, estimate
from hwgen.planning.implementations import Core, Implementation, implementation_of
from hwgen.planning.layers.find import find_ends
from hwgen.planning.layers.folding import Folding, beats, word_size
from hwgen.planning.layers.layer import INPUT, Layer
from hwgen.planning.layers.sparsity import live_words
from hwgen.planning.lowering.window import element_of
from hwgen.planning.timing import Timing, evaluate_timing
from hwgen.showing import Shown, counted, frame, html_table
from hwgen.targets import Target
from hwgen_rtl_templates.axi import BorderParameters
from hwgen_rtl_templates.words import WordLayout

if TYPE_CHECKING:
    from hwgen.planning.description import DescribedPlan

FRAMES = 6  # that a plan's timing is evaluated over; most pipelines are full well before
MORE_FRAMES = 14  # where a queue may hold several


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
    def implementation(self) -> Implementation:
        """What computes the layer."""
        return implementation_of(self.folding)

    @property
    def busy(self) -> int:
        """Clocks of a frame that the busiest part of the component needs."""
        return max(self.core.busy, self.output.beats)

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
        layer, pe = self.layer, self.folding.pe
        word, ports = word_size(layer, pe, self.folding.simd)
        live = live_words(layer, pe, word, ports) if self.folding.skip else None
        if live is None:
            return layer.macs
        groups = -(-layer.outputs // pe)
        rows = (min(pe, layer.outputs - group * pe) for group in range(groups))
        words = sum(n * len(live[group % len(live)]) for group, n in enumerate(rows))
        return words * (1 if layer.depthwise else word) * layer.pixels

    @property
    def epilogue(self) -> str | None:
        """What makes outputs of accumulators: so many thresholds, a multiplier, a table."""
        units = (getattr(self.core, name, None) for name in ("epilogue", "table"))
        return ", ".join(unit.title for unit in units if unit) or None

    def details(self, target: Target) -> Mapping[str, Any]:
        """Return what is special about the component, as plain values."""
        return self.implementation.details(self.core, self.layer, target)

    @property
    def output(self) -> Endpoint:
        """The beats that leave."""
        return output_of(self.layer, self.core)


@dataclass(frozen=True, eq=False, repr=False)
class Plan(Shown):
    """Implementation, folding and queue depths of each layer.

    network : what is implemented
    target : on which device
    clock_hz : the clock that rates are computed with
    goal : as the user wrote it
    stages : each after those it takes its inputs from
    depths : of the queue on each branch of a fork
    alternatives : of each layer, the cheapest way of each kind that would have been quick enough
    layout : how elements lie in words at the border; None: as beats of the first and last layers
    """

    network: Network
    target: Target
    clock_hz: int
    goal: str
    stages: tuple[Stage, ...]
    depths: Mapping[Branch, int] = field(default_factory=dict)
    alternatives: Mapping[str, tuple[Alternative, ...]] = field(default_factory=dict)
    layout: WordLayout | None = None

    @cached_property
    def entries(self) -> Mapping[str, Endpoint]:
        """The beats that enter, by the source that layers know them as, in the order of the
        network's inputs."""
        names = [INPUT] if len(self.network.inputs) == 1 else list(self.network.inputs)
        return {name: self._entry(name) for name in names}

    def _entry(self, source: str) -> Endpoint:
        """Return the beats that enter, as the first layer that takes them likes them."""
        first, position = self.first_user(source)
        channels, height, width = first.layer.x_frames[position]
        bits, is_signed = element_of(first.layer, position)
        word = first.core.word
        lanes = min(word, channels) if first.layer.spreads else word
        return Endpoint(channels, lanes, bits, is_signed, height * width)

    def first_user(self, source: str) -> tuple[Stage, int]:
        """Return the first stage that takes the value of a source, and as which of its inputs."""
        first = next(stage for stage in self.stages if source in stage.layer.sources)
        return first, first.layer.sources.index(source)

    @cached_property
    def exits(self) -> tuple[Stage, ...]:
        """The stages whose values leave, in the order of the network's outputs."""
        by_name = {stage.name: stage for stage in self.stages}
        makers = find_ends(self.network, (stage.layer for stage in self.stages))
        return tuple(by_name[name] for name in makers)

    @property
    def beats_in(self) -> tuple[int, ...]:
        """Beats of a frame that enter, by each input."""
        return tuple(end.beats for end in self.inputs)

    @property
    def inputs(self) -> tuple[BorderParameters, ...]:
        """The borders where frames enter, in the order of the network's inputs."""
        return tuple(end.border(self.layout) for end in self.entries.values())

    @property
    def outputs(self) -> tuple[BorderParameters, ...]:
        """The borders where results leave, in the order of the network's outputs."""
        return tuple(
            replace(stage.output.border(self.layout), frames=inside, inputs=len(self.entries))
            for stage, inside in zip(self.exits, self.timing.inside, strict=True)
        )

    @cached_property
    def assembly(self) -> Assembly:
        """Every part, and the streams between them."""
        cores = [(stage.layer, stage.core) for stage in self.stages]
        target = self.target
        exits = [stage.name for stage in self.exits]
        ring = partial(ring_style, target=target)
        return assemble(
            cores, self.entries, exits, self.depths, queue_shifts(target), ring, self.layout
        )

    @cached_property
    def timing(self) -> Timing:
        """Exact clocks of `FRAMES` frames back to back, of `MORE_FRAMES`, or of as many as fill a
        pipeline that holds more."""
        frames = MORE_FRAMES if any(stage.layer.needs_frames for stage in self.stages) else FRAMES
        while max((found := self.timing_of(frames)).inside) >= frames - 1:
            frames *= 2
        return found

    def timing_of(self, frames: int) -> Timing:
        """Return the exact clocks of that many frames back to back."""
        return evaluate_timing(self.assembly, self.beats_in, frames)

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
        return max(*self.beats_in, *(stage.busy for stage in self.stages))

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
        parts = [*(placed.part for placed in self.assembly.parts), *self.inputs, *self.outputs]
        return sum((estimate(part, self.target) for part in parts), Resources())

    @cached_property
    def energy(self) -> Energy:
        """Estimated energy of an inference."""
        return energy_of(work_of(self.assembly, self.beats_in))

    def to_json(self) -> "DescribedPlan":
        """Return the plan as plain values, as `hwgen plan --json` writes it."""
        from hwgen.planning.description import describe

        return describe(self)

    def to_pandas(self) -> Any:
        """Return a pandas.DataFrame with a row a layer: name, op, kind, pe, simd, busy clocks,
        MACs, estimated LUTs, flip-flops, DSP blocks and block memories, and the rest of what
        `to_json` has of a layer.

        Raises
        ------
        ToolError : pandas is not installed
        """
        return frame({**layer, **layer["resources"]} for layer in self.to_json()["layers"])

    def _line(self) -> str:
        used = self.resources
        return (
            f"{counted(len(self.stages), 'layer')} on {self.target.name} for {self.goal}; a frame "
            f"every {counted(self.interval, 'clock')}, latency {self.latency:,}, "
            f"{self.frames_per_second:,.0f} frames a second at {self.clock_hz / 1e6:g} MHz; about "
            f"{used.luts:,.0f} LUT, {used.ffs:,.0f} FF, {used.dsps:,.0f} DSP, "
            f"{used.block_rams:,.0f} RAM"
        )

    def _repr_html_(self) -> str:
        from hwgen.planning.description import describe, drawn, table, title

        described = describe(self)
        titles, rows = table(self, described)
        sums = len(rows) - len(described["layers"])
        return html_table(titles, rows, title(self), sums=sums) + drawn(self)

    def with_stages(self, stages: tuple[Stage, ...]) -> "Plan":
        """Return the plan with other components for its layers."""
        return replace(self, stages=stages)

    def with_layout(self, layout: WordLayout | None) -> "Plan":
        """Return the plan with words at the border; None: beats."""
        return replace(self, layout=layout)

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

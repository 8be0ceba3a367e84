"""Dataflow: the parts of an accelerator and the streams between them."""

__all__ = [
    "EXIT",
    "Assembly",
    "Branch",
    "Endpoint",
    "Part",
    "Placed",
    "adapters",
    "assemble",
    "branches_of",
    "output_of",
    "suits",
]

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import gcd
from typing import TypeVar

from hwgen.planning.implementations.implementation import Core
from hwgen.planning.layers.layer import Layer
from hwgen_rtl_templates.axi import BorderParameters
from hwgen_rtl_templates.fifo import FifoParameters
from hwgen_rtl_templates.replay import ReplayParameters
from hwgen_rtl_templates.streams import ForkParameters, NarrowParameters, WidenParameters
from hwgen_rtl_templates.words import PackParameters, UnpackParameters, WordLayout

EXIT = ""  # the sink of what leaves
LEAST_QUEUE = 2  # beats, for one a clock

# the parameters of anything that streams run through
Part = (
    Core
    | ForkParameters
    | FifoParameters
    | NarrowParameters
    | WidenParameters
    | ReplayParameters
    | PackParameters
    | UnpackParameters
)
Regrouped = TypeVar("Regrouped", PackParameters, UnpackParameters)
Ring = Callable[[int, int], str]  # (bits, words) of a memory that is gone round -> its style


@dataclass(frozen=True, order=True)
class Branch:
    """One of several ways that a stream goes: from a layer or input to an input of a layer, or to
    `EXIT`, where `position` is that of the output among the network's."""

    source: str
    sink: str
    position: int


@dataclass(frozen=True)
class Endpoint:
    """Beats of a stream.

    channels : of a pixel
    lanes, bits, signed : of a beat, which may hold several pixels
    pixels : of a frame
    """

    channels: int
    lanes: int
    bits: int
    signed: bool
    pixels: int

    @property
    def beats(self) -> int:
        """Beats of a frame."""
        if self.lanes > self.channels:
            return self.pixels // (self.lanes // self.channels)
        return self.pixels * -(-self.channels // self.lanes)

    def border(self, layout: WordLayout | None) -> BorderParameters:
        """Return the same at the border of the accelerator: as they are, or as words."""
        if layout is None:
            return BorderParameters(self.lanes, self.bits, self.signed, self.beats)
        words = self.words(PackParameters, layout)
        last = words.frame_bits - (words.words - 1) * words.width
        return BorderParameters(1, layout.width, False, words.words, last_bytes=-(-last // 8))

    def words(self, kind: type[Regrouped], layout: WordLayout) -> Regrouped:
        """Return what stands between these beats and words."""
        slot = layout.slot(self.bits)
        shape = (self.lanes, self.bits, self.signed, self.channels, self.pixels)
        return kind(*shape, layout.width, slot)


@dataclass(frozen=True)
class Placed:
    """A part in its place.

    name : of the instance, before it is made safe for Verilog
    layer : the layer it belongs to, or None
    inputs, outputs : numbers of streams
    """

    name: str
    layer: str | None
    part: Part
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class Assembly:
    """Every part, in an order in which streams run forward; the first streams come from outside.

    streams : how many there are
    entries : how many come from outside
    outs : the ones that leave, in the order of the network's outputs
    queues : name of the queue on each branch of a fork
    """

    parts: tuple[Placed, ...]
    streams: int
    entries: int
    outs: tuple[int, ...]
    queues: Mapping[Branch, str]


def adapters(
    channels: int, lanes: int, word: int, bits: int, is_signed: bool
) -> tuple[WidenParameters | NarrowParameters, ...]:
    """Return what turns beats of `lanes` into words of `word` elements, which divide a pixel."""
    if lanes == word:
        return ()
    if word % lanes == 0:
        return (WidenParameters(channels, lanes, word, bits, is_signed),)
    if lanes % word == 0 or lanes >= channels:
        return (NarrowParameters(channels, lanes, word, bits, is_signed),)
    whole = WidenParameters(channels, lanes, channels, bits, is_signed)
    if word == channels:
        return (whole,)
    return (whole, NarrowParameters(channels, channels, word, bits, is_signed))


def suits(lanes: int, word: int) -> bool:
    """Say whether beats of `lanes` become words of `word` without gathering whole pixels."""
    return gcd(lanes, word) == min(lanes, word)


def output_of(layer: Layer, core: Core) -> Endpoint:
    """Return the beats that leave a core."""
    return Endpoint(layer.outputs, core.lanes, *core.element, layer.pixels)


class _Builder:
    """Streams by number, parts in order."""

    def __init__(self, layers: Iterable[str], entries: int) -> None:
        self.parts: list[Placed] = []
        self.streams = entries
        self._taken = set(layers)

    def add(
        self, name: str, layer: str | None, part: Part, inputs: Sequence[int], outputs: int = 1
    ) -> tuple[int, ...]:
        while name in self._taken and name != layer:
            name += "_"
        self._taken.add(name)
        made = tuple(range(self.streams, self.streams + outputs))
        self.streams += outputs
        self.parts.append(Placed(name, layer, part, tuple(inputs), made))
        return made

    def passes(self, stream: int, entries: int) -> bool:
        """Say whether some frame's last beat is taken from outside only as the last one of the
        stream is: a frame's last result, which leaves once the whole frame has entered, would wait
        for ever."""
        if stream < entries:
            return True
        (placed,) = (placed for placed in self.parts if stream in placed.outputs)
        return any(self.passes(i, entries) for i in placed.inputs[_last_through(placed.part)])


def _last_through(part: Part) -> slice:
    """Return the inputs whose last beat of a frame is taken only as the last one that leaves is."""
    found: slice = getattr(part, "last_through", slice(0))
    return found


def assemble(
    stages: Sequence[tuple[Layer, Core]],
    entries: Mapping[str, Endpoint],
    exits: Sequence[str],
    depths: Mapping[Branch, int],
    shifts: bool = False,
    ring: Ring = lambda bits, words: "distributed",
    layout: WordLayout | None = None,
) -> Assembly:
    """Put cores together: adapters where widths differ, a fork and queues where a stream has
    several users.

    Parameters
    ----------
    entries : the beats that come from outside, by the source that layers know them as
    exits : the layers whose values leave
    depths : of the queue on each branch of a fork
    shifts : whether these are registers that shift
    ring : where beats go that are taken again
    layout : of words that come from outside and leave; None: beats
    """
    builder = _Builder((layer.name for layer, _ in stages), len(entries))
    users = branches_of([layer for layer, _ in stages], exits)
    ways: dict[Branch, int] = {}
    queues: dict[Branch, str] = {}
    beats = dict(entries)

    def spread(source: str, stream: int) -> None:
        branches = users[source]
        if len(branches) < 2:
            ways.update(dict.fromkeys(branches, stream))
            return
        end = beats[source]
        shape = (end.lanes, end.bits, end.signed)
        name = source or "input"
        fork = ForkParameters(*shape, len(branches))
        forked = builder.add(f"{name}_fork", None, fork, (stream,), len(branches))
        for number, (branch, way) in enumerate(zip(branches, forked, strict=True)):
            fifo = FifoParameters(*shape, depths[branch], shifts)
            (ways[branch],) = builder.add(f"{name}_queue_{number}", None, fifo, (way,))
            queues[branch] = builder.parts[-1].name

    for stream, source in enumerate(entries):
        if layout:
            unpack = beats[source].words(UnpackParameters, layout)
            (stream,) = builder.add(f"{source or 'input'}_unpack", None, unpack, (stream,))
        spread(source, stream)
    for layer, core in stages:
        inputs = []
        for position, source in enumerate(layer.sources):
            way = ways[Branch(source, layer.name, position)]
            end = beats[source]
            channels = layer.x_frames[position][0]
            word = min(core.word, channels) if layer.spreads else core.word
            changes: list[WidenParameters | NarrowParameters | ReplayParameters] = [
                *adapters(channels, end.lanes, word, end.bits, end.signed)
            ]
            fresh, period = layer.rounds(position, core.word)
            if (word, fresh) != (core.word, period):
                style = ring(word * end.bits, fresh)
                shape = (word, core.word, end.bits, end.signed)
                changes.append(ReplayParameters(*shape, fresh, period, style))
            for part in changes:
                place = f"_{position}" if len(layer.sources) > 1 else ""
                (way,) = builder.add(f"{layer.name}_{part.name}{place}", layer.name, part, (way,))
            inputs.append(way)
        (stream,) = builder.add(layer.name, layer.name, core, inputs)
        beats[layer.name] = output_of(layer, core)
        spread(layer.name, stream)
    outs = []
    for n, name in enumerate(exits):
        way, end = ways[Branch(name, EXIT, n)], beats[name]
        if builder.passes(way, len(entries)):
            fifo = FifoParameters(end.lanes, end.bits, end.signed, LEAST_QUEUE, shifts)
            (way,) = builder.add(f"{name}_out_queue", None, fifo, (way,))
        if layout:
            pack = end.words(PackParameters, layout)
            (way,) = builder.add(f"{name}_pack", None, pack, (way,))
        outs.append(way)
    return Assembly(tuple(builder.parts), builder.streams, len(entries), tuple(outs), queues)


def branches_of(layers: Sequence[Layer], exits: Sequence[str]) -> dict[str, list[Branch]]:
    """Return the ways out of each layer and input: to layers in their order, then out."""
    users: dict[str, list[Branch]] = {layer.name: [] for layer in layers}
    for layer in layers:
        for position, source in enumerate(layer.sources):
            users.setdefault(source, []).append(Branch(source, layer.name, position))
    for position, source in enumerate(exits):
        users[source].append(Branch(source, EXIT, position))
    return users

"""Bounds: what a layer takes at the least with an engine, before one is built.

Each part is counted from widths and numbers alone. What two foldings of a layer have in common (a
row of so many columns, a window of so many lanes, what follows so many lanes) is counted once. A
bound comes in two steps: a rough one looks at no table and at no weight, a close one does, and is
within a few per cent; only what is then still among the cheapest is built.
"""

__all__ = ["Array", "Bounds", "least_of"]

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from hwgen.families.cells import adders_placed, lut_inputs
from hwgen.families.memories import block_rams, weight_style
from hwgen.planning.estimate.array_parts import weights_structure
from hwgen.planning.estimate.engine_parts import window_structure
from hwgen.planning.estimate.lookup_tables import bits_luts
from hwgen.planning.estimate.resources import Resources, priced, weigh
from hwgen.planning.estimate.stream_parts import narrow_structure
from hwgen.planning.estimate.structure import Structure, bits_of
from hwgen.planning.implementations.implementation import Bound
from hwgen.planning.layers.dot_output import DotOutput, dot_output_of
from hwgen.planning.layers.folding import Folding, beats, columns
from hwgen.planning.layers.layer import Layer
from hwgen.planning.layers.sparsity import padded_matrix
from hwgen.planning.lowering.encodings import Codes, offsets_of
from hwgen.planning.lowering.epilogue import epilogue_for
from hwgen.planning.lowering.weight_words import weight_beats
from hwgen.planning.lowering.window import window_for
from hwgen.targets import Target
from hwgen_rtl_templates.encodings import Encoding
from hwgen_rtl_templates.streams import NarrowParameters
from hwgen_rtl_templates.window import WindowParameters

T = TypeVar("T")

SAMPLE = 1 << 17  # bits of weights that are looked at for a bound


@dataclass(frozen=True)
class Array:
    """What an engine's datapath takes at the least.

    needs : of it and of its weights
    output : what it delivers
    encoding : of its weights, where there is a choice of them
    read : of each element of a beat, whether the datapath needs it; all of them where not given
    constant : whether it needs no weights from memory, nor a window in one
    spare : bits by which what it delivers may be shorter
    followed : whether what follows is looked at
    least_lanes : through which it may be drained instead of the folding's
    """

    needs: Resources
    output: DotOutput
    encoding: Encoding | None = None
    read: tuple[bool, ...] | None = None
    constant: bool = False
    spare: int = 0
    followed: bool = True
    least_lanes: int | None = None


class Bounds:
    """What parts of a layer's engines take at the least on a target, each counted once."""

    def __init__(self, layer: Layer, target: Target) -> None:
        self.layer, self.target = layer, target
        self._kept: dict[object, Any] = {}

    def engine(self, folding: Folding, close: bool, arrays: Sequence[Array]) -> Bound:
        """Return what an engine takes at the least with the cheapest of several datapaths."""
        found = []
        for array in arrays:
            needs = self._window(folding, close, array) + array.needs
            needs += self._behind(folding, close, array)
            found.append((weigh(needs, self.target), needs))
        return Bound(min(cost for cost, _ in found), least_of([needs for _, needs in found]))

    # ------------------------------------------------------------------ before the datapath

    def _window(self, folding: Folding, close: bool, array: Array) -> Resources:
        """Return what the window and the loops take at the least."""

        def made() -> Resources:
            window = window_for(self.layer, folding, self.target)
            loops = Structure({"sequencer": 1}, 4)
            if close:
                read = array.read or (True,) * window.lanes
                return self.cost(window_structure(window, read, self.target) + loops)
            address = bits_of(window.depth - 1)
            least = Structure({"window": 1, "window address bit": address}, 4 * address)
            if window.style == "block" and not array.constant:
                width = window.word * window.bits
                rams = window.ports * block_rams(width, window.depth, self.target)
                least += Structure({}, 2 * width * window.ports, 0, rams)
            return self.cost(least + loops)

        if folding.skip and not close:  # which words are read is not looked at
            return self.cost(Structure({"window": 1, "sequencer": 1}, 4))
        lanes = folding.pe if self.layer.depthwise else folding.simd
        skipping = folding.pe if folding.skip else 0
        return self.once(("window", close, lanes, skipping, array.constant), made)

    # ------------------------------------------------------------------ weights of arrays

    def weights(self, folding: Folding, encoding: Encoding, close: bool) -> Resources:
        """Return what the memory of weights takes at the least."""
        width = folding.pe * columns(self.layer, folding) * encoding.bits
        depth, inputs = sum(self._beats(folding)), lut_inputs(self.target)
        style = weight_style(width, depth, self.target)
        tables = (0, 0)
        if style != "block":
            tables = (0, width * (-(-depth >> inputs) - 1))
            if close and not folding.skip and width * depth <= SAMPLE:
                tables = bits_luts(self._words(folding, encoding), inputs)
        return self.cost(weights_structure(width, depth, style, tables, self.target))

    def live(self, folding: Folding, encoding: Encoding) -> float:
        """Return the share of a word's bits that vary at the least."""
        if adders_placed(self.target) or folding.skip:
            return 0.0
        bits = self._words(folding, encoding)
        return float((bits != bits[:1]).any(axis=0).mean())

    def _words(self, folding: Folding, encoding: Encoding) -> npt.NDArray[np.uint8]:
        """Return the bits of words of weights, as many as are looked at."""
        layer, simd = self.layer, columns(self.layer, folding)
        codes = self.once(
            ("codes", encoding), lambda: Codes(encoding, np.array(layer.values, dtype=np.int64))
        )
        most = max(2, SAMPLE // (folding.pe * simd * encoding.bits))
        each = -(-layer.inputs // simd)
        matrix = padded_matrix(layer, folding.pe)[: -(-most // each)]
        window = window_for(layer, folding, self.target)
        groups = weight_beats(layer, folding, window, matrix)
        words = np.concatenate([read.swapaxes(0, 1).reshape(each, -1) for read in groups])
        return codes.bits(words[:most])

    # ------------------------------------------------------------------ behind the datapath

    def _behind(self, folding: Folding, close: bool, array: Array) -> Resources:
        """Return what drain and queue take, and with a close look what is done to the sums."""
        layer, output = self.layer, array.output
        found = self.cost(Structure({"queue": 1}))
        if folding.pe > folding.lanes:
            bits = max(1, output.shape[0] - array.spare)
            drain = NarrowParameters(layer.outputs, folding.pe, folding.lanes, bits, True)
            found += self.cost(narrow_structure(drain, self.target))
        if not close or not array.followed:
            return found

        def made(lanes: int) -> Resources:
            return epilogue_for(layer, output, lanes, self.target).needs(self.target)

        def followed(lanes: int) -> Resources:
            return self.once(("behind", array.encoding, lanes), lambda: made(lanes))

        least = array.least_lanes or folding.lanes
        return found + least_of([followed(lanes) for lanes in {least, folding.lanes}])

    # ------------------------------------------------------------------ what all have in common

    @cached_property
    def any_window(self) -> WindowParameters:
        """A window of the layer: of another folding its elements are the same."""
        return window_for(self.layer, Folding(1, 1, 1), self.target)

    def accumulates(self, folding: Folding) -> bool:
        """Say whether a dot product takes more than one beat."""
        return max(self._beats(folding)) > 1

    def output(self, encoding: Encoding | None = None) -> DotOutput:
        """Return what an array of such weights delivers; the accumulators where not given."""

        def made() -> DotOutput:
            if encoding is None:
                return dot_output_of(self.layer)
            return dot_output_of(self.layer, offsets_of(self.layer, encoding, self.any_window))

        return self.once(("output", encoding), made)

    def cost(self, found: Structure) -> Resources:
        """Return the estimated cost of a structure."""
        return priced(found, self.target)

    def once(self, key: object, made: Callable[[], T]) -> T:
        """Return what is made once for each key."""
        if key not in self._kept:
            self._kept[key] = made()
        found: T = self._kept[key]
        return found

    def _beats(self, folding: Folding) -> list[int]:
        return beats(self.layer, folding.pe, folding.simd, folding.skip)


def least_of(found: Sequence[Resources]) -> Resources:
    """Return the least of each resource."""
    rows = [(r.luts, r.ffs, r.dsps, r.block_rams) for r in found]
    luts, ffs, dsps, rams = (min(column) for column in zip(*rows, strict=True))
    return Resources(luts, ffs, int(dsps), int(rams))

"""Bounds: what a layer takes at the least with an array, before one is built.

Each part is counted from widths and numbers alone. What two foldings of a layer have in common (a
row of so many columns, a window of so many lanes, what follows so many lanes) is counted once. A
bound comes in two steps: `rough` looks at no table and at no weight, `close` does, and is within a
few per cent; only what is then still among the cheapest is built.

A row of many columns is at least its stretches of `STRETCH` columns, less a margin (held by
`test_bounds.py` over all encodings).
"""

__all__ = ["MARGIN", "STRETCH", "Bound", "Bounds", "least_row"]

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from hwgen.errors import InternalError
from hwgen.families.cells import adder_of, adders_placed, lut_inputs
from hwgen.families.memories import block_rams, weight_style
from hwgen.planning.estimate.array_parts import blocks_structure, rows_structure
from hwgen.planning.estimate.lookup_tables import bits_luts
from hwgen.planning.estimate.resources import Resources, estimate, priced, weigh
from hwgen.planning.estimate.structure import (
    Structure,
    bits_of,
    storage,
    structure,
    weights_structure,
    window_structure,
)
from hwgen.planning.implementations.core import weight_beats, window_for
from hwgen.planning.layers.dot_output import DotOutput, dot_output_of
from hwgen.planning.layers.folding import Folding, beats, columns
from hwgen.planning.layers.layer import Layer
from hwgen.planning.layers.sparsity import padded_matrix
from hwgen.planning.lowering.constants import constant_array, least_constant
from hwgen.planning.lowering.dsp import sharing_of
from hwgen.planning.lowering.encodings import (
    Codes,
    candidates,
    encoding_for,
    offsets_of,
    x_range_of,
)
from hwgen.planning.lowering.epilogue import epilogue_for
from hwgen.targets import Target
from hwgen_rtl_templates.constant_array import ConstantArrayParameters
from hwgen_rtl_templates.dot_product import RowParameters, dot_product
from hwgen_rtl_templates.encodings import Encoding, TwosComplement
from hwgen_rtl_templates.streams import NarrowParameters
from hwgen_rtl_templates.window import WindowParameters

T = TypeVar("T")

STRETCH = 16  # columns up to which a row is counted as it is
MARGIN = 0.75  # of what stretches take together, that a row of them takes at the least
SPARE = 2  # bits by which the constants of an encoding may make sums shorter
SAMPLE = 1 << 17  # bits of weights that are looked at for a bound


@dataclass(frozen=True)
class Bound:
    """What a way takes at the least.

    cost : in LUTs, by which ways are compared
    needs : of each resource
    """

    cost: float
    needs: Resources


NOTHING = Bound(0.0, Resources())


class Bounds:
    """What each folding of a layer's array takes at the least on a target."""

    def __init__(self, layer: Layer, target: Target) -> None:
        self._layer, self._target = layer, target
        self._kept: dict[object, Any] = {}

    def rough(self, folding: Folding) -> Bound:
        """Return a bound from widths and numbers alone."""
        return self._bound(folding, close=False)

    def close(self, folding: Folding) -> Bound:
        """Return a bound that looks at tables and weights."""
        return self._bound(folding, close=True)

    def _bound(self, folding: Folding, close: bool) -> Bound:
        if self._layer.weight is None:
            return NOTHING
        window = self._window(folding, close)
        found = []
        for encoding in self._encodings(folding, close):
            needs = window + self._array(folding, encoding, close)
            needs += self._behind(folding, encoding, close)
            found.append((weigh(needs, self._target), needs))
        return Bound(min(cost for cost, _ in found), _least([needs for _, needs in found]))

    # ------------------------------------------------------------------ before the array

    def _window(self, folding: Folding, close: bool) -> Resources:
        """Return what the window and the loops take at the least."""

        def made() -> Resources:
            window = window_for(self._layer, folding, self._target)
            loops = Structure({"sequencer": 1}, 4)
            if close:
                every = (True,) * window.lanes
                read = self._wired(folding).read if folding.constant else every
                return self._cost(window_structure(window, read, self._target) + loops)
            address = bits_of(window.depth - 1)
            least = Structure({"window": 1, "window address bit": address}, 4 * address)
            if window.style == "block" and not folding.constant:
                width = window.word * window.bits
                rams = window.ports * block_rams(width, window.depth, self._target)
                least += Structure({}, 2 * width * window.ports, 0, rams)
            return self._cost(least + loops)

        if folding.skip and not close:  # which words are read is not looked at
            return self._cost(Structure({"window": 1, "sequencer": 1}, 4))
        lanes = folding.pe if self._layer.depthwise else folding.simd
        skipping = folding.pe if folding.skip else 0
        return self._once(("window", close, lanes, skipping, folding.constant), made)

    # ------------------------------------------------------------------ the array

    def _encodings(self, folding: Folding, close: bool) -> list[Encoding | None]:
        """Return the encodings that an array's weights may have, None where there is no choice."""
        layer, simd = self._layer, columns(self._layer, folding)
        if folding.dsp or folding.pasm or folding.constant:
            return [None]
        if close:
            window = window_for(layer, replace(folding, skip=0), self._target)
            return [encoding_for(layer, folding, window, self._target)]
        dense = layer.inputs % simd == 0
        return self._once(("encodings", dense), lambda: list(candidates(layer, dense)))

    def _array(self, folding: Folding, encoding: Encoding | None, close: bool) -> Resources:
        if folding.constant:
            return self._constant(folding, close)
        if folding.dsp:
            return self._in_blocks(folding)
        if encoding is None:
            return self._in_banks(folding)
        simd, accumulates = columns(self._layer, folding), self._accumulates(folding)
        if close:
            live = self._live(folding, encoding)
            row = self._cost(self._rows(encoding, simd, accumulates, live))
        else:
            row = self._least_row(encoding, simd, accumulates)
        rows = Resources(folding.pe * row.luts, folding.pe * row.ffs)
        return rows + self._weights(folding, encoding, close)

    def _least_row(self, encoding: Encoding, simd: int, accumulates: bool) -> Resources:
        """Return what a row takes at the least, however many of the bits of its weights vary."""
        shares = (1.0,) if adders_placed(self._target) else (0.0, 1.0)

        def of(lanes: int, sums_up: bool) -> Resources:
            rows = (self._cost(self._rows(encoding, lanes, sums_up, live)) for live in shares)
            return _least(list(rows))

        def made() -> Resources:
            return least_row(of, simd, accumulates)

        return self._once(("row", encoding, simd, accumulates), made)

    def _rows(self, encoding: Encoding, lanes: int, accumulates: bool, live: float) -> Structure:
        window = self._any_window
        row = dot_product(
            RowParameters(
                encoding=encoding,
                lanes=lanes,
                x_bits=window.bits,
                x_signed=window.signed,
                x_range=x_range_of(self._layer, window),
                modulus=self._sums(encoding).shape[0],
                adder=adder_of(self._target),
                accumulates=accumulates,
            )
        )
        return rows_structure(row, lanes, encoding, live, self._target)

    def _weights(self, folding: Folding, encoding: Encoding, close: bool) -> Resources:
        """Return what the memory of weights takes at the least."""
        width = folding.pe * columns(self._layer, folding) * encoding.bits
        depth, inputs = sum(self._beats(folding)), lut_inputs(self._target)
        style = weight_style(width, depth, self._target)
        tables = (0, 0)
        if style != "block":
            tables = (0, width * (-(-depth >> inputs) - 1))
            if close and not folding.skip and width * depth <= SAMPLE:
                tables = bits_luts(self._words(folding, encoding), inputs)
        return self._cost(weights_structure(width, depth, style, tables, self._target))

    def _live(self, folding: Folding, encoding: Encoding) -> float:
        """Return the share of a word's bits that vary at the least."""
        if adders_placed(self._target) or folding.skip:
            return 0.0
        bits = self._words(folding, encoding)
        return float((bits != bits[:1]).any(axis=0).mean())

    def _words(self, folding: Folding, encoding: Encoding) -> npt.NDArray[np.uint8]:
        """Return the bits of words of weights, as many as are looked at."""
        layer, simd = self._layer, columns(self._layer, folding)
        codes = self._once(
            ("codes", encoding), lambda: Codes(encoding, np.array(layer.values, dtype=np.int64))
        )
        most = max(2, SAMPLE // (folding.pe * simd * encoding.bits))
        each = -(-layer.inputs // simd)
        matrix = padded_matrix(layer, folding.pe)[: -(-most // each)]
        window = window_for(layer, folding, self._target)
        groups = weight_beats(layer, folding, window, matrix)
        words = np.concatenate([read.swapaxes(0, 1).reshape(each, -1) for read in groups])
        return codes.bits(words[:most])

    def _constant(self, folding: Folding, close: bool) -> Resources:
        """Return what weights wired into adders take; with a close look their adders are found."""
        if not close:
            return least_constant(self._layer, folding, self._target)
        return estimate(self._wired(folding), self._target)

    def _wired(self, folding: Folding) -> ConstantArrayParameters:
        window = window_for(self._layer, folding, self._target)
        return constant_array(self._layer, folding, window, *self._sums(None).shape)

    def _in_blocks(self, folding: Folding) -> Resources:
        """Return what products in DSP blocks take, without the tables of their weights."""
        window, simd = self._any_window, columns(self._layer, folding)
        found = sharing_of(self._layer, folding.pe, window.bits, window.signed, self._target)
        if found is None:
            raise InternalError(f"{self._layer.name}: no DSP block takes the products")
        blocks, multiplied = found
        each = replace(multiplied, weights=1)
        bits = self._sums(None).shape[0]
        array = blocks_structure(blocks, each, folding.pe, simd, bits, self._accumulates(folding))
        encoding = TwosComplement(multiplied.w_bits, multiplied.w_signed)
        return self._cost(array) + self._weights(folding, encoding, close=False)

    def _in_banks(self, folding: Folding) -> Resources:
        """Return what the registers of an array that sums up by entry take."""
        entries = len(self._layer.values)
        bits = bits_of(max(map(abs, x_range_of(self._layer, self._any_window))))
        bank = Structure({"bank place": bits, "bank": 1}, bits_of(entries - 1))
        bank += storage(bits, entries, None, self._target)
        return self._cost(bank.times(folding.pe * folding.simd))

    # ------------------------------------------------------------------ behind the array

    def _behind(self, folding: Folding, encoding: Encoding | None, close: bool) -> Resources:
        """Return what drain and queue take, and with a close look what is done to the sums."""
        layer, sums = self._layer, self._sums(encoding)
        found = self._cost(Structure({"queue": 1}))
        if folding.pe > folding.lanes:
            bits = max(1, sums.shape[0] - (SPARE if folding.pasm else 0))
            drain = NarrowParameters(layer.outputs, folding.pe, folding.lanes, bits, True)
            found += self._cost(structure(drain, self._target))
        if not close or folding.pasm:
            return found

        def made(lanes: int) -> Resources:
            return epilogue_for(layer, sums, lanes, self._target).needs(self._target)

        # a datapath that rests between two dot products lets fewer lanes do
        least = 1 if folding.serial else folding.lanes
        units = [
            self._once(("behind", encoding, lanes), partial(made, lanes))
            for lanes in {least, folding.lanes}
        ]
        return found + _least(units)

    # ------------------------------------------------------------------ what all have in common

    @cached_property
    def _any_window(self) -> WindowParameters:
        return window_for(self._layer, Folding(1, 1, 1), self._target)

    def _beats(self, folding: Folding) -> list[int]:
        return beats(self._layer, folding.pe, folding.simd, folding.skip)

    def _accumulates(self, folding: Folding) -> bool:
        return max(self._beats(folding)) > 1

    def _sums(self, encoding: Encoding | None) -> DotOutput:
        """Return what an array of such weights delivers."""

        def made() -> DotOutput:
            if encoding is None:
                return dot_output_of(self._layer)
            return dot_output_of(self._layer, offsets_of(self._layer, encoding, self._any_window))

        return self._once(("sums", encoding), made)

    def _cost(self, found: Structure) -> Resources:
        return priced(found, self._target)

    def _once(self, key: object, made: Callable[[], T]) -> T:
        if key not in self._kept:
            self._kept[key] = made()
        found: T = self._kept[key]
        return found


def least_row(count: Callable[[int, bool], Resources], simd: int, accumulates: bool) -> Resources:
    """Return what a row of so many columns takes at the least.

    Parameters
    ----------
    count : what one of a few columns takes, with an accumulator or without
    """
    if simd <= STRETCH:
        return count(simd, accumulates)
    stretches, rest = divmod(simd, STRETCH)
    whole = count(STRETCH, False)
    luts, ffs = stretches * whole.luts, stretches * whole.ffs
    if rest > 1:
        more = count(rest, False)
        luts, ffs = luts + more.luts, ffs + more.ffs
    return Resources(MARGIN * luts, MARGIN * ffs)


def _least(found: Sequence[Resources]) -> Resources:
    """Return the least of each resource."""
    rows = [(r.luts, r.ffs, r.dsps, r.block_rams) for r in found]
    luts, ffs, dsps, rams = (min(column) for column in zip(*rows, strict=True))
    return Resources(luts, ffs, int(dsps), int(rams))

"""Elements in another order: through a ring of words, or where the order stays without one."""

__all__ = ["REARRANGE", "SIFT", "Arrangement", "arranged"]

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from math import prod
from typing import cast

import numpy as np

from hwgen.families.memories import queue_shifts, ring_style
from hwgen.formats import bits_for
from hwgen.planning.implementations.implementation import Conditions, Implementation
from hwgen.planning.layers.folding import Folding, divisors
from hwgen.planning.layers.layer import Layer
from hwgen.planning.layers.orders import CONSTANT, Order
from hwgen.targets import Target
from hwgen_rtl_templates.patterns import Pattern
from hwgen_rtl_templates.rearrange import RearrangeParameters
from hwgen_rtl_templates.sift import SiftParameters
from hwgen_rtl_templates.tables import table_bits

REORDERS, KEEPS = "rearrange", "sift"
SMALL = 64  # bits of tables that no other loops need to be found for
SPLITS = 3  # of loops


@dataclass(frozen=True)
class Arrangement:
    """An order of whole words.

    words : of a frame that enters
    order : the word that each beat is made of, or `CONSTANT`
    taps : the element of a word that each lane is, or `CONSTANT`
    """

    words: int
    order: tuple[int, ...]
    taps: tuple[int, ...]

    @property
    def ascends(self) -> bool:
        """Whether no beat is made of a word before that of an earlier beat."""
        real = np.array(self.order)
        real = real[real != CONSTANT]
        return bool((np.diff(real) >= 0).all())


@lru_cache(maxsize=4096)
def arranged(layer: Layer, word: int, lanes: int) -> Arrangement | None:
    """Return the order of words of so many elements, None where a beat of so many lanes is not made
    of one word, each lane of the same element of it.

    Parameters
    ----------
    word, lanes : that divide the channels of what enters and leaves
    """
    beats = cast(Order, layer.op).places.reshape(-1, lanes)
    real = beats != CONSTANT
    any_real = real.any(axis=1)
    numbers = np.where(real, beats // word, -1)
    words = numbers.max(axis=1)
    taps = np.where(real, beats % word, -1).max(axis=0)
    wanted = np.where(any_real[:, None] & (taps >= 0), words[:, None] * word + taps, CONSTANT)
    if (wanted != beats).any():
        return None
    order = np.where(any_real, words, CONSTANT)
    entering = prod(layer.x_frame) // word
    return Arrangement(entering, tuple(order.tolist()), tuple(taps.tolist()))


def _element(layer: Layer) -> tuple[int, bool]:
    """Return (bits, signed) of what enters and of what leaves."""
    return bits_for(min(layer.x.lo, layer.y.lo), max(layer.x.hi, layer.y.hi))


def _candidates(name: str, layer: Layer, conditions: Conditions) -> Iterator[Folding]:
    """Yield the widest beats for each width of words."""
    for word in divisors(layer.x_frame[0]):
        for lanes in divisors(layer.y_frame[0]):
            found = arranged(layer, word, lanes)
            if found is not None and (name == REORDERS or found.ascends):
                yield Folding(word, 1, lanes, implementation=name)


def _min_cycles(layer: Layer, folding: Folding) -> int:
    return max(prod(layer.x_frame) // folding.pe, prod(layer.y_frame) // folding.lanes)


def _rearrange(layer: Layer, folding: Folding, target: Target) -> RearrangeParameters:
    made = arranged(layer, folding.pe, folding.lanes)
    assert made is not None
    bits, is_signed = _element(layer)
    bare = RearrangeParameters(
        words=made.words,
        order=made.order,
        word=folding.pe,
        taps=made.taps,
        bits=bits,
        signed=is_signed,
        value=_value(layer, bits),
        shifts=queue_shifts(target),
    )
    loops = _loops(bare.patterns, _extents(layer.y_frame, folding.lanes))
    return _with_memory(replace(bare, loops=loops), layer, target)


def _sift(layer: Layer, folding: Folding, target: Target) -> SiftParameters:
    made = arranged(layer, folding.pe, folding.lanes)
    assert made is not None
    bits, is_signed = _element(layer)
    bare = SiftParameters(
        made.words, made.order, folding.pe, made.taps, bits, is_signed, _value(layer, bits)
    )
    if bare.wires:
        return bare
    steps = len(bare.steps)
    extents = [
        _extents(layer.y_frame, folding.lanes),
        _extents(layer.x_frame, folding.pe),
        (steps,),
    ]
    fits = next(of for of in extents if prod(of) == steps)
    return replace(bare, loops=_loops(bare.patterns, fits))


def _value(layer: Layer, bits: int) -> int:
    """Return the constant as the bits of an element."""
    encoding = layer.x_encodings[0]
    return ((cast(Order, layer.op).value - encoding.base) // encoding.step) & ((1 << bits) - 1)


def _extents(frame: tuple[int, int, int], lanes: int) -> tuple[int, ...]:
    """Return the loops over the beats of a frame, the outermost first."""
    channels, height, width = frame
    return height, width, channels // lanes


def _loops(patterns: Sequence[Pattern], extents: tuple[int, ...]) -> tuple[int, ...]:
    """Return loops for which the tables of patterns are small: some that are given, or these with
    some of them split in two."""

    def bits(loops: tuple[int, ...]) -> int:
        made = (Pattern(loops, pattern.values) for pattern in patterns)
        return sum(table_bits(table) for pattern in made for table in pattern.tables)

    least = bits(extents)
    for _ in range(SPLITS):
        if least <= SMALL:
            break
        tried = [
            (*extents[:axis], extent // inner, inner, *extents[axis + 1 :])
            for axis, extent in enumerate(extents)
            for inner in divisors(extent)[1:-1]
        ]
        found = min(tried, key=bits, default=extents)
        if bits(found) >= least:
            break
        extents, least = found, bits(found)
    return extents


def _finished(core: RearrangeParameters, layer: Layer, target: Target) -> RearrangeParameters:
    return _with_memory(core.at_full_rate(), layer, target)


def _with_memory(core: RearrangeParameters, layer: Layer, target: Target) -> RearrangeParameters:
    return replace(core, style=ring_style(core.word * core.bits, core.memory, target))


REARRANGE = Implementation(
    name=REORDERS,
    title="another order",
    candidates=partial(_candidates, REORDERS),
    min_cycles=_min_cycles,
    lower=_rearrange,
    finished=_finished,
)
SIFT = Implementation(
    name=KEEPS,
    title="the same order",
    candidates=partial(_candidates, KEEPS),
    min_cycles=_min_cycles,
    lower=_sift,
)

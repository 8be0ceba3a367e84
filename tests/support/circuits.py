"""Random circuits, and what they compute, said again."""

__all__ = ["arranged", "random_circuit", "values_of"]

import math

from hwgen_rtl_templates.adder_graph import Adder
from hwgen_rtl_templates.circuit import (
    Carry,
    Circuit,
    Clamp,
    Extreme,
    HalfToEven,
    Look,
    Offset,
    Reach,
    Shift,
    operands,
)


def random_circuit(rng, inputs=4, cells=20, bits=4, signed=True, kinds=range(9)):
    """Return a circuit with cells of many kinds, whose ranges are proven term by term."""
    whole = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    ranges, made = [whole] * inputs, []
    prefixes = {}  # of a place that is not whole yet: what it compares, and its thresholds
    while len(made) < cells:
        a, b = (int(n) for n in rng.integers(0, len(ranges), 2))
        (lo, hi), (blo, bhi) = ranges[a], ranges[b]
        kind = int(rng.choice(list(kinds)))
        if kind <= 1:
            shift, negate = int(rng.integers(-3, 4)), bool(rng.integers(2))
            up, more = 1 << max(0, -shift), 1 << max(0, shift)
            ends = (-bhi * more, -blo * more) if negate else (blo * more, bhi * more)
            cell, ends = Adder(a, b, shift, negate), (lo * up + ends[0], hi * up + ends[1])
            if rng.integers(3) == 0:
                place = int(rng.integers(0, max(0, shift) + 1))
                cell, more = Carry(a, b, shift, negate, place), 1 << place
                ends = tuple(end - more if negate else end + more for end in ends)
        elif kind == 2:
            value = int(rng.integers(-40, 40)) << int(rng.integers(0, 3))
            negate = bool(rng.integers(2))
            cell = Offset(a, value, negate)
            ends = (value - hi, value - lo) if negate else (value + lo, value + hi)
        elif kind == 3:
            places = int(rng.integers(-4, 3)) or -1
            cell = Shift(a, places)
            ends = tuple(math.floor(end * 2.0**places) for end in (lo, hi))
        elif kind == 4:
            places = int(rng.integers(1, 5))
            cell, ends = HalfToEven(a, places), tuple(round(n / 2**places) for n in (lo, hi))
        elif kind == 5:
            below, above = sorted(int(n) for n in rng.integers(lo - 3, hi + 4, 2))
            if rng.integers(2):
                below, above = 0, (1 << int(rng.integers(1, 5))) - 1
            cell = Clamp(a, below, above)
            ends = tuple(min(max(n, below), above) for n in (lo, hi))
        elif kind == 6:
            least = bool(rng.integers(2))
            cell, of = Extreme(a, b, least), min if least else max
            ends = of(lo, blo), of(hi, bhi)
        elif kind == 7:
            known = prefixes.get(a)
            of, prefix, levels = (known[0], a, known[1]) if known else (a, None, 0)
            if levels == 3:
                continue
            lo, hi = ranges[of]
            given = [int(n) for n in rng.integers(lo - 1, hi + 2, 1 << levels)]
            cell, ends = Reach(of, prefix, tuple(given)), (0, (2 << levels) - 1)
            prefixes[len(ranges)] = of, levels + 1
        elif hi - lo < 40:
            entries = tuple(int(n) for n in rng.integers(-9, 30, hi - lo + 1))
            cell, ends = Look(a, lo, entries), (min(entries), max(entries))
        else:
            continue
        if ends[0] < ends[1] and max(map(abs, ends)) < 1 << 20:  # constants are no cells
            made.append(cell)
            ranges.append(ends)
    count = int(rng.integers(1, 6))
    outputs = [int(n) for n in rng.integers(0, len(ranges), count)]
    outputs = [n if rng.random() < 0.9 else None for n in outputs]
    constants = [0 if n is not None else int(rng.integers(-5, 6)) for n in outputs]
    return Circuit(inputs, tuple(made), tuple(ranges), tuple(outputs), tuple(constants))


def arranged(rng, circuit):
    """Return stages, any that are legal."""
    stages = [0] * circuit.inputs
    for cell in circuit.cells:
        stages.append(max(stages[term] for term in operands(cell)) + int(rng.integers(0, 2)))
    return tuple(stages)


def values_of(circuit, x):
    """Return every term, by fractions and comparisons rather than by bits."""
    terms = [int(value) for value in x]
    for cell in circuit.cells:
        a = terms[cell.a]
        if isinstance(cell, Adder):
            b = terms[cell.b]
            ups = 2 ** max(0, -cell.shift), 2 ** max(0, cell.shift)
            more = 2**cell.place if isinstance(cell, Carry) else 0
            total = a * ups[0] - b * ups[1] if cell.negate else a * ups[0] + b * ups[1]
            terms.append(total - more if cell.negate else total + more)
        elif isinstance(cell, Offset):
            terms.append(cell.value - a if cell.negate else cell.value + a)
        elif isinstance(cell, Shift):
            terms.append(math.floor(a * 2.0**cell.places))
        elif isinstance(cell, HalfToEven):
            terms.append(round(a / 2**cell.places))  # Python rounds halves to even
        elif isinstance(cell, Clamp):
            terms.append(sorted((cell.lo, a, cell.hi))[1])
        elif isinstance(cell, Extreme):
            terms.append(sorted((a, terms[cell.b]))[0 if cell.least else 1])
        elif isinstance(cell, Reach):
            prefix = 0 if cell.prefix is None else terms[cell.prefix]
            terms.append(prefix * 2 + (1 if a - cell.thresholds[prefix] >= 0 else 0))
        else:
            terms.append(cell.entries[a - cell.lo])
    return terms

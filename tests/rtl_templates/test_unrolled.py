"""Unrolled layers: values beside a reference under stalls, clocks by their schedule."""

import numpy as np
import pytest

from hwgen_rtl_templates.adder_graph import Adder
from hwgen_rtl_templates.circuit import Circuit, Clamp, HalfToEven, Offset, Shift
from hwgen_rtl_templates.streams import range_shape
from hwgen_rtl_templates.unrolled import UnrolledParameters
from support.circuits import arranged, random_circuit, values_of
from support.stream_bench import STALLS, check_under_stalls, pack

CASES = {  # seed, inputs, cells, bits, signed
    "signed": (0, 4, 24, 4, True),
    "without sign": (1, 3, 24, 3, False),
    "one bit": (2, 6, 16, 1, False),
    "wide": (3, 2, 20, 9, True),
    "one input": (4, 1, 12, 5, True),
}


def parameters(circuit, stages, bits, signed):
    """Return a component whose outputs are as wide as they have to be."""
    ends = [
        (value, value) if term is None else circuit.ranges[term]
        for term, value in zip(circuit.outputs, circuit.constants, strict=True)
    ]
    shape = range_shape(min(lo for lo, _ in ends), max(hi for _, hi in ends))
    return UnrolledParameters(circuit, stages, bits, signed, shape.width, shape.signed)


def checked(p, frames, stalls=STALLS):
    """Compare a component with the reference, whatever stalls, and its clocks with its schedule."""
    circuit = p.circuit
    wanted = []
    for frame in frames:
        terms = values_of(circuit, frame)
        pairs = zip(circuit.outputs, circuit.constants, strict=True)
        wanted.append([value if term is None else terms[term] for term, value in pairs])
        assert circuit.evaluate(frame) == wanted[-1]
        for value, (lo, hi) in zip(terms, circuit.ranges, strict=True):
            assert lo <= value <= hi
    beats = [pack(frame, p.x_bits) for frame in frames]
    check_under_stalls(p, beats, wanted, stalls)


@pytest.mark.parametrize("case", CASES)
def test_values_and_clocks(case):
    seed, inputs, cells, bits, signed = CASES[case]
    rng = np.random.default_rng(seed)
    circuit = random_circuit(rng, inputs, cells, bits, signed)
    lo, hi = (-(1 << bits - 1), 1 << bits - 1) if signed else (0, 1 << bits)
    frames = rng.integers(lo, hi, (12, inputs))
    frames[0], frames[1] = lo, hi - 1
    checked(parameters(circuit, arranged(rng, circuit), bits, signed), frames.tolist())


@pytest.mark.parametrize("kind", range(2, 9))
def test_each_kind_of_cell(kind):
    """A cell of a kind on all values of an input, in one stage and by itself."""
    rng = np.random.default_rng(kind)
    circuit = random_circuit(rng, 2, 8, 3, True, kinds=(1, kind))
    frames = [[a, b] for a in range(-4, 4) for b in range(-4, 4)]
    stages = (0,) * len(circuit.ranges)
    checked(parameters(circuit, stages, 3, True), frames, stalls=[(0.0, 0.0)])


def test_a_whole_requantizer():
    """Sum, half to even, offset, clamp at powers of two and elsewhere, on every sum."""
    cells = (Adder(0, 1, 3, False), HalfToEven(2, 2), Offset(3, -3), Clamp(4, -2, 5), Shift(4, 1))
    ranges = ((0, 7), (-8, 7), (-64, 63), (-16, 16), (-19, 13), (-2, 5), (-38, 26))
    circuit = Circuit(2, cells, ranges, (5, 6, 2), (0, 0, 0))
    p = parameters(circuit, (0, 0, 0, 1, 1, 2, 2), 4, True)
    checked(p, [[a, b] for a in range(8) for b in range(-8, 8)], stalls=[(0.0, 0.3)])


def test_registers_hold_a_value_once():
    """Whoever takes it, and on whichever stage: a chain as long as its last user asks for."""
    cells = (Offset(0, 1), Offset(0, 2), Adder(1, 2, 0, False))
    circuit = Circuit(1, cells, ((0, 3), (1, 4), (2, 5), (3, 9)), (3,), (0,))
    p = UnrolledParameters(circuit, (0, 1, 2, 2), 2, False, 4, False)
    # the input for two stages, a sum of 3 bits for one, the result, and a flag a stage
    assert p.latency == 3 and p.registers == 2 * 2 + 3 + 4 + 3


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="Ranges must be those of all terms"):
        Circuit(2, (), ((0, 1),), (0,), (0,))
    with pytest.raises(ValueError, match="must take terms before it"):
        Circuit(1, (Offset(1, 1),), ((0, 1), (1, 2)), (1,), (0,))
    with pytest.raises(ValueError, match="Constants must be as many as outputs"):
        Circuit(1, (), ((0, 1),), (0,), ())

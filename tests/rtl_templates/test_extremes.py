"""Every unit at the ends of what it computes: lowest and highest accumulators, clamps, powers of
two, and what is beside them."""

from fractions import Fraction

import pytest

from hwgen_rtl_templates.adder_graph import Adder, AdderGraph, Tap
from hwgen_rtl_templates.affine_thresholds import AffineThresholdParameters, AffineThresholds
from hwgen_rtl_templates.argmax import ArgMax, ArgMaxParameters
from hwgen_rtl_templates.bias import Bias, BiasParameters
from hwgen_rtl_templates.bit_serial import BitSerial, BitSerialParameters
from hwgen_rtl_templates.constant import ConstantDatapath, ConstantParameters
from hwgen_rtl_templates.join import Sum, SumParameters
from hwgen_rtl_templates.requantize import Requantizer, RequantizerParameters
from hwgen_rtl_templates.streams import range_shape
from hwgen_rtl_templates.threshold import ThresholdParameters, Thresholds
from support.extremes import landmarks, reaching, vectors
from support.reference import round_fraction
from support.stream_bench import pack, run, run_all, unpack

ROUNDINGS = ("half_up", "half_even", "half_away")
FORMS = {"one": (1,), "uniform": (77,), "powers": (1, 8, 4), "each": (3, 250, 1)}
# ranges that end at powers of two, beside them, in one value, and on one side of 0
RANGES = ((-8, 7), (-9, 8), (0, 15), (0, 16), (-16, -1), (-17, -16), (7, 8), (0, 0), (-1, 0))


def test_seven_halves_of_a_four_bit_input():
    """The accumulator 7 + 1 that has a bit more than the input."""
    p = RequantizerParameters(1, 1, -8, 7, (1,), 1, 0, -8, 7, 4, True)
    seen = run(Requantizer(p), [7], 1)
    assert unpack(seen.outputs[0], 1, 4, True) == [4]


def check_unit(dut, values, expected) -> None:
    """Send each value into all channels of a unit at once."""
    p = dut.parameters
    beats = [
        pack([x] * p.lanes, p.x_shape.width) for x in values for _ in range(0, p.channels, p.lanes)
    ]
    seen = iter(run(dut, beats, len(beats)).outputs)
    for x in values:
        got = [
            y
            for _ in range(0, p.channels, p.lanes)
            for y in unpack(next(seen), p.lanes, p.bits, p.signed)
        ]
        wanted = [expected(channel, x) for channel in range(p.channels)]
        assert got[: p.channels] == wanted, f"x {x}, {p}"


def reference(p: RequantizerParameters, x: int, channel: int) -> int:
    by = p.multipliers[channel if len(p.multipliers) > 1 else 0]
    scaled = Fraction((x - p.x_zero_point) * by, 1 << p.shift)
    return min(max(p.zero_point + round_fraction(scaled, p.rounding), p.lo), p.hi)


def check_requantizer(p: RequantizerParameters) -> None:
    def stages(by):
        half = 1 << p.shift >> 1
        yield lambda x: (x - p.x_zero_point) * by
        yield lambda x: (x - p.x_zero_point) * by + half
        yield lambda x: ((x - p.x_zero_point) * by + half) >> p.shift

    ends = (p.lo - p.zero_point, p.hi - p.zero_point)
    found = {x for by in p.multipliers for x in reaching(p.x_lo, p.x_hi, stages(by), *ends)}
    check_unit(Requantizer(p), sorted(found), lambda channel, x: reference(p, x, channel))


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("form", FORMS)
def test_requantizer(form, rounding):
    """Accumulators that round to just 2**3 and -2**3, or stay just below."""
    by = FORMS[form]
    for shift in (0, 1, 4):
        most = ((1 << 3 + shift) - 1) // max(by)  # the last below 2**3, which may round up to it
        for hi, lo in ((most, -most - 1), (most + 1, 0), (-1, -most - 2)):
            zero, x_zero = (0, 0) if lo else (-16, hi)
            check_requantizer(
                RequantizerParameters(
                    len(by), len(by), lo, hi, by, shift, zero, -16, 15, 5, True, x_zero, rounding
                )
            )


def test_requantizer_clamps_at_each_end():
    """Clamps to one value, to the ends of the format, and beyond what is reached."""
    for lo, hi in ((0, 0), (-8, -8), (7, 7), (-8, 7), (-1, 0), (-3, 4)):
        for zero in (-8, 0, 7):
            p = RequantizerParameters(1, 1, -64, 63, (3,), 2, zero, lo, hi, 4, True)
            check_requantizer(p)


@pytest.mark.parametrize("steps", [1, 2, 3, 7, 8])
def test_thresholds(steps):
    """Thresholds at the ends of the range, beside them, and where nothing gets to."""
    for lo, hi in RANGES:
        ends = sorted([lo, hi, hi + 1, lo + 1, lo - 1])
        rows = (
            (lo,) * steps,
            (hi + 1,) * steps,
            tuple(sorted(ends[n % 5] for n in range(steps))),
            tuple(sorted(min(lo + n, hi + 1) for n in range(steps))),
        )
        p = ThresholdParameters(4, 4, lo, hi, rows, -8, 5, True, 1)

        def expected(channel, x, rows=rows):
            return -8 + sum(x >= t for t in rows[channel])

        values = landmarks(lo, hi, *(t for row in rows for t in row))
        check_unit(Thresholds(p), values, expected)


@pytest.mark.parametrize("steps", [2, 3, 7, 8])
@pytest.mark.parametrize("fraction", [0, 3])
def test_even_thresholds(steps, fraction):
    """Remainders that reach the ends of what is kept of them, and far more than is kept."""
    top = 1 << steps.bit_length() - 1
    for pitches, (lo, hi) in (((1, 8), (-8, 7)), ((7, 0), (-64, 63)), ((4, 5), (0, 128))):
        lines = []
        for pitch in pitches:  # the middle threshold at one end, and beside the other
            for middle in (lo << fraction, (hi << fraction) + 1, 0, -1):
                lines.append((middle - pitch * top, pitch))
        p = AffineThresholdParameters(8, 8, lo, hi, tuple(lines), fraction, steps, 0, 4, False)

        def count(channel, x, lines=lines):
            start, pitch = lines[channel]
            return sum(x << fraction >= start + k * pitch for k in range(1, steps + 1))

        stages = [lambda x, line=line: (x << fraction) - line[0] for line in lines]
        more = (pitch * k for pitch in pitches for k in (1, top, steps))
        check_unit(AffineThresholds(p), reaching(lo, hi, stages, *more), count)


@pytest.mark.parametrize("step", [1, 2])
def test_bias(step):
    """Sums that get to each power of two, modulo what the result needs and as they are."""
    for lo, hi in RANGES:
        for biases in ((0, 8, -8, 7, -9, 1), (-16,), (15,), (8,), (-8,)):
            shape = range_shape(
                min(step * lo + b for b in biases), max(step * hi + b for b in biases)
            )
            wrapped = max(1, shape.width - (step - 1))
            exact = range_shape(lo, hi)
            for bits, is_signed in ((wrapped, True), (exact.width, exact.signed)):
                if not bits:
                    continue
                p = BiasParameters(
                    6,
                    3,
                    bits,
                    is_signed,
                    biases * (6 // len(biases)),
                    shape.width,
                    shape.signed,
                    step,
                )
                pixels = [[x] * 6 for x in landmarks(lo, hi)]
                beats = [pack(pixel[:3], bits) for pixel in pixels for _ in range(2)]
                seen = run(Bias(p), beats, len(beats))
                got = [unpack(word, 3, p.bits, p.signed) for word in seen.outputs]
                wanted = [
                    [step * pixel[c] + p.biases[c] for c in (n, n + 1, n + 2)]
                    for pixel in pixels
                    for n in (0, 3)
                ]
                assert got == wanted, f"[{lo}, {hi}], biases {biases}"


@pytest.mark.parametrize("by", [(1, 1), (1, 7), (8, 3), (255, 256)])
def test_sum(by):
    """Sums at both ends, and about each power of two in between."""
    for (lo, hi), offset in (((-8, 7), 0), ((0, 15), -by[0]), ((-1, 0), by[1]), ((0, 1), 0)):
        shape = range_shape(lo, hi)
        ends = [sum(by) * x + offset for x in (lo, hi)]
        pairs = vectors([by], lo, hi)
        p = SumParameters(
            1, 1, (shape.width,) * 2, (shape.signed,) * 2, by, offset, *ends, len(pairs), None, 9
        )
        dut = Sum(p)
        inputs = [
            (i, [pack([pair[n]], shape.width) for pair in pairs], [0] * len(pairs))
            for n, i in enumerate((dut.i_0, dut.i_1))
        ]
        (seen,) = run_all(dut, inputs, [(dut.o, len(pairs))])
        got = [unpack(word, 1, *p.element)[0] for word in seen.outputs]
        assert got == [by[0] * a + by[1] * b + offset for a, b in pairs]
        assert {min(got), max(got)} == set(ends)


@pytest.mark.parametrize("count", [1, 2, 3, 8, 9, 17])
def test_arg_max(count):
    """The largest at each place, as far above the others as can be and just above, and twice."""
    for is_signed in (False, True):
        lo = -8 if is_signed else 0
        hi = lo + 15
        frames = [[hi] * count, [lo] * count]
        for n in sorted({0, 1 % count, count // 2, count - 1}):
            for most, rest in ((hi, lo), (hi, hi - 1), (lo + 1, lo), (0, -1 if is_signed else 0)):
                frames.append([most if k == n else rest for k in range(count)])
                frames.append([most if k >= n else rest for k in range(count)])
        p = ArgMaxParameters(count, 4, is_signed, max(1, (count - 1).bit_length()))
        beats = [value & 15 for frame in frames for value in frame]
        seen = run(ArgMax(p), beats, len(frames))
        assert seen.outputs == [frame.index(max(frame)) for frame in frames]


def rows_of(graph: AdderGraph) -> list[list[int]]:
    """Return the coefficients of each term of a graph, and of each output."""
    taps = (*(Tap(n) for n in range(graph.inputs + len(graph.adders))), *graph.taps)
    whole = AdderGraph(graph.inputs, graph.adders, taps)
    units = [[int(n == k) for n in range(graph.inputs)] for k in range(graph.inputs)]
    return list(map(list, zip(*map(whole.evaluate, units), strict=True)))


GRAPHS = {  # shifts either way, differences, sums side by side, outputs negated and shifted
    "sums": ((0, 1, 0, False), (2, 2, 3, False), (3, 0, -2, False)),
    "differences": ((0, 1, 0, True), (1, 0, 2, True), (2, 3, -1, True)),
    "beside": ((0, 1, 4, False), (2, 0, 5, False), (1, 3, -6, True)),
}


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("x_range", [(-8, 7), (0, 8), (5, 5)])
def test_adder_graph(name, x_range):
    """Every term and output of constants at both ends of its range, and about powers of two."""
    adders = tuple(Adder(*each) for each in GRAPHS[name])
    graph = AdderGraph(2, adders, (Tap(2, 1), Tap(3, 0, True), Tap(4), Tap(4, 2, True), Tap(0)))
    x = vectors(rows_of(graph), *x_range)
    is_signed, wanted = x_range[0] < 0, [graph.evaluate(v) for v in x]
    most = max(abs(y) for row in wanted for y in row)
    bits = most.bit_length() + 1
    beats = [pack(v, 4) for v in x]
    shared = dict(x_range=x_range)
    for p in (
        ConstantParameters(graph, 4, is_signed, bits, True, 2, **shared),
        BitSerialParameters(graph, 4, is_signed, bits, True, 1, **shared),
        BitSerialParameters(graph, 4, is_signed, bits, True, 4, **shared),
    ):
        kind = ConstantDatapath if isinstance(p, ConstantParameters) else BitSerial
        arrivals = [p.interval * n for n in range(len(x))]
        seen = run(kind(p), beats, len(x), arrivals=arrivals)
        got = [unpack(word, 5, bits, True) for word in seen.outputs]
        assert got == wanted, f"{kind.__name__}: {p}"

"""Clocks of boards: nearest below, inside every limit, and lines that keep their rate."""

from fractions import Fraction

import pytest
from amaranth.hdl import Fragment
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.targets import TARGETS
from hwgen_boards import BOARDS
from hwgen_boards.clocking import (
    DIVIDERS,
    MOST_ERROR,
    RATES,
    Clocking,
    DividedClock,
    PlainClock,
    baud_error,
    clock_below,
    rate_at,
)
from hwgen_boards.pll_ecp5 import Ecp5Pll
from hwgen_boards.pll_gowin import LOOPS, GowinPll
from hwgen_boards.pll_ice40 import Ice40Pll

MHZ = 1_000_000
PLLS = ("ecp5", "ice40", "ice40-pad", "gowin")
SOURCES = st.integers(12 * MHZ, 50 * MHZ)
WANTED = st.integers(2 * MHZ, 200 * MHZ)

# Limits in Hz once more, from the data sheets named in the files: source, phase detector,
# oscillator, output.
LIMITS = {
    Ecp5Pll: ((8e6, 400e6), (3.125e6, 400e6), (400e6, 800e6), (3.125e6, 400e6)),
    Ice40Pll: ((10e6, 133e6), (10e6, 133e6), (533e6, 1066e6), (16e6, 275e6)),
    GowinPll: ((3e6, 400e6), (3e6, 400e6), (400e6, 1200e6), (3.125e6, 600e6)),
}


def meaning(clock):
    """Return (phase detector, oscillator, output) in Hz as the data sheets' formulas have them."""
    source = Fraction(clock.source_hz)
    if isinstance(clock, Ecp5Pll):  # the loop closes over CLKOP, the clock leaves at CLKOS
        oscillator = source / clock.reference * clock.feedback * clock.loop
        return source / clock.reference, oscillator, oscillator / clock.output
    if isinstance(clock, Ice40Pll):  # FEEDBACK_PATH SIMPLE
        detector = source / (clock.reference + 1)
        oscillator = detector * (clock.feedback + 1)
        return detector, oscillator, oscillator / (1 << clock.output)
    out = source * (clock.feedback + 1) / (clock.reference + 1)
    return source / (clock.reference + 1), out * clock.loop, out


@settings(max_examples=150, deadline=None)
@given(pll=st.sampled_from(PLLS), source=SOURCES, wanted=WANTED)
def test_a_clock_is_not_above_and_within_every_limit(pll, source, wanted):
    clock = clock_below(pll, source, wanted)
    assert clock.hz <= wanted
    if isinstance(clock, PlainClock):
        assert clock.hz == source
    elif isinstance(clock, DividedClock):
        assert clock.hz == Fraction(source, clock.divider)
    else:
        values = (Fraction(source), *meaning(clock))
        assert clock.hz == values[-1]
        for value, (low, high) in zip(values, LIMITS[type(clock)], strict=True):
            assert low <= value <= high


def every_clock(pll, source):
    """Yield every frequency that the hardware can make, by going through all settings."""
    yield Fraction(source)
    yield from (Fraction(source, divider) for divider in DIVIDERS)
    if pll == "ecp5":
        low, high = LIMITS[Ecp5Pll][2]
        products = {a * b for a in range(1, 129) for b in range(1, 129)}
        for reference in range(1, int(source / 3.125e6) + 1):
            for product in products:
                if low <= source * product / reference <= high:
                    for output in range(1, 129):
                        yield Fraction(source * product, reference * output)
        return
    limits = LIMITS[Ice40Pll if pll == "ice40" else GowinPll]
    for reference in range(16 if pll == "ice40" else 64):
        for feedback in range(128 if pll == "ice40" else 64):
            for post in range(1, 7) if pll == "ice40" else LOOPS:
                kind = Ice40Pll if pll == "ice40" else GowinPll
                clock = kind.__new__(kind)
                for name, value in (
                    ("source_hz", source),
                    ("reference", reference),
                    ("feedback", feedback),
                    ("output" if pll == "ice40" else "loop", post),
                ):
                    object.__setattr__(clock, name, value)
                values = (source, *meaning(clock))
                pairs = zip(values, limits, strict=True)
                if all(low <= value <= high for value, (low, high) in pairs):
                    yield values[-1]


@pytest.mark.parametrize(("pll", "source"), [("ecp5", 25), ("ice40", 12), ("gowin", 27)])
def test_none_is_nearer(pll, source):
    """All settings are gone through, and none is closer to what is wanted."""
    there = sorted({hz for hz in every_clock(pll, source * MHZ) if 3.2e6 <= hz <= 250e6})
    for wanted in (7, 12.1, 16.4, 24, 33.33, 61.7, 99.9, 137, 222.2):
        best = max(hz for hz in there if hz <= Fraction(wanted) * MHZ)
        assert clock_below(pll, source * MHZ, Fraction(wanted) * MHZ).hz == best


@pytest.mark.parametrize("name", BOARDS)
def test_a_board_reaches_its_targets_clock(name):
    """What plans count on is made within 2 %, and the line has its rate exactly."""
    board, target = BOARDS[name], TARGETS[name]
    clock = clock_below(board.pll, board.clock_hz, target.clock_hz)
    assert Fraction(98, 100) * target.clock_hz <= clock.hz <= target.clock_hz
    baud, clocks = rate_at(clock.hz, board.baud)
    assert baud == board.baud and clocks * baud == clock.hz


@settings(max_examples=300, deadline=None)
@given(hz=st.fractions(2 * MHZ, 200 * MHZ), most=st.sampled_from([1_000_000, 3_000_000, 115_200]))
def test_a_rate_is_met_within_a_hundredth(hz, most):
    try:
        baud, clocks = rate_at(hz, most)
    except ValueError as error:
        assert "must be a multiple" in str(error)
        for baud in {most} | {rate for rate in RATES if rate < most}:
            near = (int(hz / baud), int(hz / baud) + 1)
            assert all(n < 4 or abs(hz / n - baud) >= Fraction(baud, 100) for n in near)
        return
    assert baud <= most and clocks >= 4
    assert abs(hz / clocks - baud) < Fraction(baud, 100)
    assert baud_error(hz, clocks, baud) < MOST_ERROR


def test_what_cannot_be():
    with pytest.raises(ValueError, match="must be at least 0.1875 MHz from an oscillator of 12 "):
        clock_below("ice40", 12 * MHZ, 100_000)
    with pytest.raises(ValueError, match="PLL must be one of ecp5, .*gowin, not 'x'"):
        clock_below("x", 12 * MHZ, 24 * MHZ)
    with pytest.raises(ValueError, match="0.4 MHz is not"):
        rate_at(Fraction(400_000), 1_000_000)
    for wrong in (
        lambda: Ecp5Pll(25 * MHZ, 1, 1, 33, 8),  # 825 MHz inside
        lambda: Ecp5Pll(25 * MHZ, 16, 1, 300, 8),
        lambda: Ice40Pll(12 * MHZ, 0, 43, 4),  # 528 MHz inside
        lambda: Ice40Pll(12 * MHZ, 0, 63, 7),
        lambda: GowinPll(27 * MHZ, 8, 0, 128),  # 384 MHz inside
        lambda: GowinPll(27 * MHZ, 0, 1, 6),
        lambda: DividedClock(12 * MHZ, 65),
    ):
        with pytest.raises(ValueError, match="cannot do|must be 2 to 64"):
            wrong()


@pytest.mark.parametrize(
    ("name", "mhz", "cell"),
    [
        ("ulx3s-85f", 100, "EHXPLLL"),
        ("icebreaker", 24, "SB_PLL40_PAD"),
        ("ice40-hx8k", 48, "SB_PLL40_CORE"),
        ("tangnano9k", 54, "rPLL"),
        ("icebreaker", 12, None),
        ("icebreaker", 5, None),
    ],
)
def test_cells(name, mhz, cell):
    board = BOARDS[name]
    clock = clock_below(board.pll, board.clock_hz, mhz * MHZ)
    platform = board.platform()
    fragment = Fragment.get(Clocking(board, clock), platform)
    found = {getattr(inner, "type", None) for inner, *_ in fragment.subfragments} - {None}
    assert found == ({cell} if cell else set())

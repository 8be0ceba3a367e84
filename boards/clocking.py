"""A board's clock, made from its oscillator for a plan, and the reset that goes with it."""

__all__ = [
    "PLLS",
    "Clock",
    "Clocking",
    "DividedClock",
    "PlainClock",
    "baud_error",
    "clock_below",
    "rate_at",
]

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import partial

from amaranth import *
from amaranth.lib import io
from amaranth.lib.cdc import FFSynchronizer

from hwgen_boards.board import Board
from hwgen_boards.pll_ecp5 import Ecp5Pll
from hwgen_boards.pll_gowin import GowinPll
from hwgen_boards.pll_ice40 import Ice40Pll
from hwgen_rtl_templates.uart import FEWEST_CLOCKS

DIVIDERS = range(2, 65)
SETTLING = (
    20e-6  # s: block RAM of iCE40 reads as zero for 3 us after configuration, and PLLs jitter
)
MOST_ERROR = Fraction(1, 100)  # of the line's rate: a tenth of a bit at the end of a byte
RATES = (3_000_000, 2_000_000, 1_000_000, 921_600, 500_000, 460_800, 230_400, 115_200)


@dataclass(frozen=True)
class PlainClock:
    """The oscillator itself."""

    source_hz: int

    @property
    def hz(self) -> Fraction:
        """The clock that leaves."""
        return Fraction(self.source_hz)

    def connect(self, m: Module, pin: object, clock: Signal, locked: Signal) -> None:
        """Take the oscillator's signal as the clock."""
        m.d.comb += [clock.eq(pin), locked.eq(1)]


@dataclass(frozen=True)
class DividedClock:
    """The oscillator divided by a counter, for clocks that are too slow for a PLL.

    source_hz : what enters, Hz
    divider : 2 to 64
    """

    source_hz: int
    divider: int

    def __post_init__(self) -> None:
        if self.divider not in DIVIDERS:
            raise ValueError(f"Divider of a clock must be 2 to {DIVIDERS[-1]}, not {self.divider}")

    @property
    def hz(self) -> Fraction:
        """The clock that leaves."""
        return Fraction(self.source_hz, self.divider)

    def connect(self, m: Module, pin: object, clock: Signal, locked: Signal) -> None:
        """Place the counter; the clock leaves a register."""
        m.domains.source = ClockDomain(reset_less=True, local=True)
        count, slow = Signal(range(self.divider)), Signal()
        m.d.comb += [ClockSignal("source").eq(pin), clock.eq(slow), locked.eq(1)]
        m.d.source += [
            count.eq(Mux(count == self.divider - 1, 0, count + 1)),
            slow.eq(count >= self.divider // 2),
        ]


Clock = PlainClock | DividedClock | Ecp5Pll | Ice40Pll | GowinPll


# By the kind that `Board.pll` names: what gives the clocks of a PLL, of those that are not above a
# wanted one, from the oscillator's and that, Hz.
PLLS: Mapping[str, Callable[[int, Fraction], Iterator[Clock]]] = {
    "ecp5": Ecp5Pll.below,
    "ice40": partial(Ice40Pll.below, pad=False),
    "ice40-pad": partial(Ice40Pll.below, pad=True),
    "gowin": GowinPll.below,
}


def clock_below(pll: str, source_hz: int, wanted_hz: int | Fraction) -> Clock:
    """Return the highest clock that is not above what is wanted: the oscillator itself where that
    is as good, else a PLL, else a divider.

    Parameters
    ----------
    pll : the kind that `Board.pll` names

    Raises
    ------
    ValueError : nothing is that slow, or the PLL is none of `PLLS`
    """
    if pll not in PLLS:
        raise ValueError(f"PLL must be one of {', '.join(PLLS)}, not {pll!r}")
    wanted = Fraction(wanted_hz)
    found: list[Clock] = [PlainClock(source_hz)]
    found += PLLS[pll](source_hz, wanted)
    found += [DividedClock(source_hz, divider) for divider in DIVIDERS]
    slow_enough = [clock for clock in found if clock.hz <= wanted]
    if not slow_enough:
        least = float(min(clock.hz for clock in found)) / 1e6
        raise ValueError(
            f"Clock must be at least {least:g} MHz from an oscillator of {source_hz / 1e6:g} MHz, "
            f"not {float(wanted) / 1e6:g} MHz"
        )
    return max(slow_enough, key=lambda clock: clock.hz)  # the first of those that are equal


def baud_error(hz: Fraction, clocks: int, baud: int) -> Fraction:
    """Return how much a line of so many clocks a bit misses its rate, as a share of it."""
    return abs(hz / clocks / baud - 1)


def rate_at(hz: Fraction, most: int) -> tuple[int, int]:
    """Return the fastest usual rate of a serial line, and the clocks of a bit, that a clock divided
    by a whole number meets within 1 %.

    Parameters
    ----------
    hz : the clock, Hz
    most : bits a second that the line can do at most; tried first

    Raises
    ------
    ValueError : no rate can be met
    """
    for baud in (most, *(rate for rate in RATES if rate < most)):
        clocks = round(hz / baud)
        if clocks >= FEWEST_CLOCKS and baud_error(hz, clocks, baud) < MOST_ERROR:
            return baud, clocks
    raise ValueError(
        f"Clock must be a multiple, within 1 %, of a usual rate up to {most} baud, at least "
        f"{FEWEST_CLOCKS} times as fast; {float(hz) / 1e6:g} MHz is not"
    )


class Clocking(Elaboratable):
    """Drives the domain `sync` of a board: its clock, and a reset until the clock is settled."""

    def __init__(self, board: Board, clock: Clock):
        self.board = board
        self.clock = clock

    def elaborate(self, platform):
        m = Module()
        port = platform.request(platform.default_clk, dir="-")
        if isinstance(self.clock, Ice40Pll) and self.clock.pad:
            pin = port.io
        else:
            m.submodules.buffer = buffer = io.Buffer("i", port)
            pin = buffer.i
        clock, locked, steady = Signal(), Signal(), Signal()
        self.clock.connect(m, pin, clock, locked)
        m.domains.start = ClockDomain(reset_less=True, local=True)
        m.submodules.lock = FFSynchronizer(locked, steady, o_domain="start")
        clocks = int(SETTLING * float(self.clock.hz)) + 1
        timer, ready = Signal(range(clocks)), Signal()
        m.d.comb += [
            ClockSignal("start").eq(clock),
            ClockSignal("sync").eq(clock),
            ResetSignal("sync").eq(~ready),
        ]
        with m.If(~steady):
            m.d.start += [timer.eq(0), ready.eq(0)]
        with m.Elif(timer == clocks - 1):
            m.d.start += ready.eq(1)
        with m.Else():
            m.d.start += timer.eq(timer + 1)
        return m

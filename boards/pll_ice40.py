"""The PLL of iCE40, SB_PLL40: limits of Lattice's data sheets FPGA-DS-02008 and FPGA-DS-02029."""

__all__ = ["Ice40Pll"]

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from amaranth import *

SOURCE = (10_000_000, 133_000_000)  # Hz, as all below
DETECTOR = (10_000_000, 133_000_000)
OSCILLATOR = (533_000_000, 1_066_000_000)
OUTPUT = (16_000_000, 275_000_000)
REFERENCES, FEEDBACKS, OUTPUTS = range(16), range(128), range(1, 7)

# What the loop filter is set to for a phase detector below that many Hz.
FILTERS = ((17e6, 1), (26e6, 2), (44e6, 3), (66e6, 4), (101e6, 5), (float("inf"), 6))


@dataclass(frozen=True)
class Ice40Pll:
    """source / (reference + 1) * (feedback + 1) is what it oscillates with, and that / 2**output
    the clock.

    source_hz : what enters, Hz
    reference, feedback, output : DIVR, DIVF and DIVQ
    pad : whether the source is the PLL's own pin
    """

    source_hz: int
    reference: int
    feedback: int
    output: int
    pad: bool = False

    def __post_init__(self) -> None:
        ranges = (
            (self.source_hz, SOURCE),
            (self.detector_hz, DETECTOR),
            (self.oscillator_hz, OSCILLATOR),
            (self.hz, OUTPUT),
        )
        inside = all(low <= value <= high for value, (low, high) in ranges)
        fields = ((self.reference, REFERENCES), (self.feedback, FEEDBACKS), (self.output, OUTPUTS))
        if not inside or not all(value in allowed for value, allowed in fields):
            raise ValueError(f"A PLL of iCE40 cannot do {self}")

    @property
    def detector_hz(self) -> Fraction:
        """What its phase detector compares."""
        return Fraction(self.source_hz, self.reference + 1)

    @property
    def oscillator_hz(self) -> Fraction:
        """What it oscillates with."""
        return self.detector_hz * (self.feedback + 1)

    @property
    def hz(self) -> Fraction:
        """The clock that leaves."""
        return self.oscillator_hz / 2**self.output

    @property
    def filter(self) -> int:
        """FILTER_RANGE."""
        return next(setting for below, setting in FILTERS if self.detector_hz < below)

    @classmethod
    def below(cls, source_hz: int, wanted: Fraction, *, pad: bool) -> "Iterator[Ice40Pll]":
        """Yield, for each pair of dividers, the settings of the highest clock that is not above
        what is wanted; those of the fastest phase detector first."""
        for reference in REFERENCES:
            for output in OUTPUTS:
                most = min(wanted, Fraction(OSCILLATOR[1], 2**output))
                feedback = int(most * 2**output * (reference + 1) / source_hz) - 1
                try:
                    yield cls(source_hz, reference, min(feedback, FEEDBACKS[-1]), output, pad)
                except ValueError:
                    continue

    def connect(self, m: Module, pin: object, clock: Signal, locked: Signal) -> None:
        """Place the PLL between the oscillator's signal, or its port where that is the PLL's own
        pin, and a clock."""
        kind = ("SB_PLL40_PAD", "io", "PACKAGEPIN") if self.pad else ("SB_PLL40_CORE", "i")
        m.submodules.pll = Instance(
            kind[0],
            (kind[1], kind[-1], pin) if self.pad else ("i", "REFERENCECLK", pin),
            p_FEEDBACK_PATH="SIMPLE",
            p_DIVR=Const(self.reference, 4),
            p_DIVF=Const(self.feedback, 7),
            p_DIVQ=Const(self.output, 3),
            p_FILTER_RANGE=Const(self.filter, 3),
            i_RESETB=Const(1),
            i_BYPASS=Const(0),
            o_PLLOUTGLOBAL=clock,
            o_LOCK=locked,
        )

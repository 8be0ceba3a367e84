"""The PLL of Gowin's GW1N(R)-9C, rPLL: limits of Gowin's data sheet DS117, speed C6/I5."""

__all__ = ["GowinPll"]

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from amaranth import *

SOURCE = (3_000_000, 400_000_000)  # Hz, as all below
DETECTOR = (3_000_000, 400_000_000)
OSCILLATOR = (400_000_000, 1_200_000_000)
OUTPUT = (3_125_000, 600_000_000)
REFERENCES, FEEDBACKS = range(64), range(64)
LOOPS = (2, 4, 8, 16, 32, 48, 64, 80, 96, 112, 128)


@dataclass(frozen=True)
class GowinPll:
    """source / (reference + 1) * (feedback + 1) is the clock, and loop times that what it
    oscillates with.

    source_hz : what enters, Hz
    reference, feedback, loop : IDIV_SEL, FBDIV_SEL and ODIV_SEL
    """

    source_hz: int
    reference: int
    feedback: int
    loop: int

    def __post_init__(self) -> None:
        ranges = (
            (self.source_hz, SOURCE),
            (self.detector_hz, DETECTOR),
            (self.oscillator_hz, OSCILLATOR),
            (self.hz, OUTPUT),
        )
        inside = all(low <= value <= high for value, (low, high) in ranges)
        fields = ((self.reference, REFERENCES), (self.feedback, FEEDBACKS), (self.loop, LOOPS))
        if not inside or not all(value in allowed for value, allowed in fields):
            raise ValueError(f"A PLL of GW1N-9C cannot do {self}")

    @property
    def detector_hz(self) -> Fraction:
        """What its phase detector compares."""
        return Fraction(self.source_hz, self.reference + 1)

    @property
    def hz(self) -> Fraction:
        """The clock that leaves."""
        return self.detector_hz * (self.feedback + 1)

    @property
    def oscillator_hz(self) -> Fraction:
        """What it oscillates with."""
        return self.hz * self.loop

    @classmethod
    def below(cls, source_hz: int, wanted: Fraction) -> "Iterator[GowinPll]":
        """Yield, for each divider of the source, the settings of the highest clock that is not
        above what is wanted; those of the fastest phase detector first."""
        for reference in REFERENCES:
            feedback = int(wanted * (reference + 1) / source_hz) - 1
            for loop in LOOPS:
                try:
                    yield cls(source_hz, reference, min(feedback, FEEDBACKS[-1]), loop)
                except ValueError:
                    continue

    def connect(self, m: Module, pin: object, clock: Signal, locked: Signal) -> None:
        """Place the PLL between the oscillator's signal and a clock."""
        m.submodules.pll = Instance(
            "rPLL",
            p_DEVICE="GW1NR-9C",
            p_FCLKIN=f"{self.source_hz / 1e6:g}",
            p_IDIV_SEL=self.reference,
            p_FBDIV_SEL=self.feedback,
            p_ODIV_SEL=self.loop,
            p_DYN_IDIV_SEL="false",
            p_DYN_FBDIV_SEL="false",
            p_DYN_ODIV_SEL="false",
            p_DYN_DA_EN="false",
            p_PSDA_SEL="0000",
            p_DUTYDA_SEL="1000",
            p_CLKFB_SEL="internal",
            p_CLKOUT_BYPASS="false",
            p_CLKOUTP_BYPASS="false",
            p_CLKOUTD_BYPASS="false",
            p_DYN_SDIV_SEL=2,
            p_CLKOUTD_SRC="CLKOUT",
            p_CLKOUTD3_SRC="CLKOUT",
            i_CLKIN=pin,
            i_CLKFB=Const(0),
            i_RESET=Const(0),
            i_RESET_P=Const(0),
            i_FBDSEL=Const(0, 6),
            i_IDSEL=Const(0, 6),
            i_ODSEL=Const(0, 6),
            i_PSDA=Const(0, 4),
            i_DUTYDA=Const(0, 4),
            i_FDLY=Const(0, 4),
            o_CLKOUT=clock,
            o_LOCK=locked,
        )

"""The PLL of ECP5, EHXPLLL: limits of Lattice's data sheet FPGA-DS-02012, table of sysCLOCK PLL
timing, and of the phase detector as the open tools take it."""

__all__ = ["Ecp5Pll"]

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from amaranth import *

SOURCE = (8_000_000, 400_000_000)  # Hz, as all below
DETECTOR = (3_125_000, 400_000_000)
OSCILLATOR = (400_000_000, 800_000_000)
OUTPUT = (3_125_000, 400_000_000)
DIVIDER = 128


@dataclass(frozen=True)
class Ecp5Pll:
    """source / reference * feedback * loop is what it oscillates with, and that / output the clock.

    source_hz : what enters, Hz
    reference, feedback, loop, output : CLKI_DIV, CLKFB_DIV, CLKOP_DIV, which only closes the loop,
        and CLKOS_DIV
    """

    source_hz: int
    reference: int
    feedback: int
    loop: int
    output: int

    def __post_init__(self) -> None:
        dividers = (self.reference, self.feedback, self.loop, self.output)
        ranges = (
            (self.source_hz, SOURCE),
            (self.detector_hz, DETECTOR),
            (self.oscillator_hz, OSCILLATOR),
            (self.oscillator_hz / self.loop, OUTPUT),
            (self.hz, OUTPUT),
        )
        inside = all(low <= value <= high for value, (low, high) in ranges)
        if not inside or not all(1 <= divider <= DIVIDER for divider in dividers):
            raise ValueError(f"A PLL of ECP5 cannot do {self}")

    @property
    def detector_hz(self) -> Fraction:
        """What its phase detector compares."""
        return Fraction(self.source_hz, self.reference)

    @property
    def oscillator_hz(self) -> Fraction:
        """What it oscillates with."""
        return self.detector_hz * self.feedback * self.loop

    @property
    def hz(self) -> Fraction:
        """The clock that leaves."""
        return self.oscillator_hz / self.output

    @classmethod
    def below(cls, source_hz: int, wanted: Fraction) -> "Iterator[Ecp5Pll]":
        """Yield, for each pair of dividers, the settings of the highest clock that is not above
        what is wanted; those of the fastest phase detector first."""
        if not SOURCE[0] <= source_hz <= SOURCE[1]:
            return
        for reference in range(1, DIVIDER + 1):
            detector = Fraction(source_hz, reference)
            if not DETECTOR[0] <= detector <= DETECTOR[1]:
                continue
            for output in range(1, DIVIDER + 1):
                most = min(wanted * output, OSCILLATOR[1])
                least = max(OUTPUT[0] * output, OSCILLATOR[0])
                for times in range(int(most / detector), int(least / detector) - 1, -1):
                    try:
                        yield cls(source_hz, reference, *_split(times), output)
                        break
                    except ValueError:
                        continue

    def connect(self, m: Module, pin: object, clock: Signal, locked: Signal) -> None:
        """Place the PLL between the oscillator's signal and a clock."""
        back = Signal()
        m.submodules.pll = Instance(
            "EHXPLLL",
            a_ICP_CURRENT="12",  # of the loop filter, as the vendor's tool and ecppll set it
            a_LPF_RESISTOR="8",
            a_MFG_ENABLE_FILTEROPAMP="1",
            a_MFG_GMCREF_SEL="2",
            p_PLLRST_ENA="DISABLED",
            p_INTFB_WAKE="DISABLED",
            p_STDBY_ENABLE="DISABLED",
            p_DPHASE_SOURCE="DISABLED",
            p_OUTDIVIDER_MUXA="DIVA",
            p_OUTDIVIDER_MUXB="DIVB",
            p_FEEDBK_PATH="CLKOP",
            p_CLKI_DIV=self.reference,
            p_CLKFB_DIV=self.feedback,
            p_CLKOP_ENABLE="ENABLED",
            p_CLKOP_DIV=self.loop,
            p_CLKOP_CPHASE=self.loop - 1,
            p_CLKOP_FPHASE=0,
            p_CLKOS_ENABLE="ENABLED",
            p_CLKOS_DIV=self.output,
            p_CLKOS_CPHASE=self.output - 1,
            p_CLKOS_FPHASE=0,
            i_CLKI=pin,
            i_CLKFB=back,
            i_RST=0,
            i_STDBY=0,
            i_PHASESEL0=0,
            i_PHASESEL1=0,
            i_PHASEDIR=0,
            i_PHASESTEP=0,
            i_PHASELOADREG=0,
            i_PLLWAKESYNC=0,
            i_ENCLKOP=0,
            i_ENCLKOS=0,
            o_CLKOP=back,
            o_CLKOS=clock,
            o_LOCK=locked,
        )


def _split(times: int) -> tuple[int, int]:
    """Return feedback and loop whose product is so much, the loop as slow as can be.

    Raises
    ------
    ValueError : there are none
    """
    for feedback in range(1, DIVIDER + 1):
        loop, rest = divmod(times, feedback)
        if not rest and loop <= DIVIDER:
            return feedback, loop
    raise ValueError(f"Dividers up to {DIVIDER} cannot make {times}")

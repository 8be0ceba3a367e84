"""A board: what a design on it may count on."""

__all__ = ["Board", "Leds", "Pin"]

from collections.abc import Callable
from dataclasses import dataclass

from amaranth.build import Platform

Pin = tuple[str, int]  # a resource of the platform: its name and number


@dataclass(frozen=True)
class Leds:
    """The lights that tell what a design does, each a resource of the platform."""

    idle: Pin
    busy: Pin
    error: Pin


@dataclass(frozen=True)
class Board:
    """A board with its pins and its link to the host.

    Attributes
    ----------
    name : as `--target` takes it; the target of this name is the device that it carries
    description : the board in words
    platform : makes the Amaranth platform, with the pins
    uart : the resource of the serial line to the host
    baud : bits a second that both the board's bridge and the clock's divider can do
    leds : what idle, busy and error light
    programmer : the command that programs it, to which the bitstream's name is added
    pll : which PLL its clock comes from, one of `clocking.PLLS`; ice40-pad is that of an oscillator
        that is wired to the PLL's own pad
    high : outputs that are held high, such as the chip select of a memory on shared pins
    note : what a user must know or wire before the first bitstream; may be empty
    """

    name: str
    description: str
    platform: Callable[[], Platform]
    uart: Pin
    baud: int
    leds: Leds
    programmer: tuple[str, ...]
    pll: str
    high: tuple[Pin, ...] = ()
    note: str = ""

    @property
    def clock_hz(self) -> int:
        """The oscillator on the board, in Hz."""
        return round(self.platform().default_clk_frequency)

"""UPduino v3 (tinyVision): Lattice iCE40UP5K, FT232H bridge on the pins of the flash memory."""

__all__ = ["UPDUINO_V3"]

from amaranth.build import Attrs, Pins, Resource
from amaranth_boards.resources import LEDResources, UARTResource
from amaranth_boards.upduino_v3 import UpduinoV3Platform

from hwgen_boards.board import Board, Leds

_PINS = Attrs(IO_STANDARD="SB_LVCMOS")


class _Platform(UpduinoV3Platform):
    default_clk = "clk12"  # the chip's own oscillator is off by up to a tenth, too much for a line


def _platform():
    """Return the platform with the bridge's serial line, the chip select of the memory that shares
    its pins, and the three colours of the light one by one: green, blue, red."""
    platform = _Platform()
    line = Attrs(IO_STANDARD="SB_LVCMOS", PULLUP=1)
    platform.add_resources([UARTResource(0, rx="15", tx="14", attrs=line)])
    platform.add_resources([Resource("flash_off", 0, Pins("16", dir="o"), _PINS)])
    platform.add_resources(LEDResources(pins="39 40 41", invert=True, attrs=_PINS))
    return platform


UPDUINO_V3 = Board(
    name="upduino-v3",
    description="UPduino v3 with iCE40UP5K",
    platform=_platform,
    uart=("uart", 0),
    baud=1_000_000,  # the FT232H does 12 Mbaud; 12 MHz divides to 1 Mbaud without a rest
    leds=Leds(idle=("led", 0), busy=("led", 1), error=("led", 2)),
    programmer=("iceprog",),
    pll="ice40",
    high=(("flash_off", 0),),
    note="close the jumper OSC, which brings the 12 MHz oscillator to pin 20",
)

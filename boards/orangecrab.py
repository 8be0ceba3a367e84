"""OrangeCrab r0.2 (Good Stuff Department): Lattice ECP5 in two sizes, no bridge to a host."""

__all__ = ["ORANGECRAB_25F", "ORANGECRAB_85F"]

from amaranth.build import Attrs
from amaranth_boards.orangecrab_r0_2 import OrangeCrabR0_2_25FPlatform, OrangeCrabR0_2_85FPlatform
from amaranth_boards.resources import LEDResources, UARTResource

from hwgen_boards.board import Board, Leds

_PINS = Attrs(IO_TYPE="LVCMOS33")


def _orangecrab(size, make) -> Board:
    def platform():
        """Return the platform with a serial line on the header, where a Feather has its own, and
        the three colours of the light one by one: green, blue, red."""
        made = make()
        made.add_resources([UARTResource(0, rx="0", tx="1", conn=("io", 0), attrs=_PINS)])
        made.add_resources(LEDResources(pins="M3 J3 K4", invert=True, attrs=_PINS))
        return made

    return Board(
        name=f"orangecrab-{size}f",
        description=f"OrangeCrab r0.2 with LFE5U-{size}F",
        platform=platform,
        uart=("uart", 0),
        baud=1_000_000,  # nearly every adapter does it
        leds=Leds(idle=("led", 0), busy=("led", 1), error=("led", 2)),
        programmer=("openFPGALoader", "-b", "orangeCrab"),
        pll="ecp5",
        note="its USB is no serial line: wire a 3.3 V adapter, TXD to pin 0, RXD to pin 1, and "
        "ground; hold the button while you plug USB in, for the boot loader that programs it",
    )


ORANGECRAB_25F = _orangecrab(25, OrangeCrabR0_2_25FPlatform)
ORANGECRAB_85F = _orangecrab(85, OrangeCrabR0_2_85FPlatform)

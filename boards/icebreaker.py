"""iCEBreaker (1BitSquared): Lattice iCE40UP5K, FT2232H bridge."""

__all__ = ["ICEBREAKER"]

from amaranth_boards.icebreaker import ICEBreakerPlatform

from hwgen_boards.board import Board, Leds


def _platform():
    """Return the platform with the lights of the part that may be broken off, which has a third."""
    platform = ICEBreakerPlatform()
    platform.add_resources(platform.break_off_pmod)
    return platform


ICEBREAKER = Board(
    name="icebreaker",
    description="iCEBreaker with iCE40UP5K",
    platform=_platform,
    uart=("uart", 0),
    baud=1_000_000,  # the FT2232H does 12 Mbaud; 12 MHz divides to 1 Mbaud without a rest
    leds=Leds(idle=("led_g", 0), busy=("led_g", 1), error=("led_r", 0)),
    programmer=("openFPGALoader", "-b", "ice40_generic"),
    pll="ice40-pad",
)

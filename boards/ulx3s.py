"""ULX3S (Radiona): Lattice ECP5 in three sizes, FT231X bridge."""

__all__ = ["ULX3S_25F", "ULX3S_45F", "ULX3S_85F"]

from amaranth_boards.ulx3s import ULX3S_25F_Platform, ULX3S_45F_Platform, ULX3S_85F_Platform

from hwgen_boards.board import Board, Leds


def _ulx3s(size, platform) -> Board:
    return Board(
        name=f"ulx3s-{size}f",
        description=f"ULX3S with LFE5U-{size}F",
        platform=platform,
        uart=("uart", 0),
        baud=1_000_000,  # the FT231X does 3 Mbaud; 25 MHz divides to 1 Mbaud without a rest
        leds=Leds(idle=("led", 0), busy=("led", 1), error=("led", 2)),
        programmer=("openFPGALoader", "-b", "ulx3s"),
        pll="ecp5",
    )


ULX3S_25F = _ulx3s(25, ULX3S_25F_Platform)
ULX3S_45F = _ulx3s(45, ULX3S_45F_Platform)
ULX3S_85F = _ulx3s(85, ULX3S_85F_Platform)

"""Tang Nano 9K (Sipeed): Gowin GW1NR-9C, BL702 bridge."""

__all__ = ["TANGNANO9K"]

from amaranth_boards.tang_nano_9k import TangNano9kPlatform

from hwgen_boards.board import Board, Leds

TANGNANO9K = Board(
    name="tangnano9k",
    description="Tang Nano 9K with GW1NR-9C",
    platform=TangNano9kPlatform,
    uart=("uart", 0),
    baud=1_000_000,  # the BL702 does 2 Mbaud; 27 MHz divides to 1 Mbaud without a rest
    leds=Leds(idle=("led", 0), busy=("led", 1), error=("led", 2)),
    programmer=("openFPGALoader", "-b", "tangnano9k"),
    pll="gowin",
)

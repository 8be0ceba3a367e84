"""Xilinx 7 series: synthesis only, since no open tool that pip brings places it."""

__all__ = ["XILINX7"]

from collections.abc import Sequence

from hwgen.families.constraints import clock_constraint, pin_lines
from hwgen.families.family import (
    BLOCK_OF_18K,
    Constraints,
    Family,
    InferredBlock,
    Logic,
    LutMemory,
    Memories,
    Multipliers,
    SynthesisPass,
)
from hwgen_rtl_templates.adder_row_xilinx import Xilinx7AdderRow


def _xdc(clock: str, clock_hz: int, ports: Sequence[str]) -> str:
    """Return Xilinx design constraints, as Vivado reads them."""
    pin = "# set_property -dict {{PACKAGE_PIN PIN IOSTANDARD LVCMOS33}} [get_ports {{{port}}}]\n"
    return f"{clock_constraint(clock, clock_hz, ports)}\n{pin_lines(pin, ports)}"


XILINX7 = Family(
    name="xilinx7",
    logic=Logic(lut_inputs=6, adder=Xilinx7AdderRow, adders_placed=True),
    memories=Memories(
        # Xilinx UG473, of a RAMB18E1
        shapes=BLOCK_OF_18K,
        lut_memory=LutMemory(words=32, bits=6, luts=4),  # RAM32M
    ),
    multipliers=Multipliers(
        inferred=(InferredBlock(sides=(25, 18), least=(2, 2), least_product=9, worth=1),),
        signed_only=True,
    ),
    constraints=Constraints(
        "xdc", "a template for Vivado: the clock, and a line for each pin", _xdc
    ),
    synthesis=SynthesisPass(
        command="synth_xilinx -family xc7 -flatten -noiopad -noclkbuf",
        no_dsp=("-nodsp",),
        libraries=("xilinx",),
        # a look-up table of six inputs each; MUXF7 and MUXF8 have places of their own
        logic={**{f"LUT{inputs}": 1 for inputs in range(1, 7)}, "LUT6_2": 1, "INV": 1},
        carry={"CARRY4": 0},  # beside the tables that feed it
        memory={
            **{"RAM32X1S": 1, "RAM64X1S": 1, "RAM128X1S": 2, "RAM256X1S": 4},
            **{"RAM32X1D": 2, "RAM64X1D": 2, "RAM128X1D": 4, "RAM32M": 4, "RAM64M": 4},
            **{"SRL16E": 1, "SRLC16E": 1, "SRLC32E": 1},
        },
        ff=("FDRE", "FDSE", "FDCE", "FDPE"),
        dsp={"DSP48E1": 1},
        block_ram={"RAMB18E1": 1, "RAMB36E1": 2},
    ),
    sample_target="arty-a7-35t",
)

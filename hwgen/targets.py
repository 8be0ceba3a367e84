"""What hardware is made for: devices, what they hold, and the clock a plan counts on; and libraries
of standard cells.

Budgets are those of the die as the open tools see it (Project Trellis, nextpnr's report), which
for an ECP5 is a little under the round number in the vendor's brochure. A cell library has none.
"""

__all__ = ["DEFAULT_TARGET", "TARGETS", "Rom", "Target", "get_target"]

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from hwgen.errors import HwgenError, meant


class Rom(StrEnum):
    """How the Verilog of a package says what tables and weights hold.

    INITIAL : `initial` blocks; registers start with values as well
    CASE : functions with a case a word; nothing starts with a value, and reset comes first
    """

    INITIAL = "initial"
    CASE = "case"

    @classmethod
    def _missing_(cls, value: object) -> "Rom":
        raise HwgenError(f"rom must be {' or '.join(map(repr, map(str, cls)))}, not {value!r}")


@dataclass(frozen=True)
class Target:
    """A device with its budget, or a library of cells, which has as many as a design needs.

    Attributes
    ----------
    name : as `--target` takes it
    description : the board and chip in words
    family : which synthesis and place and route it takes, such as ecp5
    device : the vendor's part
    package : the chip's case, as place and route spells it; None where the device's name says it
    speed : speed grade, as place and route spells it; None where the die has only one
    synth_options : what tells synthesis which timing to count on
    pnr_options : what tells place and route which die it is
    luts : look-up tables, of six inputs on Xilinx 7 and of four elsewhere
    ffs : flip-flops
    dsps : DSP blocks, each a multiplier as wide as the family has them
    block_rams : block memories
    block_ram_bits : bits of one block memory, parity bits included
    clock_hz : the clock plans are made for, in Hz; one that place and route can meet
    clock_pin : the pin through which a clock comes, where place and route cannot do without
    die : what the chip's inside is called, where the packer of bitstreams has to be told
    library : Liberty file of an ASIC's cells, which has no budget: `luts` and all behind it are 0;
        None of a device
    """

    name: str
    description: str
    family: str
    device: str
    package: str | None
    speed: str | None
    synth_options: tuple[str, ...]
    pnr_options: tuple[str, ...]
    luts: int
    ffs: int
    dsps: int
    block_rams: int
    block_ram_bits: int
    clock_hz: int
    clock_pin: str | None = None
    die: str | None = None
    library: str | None = None

    @property
    def memory_bits(self) -> int:
        """Bits of all block memories together."""
        return self.block_rams * self.block_ram_bits

    def to_json(self) -> dict[str, object]:
        """Return the fields as plain values, the memory's total included."""
        return asdict(self) | {
            "synth_options": list(self.synth_options),
            "pnr_options": list(self.pnr_options),
            "memory_bits": self.memory_bits,
        }


# LUTs, DSP blocks and block memories of the dies of ECP5.
_ECP5 = {25: (24_288, 28, 56), 45: (43_848, 72, 108), 85: (83_640, 156, 208)}


def _ecp5(name: str, board: str, size: int, package: str, speed: str) -> Target:
    """Return a board with one of the three ECP5 dies."""
    luts, dsps, block_rams = _ECP5[size]
    return Target(
        name=f"{name}-{size}f",
        description=f"{board} board, Lattice ECP5 LFE5U-{size}F",
        family="ecp5",
        device=f"LFE5U-{size}F",
        package=package,
        speed=speed,
        synth_options=(),
        pnr_options=(f"--{size}k",),
        luts=luts,
        ffs=luts,
        dsps=dsps,
        block_rams=block_rams,
        block_ram_bits=18 * 1024,
        clock_hz=100_000_000,
    )


def _ice40(
    name: str,
    description: str,
    device: str,
    package: str,
    luts: int,
    block_rams: int,
    mhz: int,
    dsps: int = 0,
) -> Target:
    """Return an iCE40. Its DSP blocks, where it has any, serve what instantiates them: synthesis
    makes none by itself (see `families/ice40.py`)."""
    die = device.removeprefix("iCE40").lower()
    return Target(
        name=name,
        description=description,
        family="ice40",
        device=device,
        package=package,
        speed=None,
        synth_options=(f"-device {'u' if die.startswith('u') else die[:2]}",),
        pnr_options=(f"--{die}",),
        luts=luts,
        ffs=luts,
        dsps=dsps,
        block_rams=block_rams,
        block_ram_bits=4 * 1024,
        clock_hz=mhz * 1_000_000,
    )


def _up5k(name: str, board: str) -> Target:
    """Return a board with an iCE40UP5K."""
    description = f"{board} board, Lattice iCE40UP5K"
    return _ice40(name, description, "iCE40UP5K", "sg48", 5_280, 30, mhz=24, dsps=8)


def _gowin(
    name: str,
    description: str,
    die: str,
    device: str,
    clock_pin: str,
    luts: int,
    ffs: int,
    dsps: int,
    block_rams: int,
    mhz: int,
) -> Target:
    """Return a Gowin device. Its DSP blocks are multipliers of 18 by 18 bits, two a macro."""
    return Target(
        name=name,
        description=description,
        family="gowin",
        device=device,
        package=None,
        speed=None,
        synth_options=(f"-family {die[:4].lower()}",),
        pnr_options=("--device", device, "--vopt", f"family={die}"),
        luts=luts,
        ffs=ffs,
        dsps=dsps,
        block_rams=block_rams,
        block_ram_bits=18 * 1024,
        clock_hz=mhz * 1_000_000,
        clock_pin=clock_pin,
        die=die,
    )


# what brings the library of a target of ours
INSTALL_LIBRARY = "sudo apt-get install -y --no-install-recommends qflow-tech-{name}"
LIBERTY = ".lib"  # how the name of a user's own library ends
ASIC_CLOCK = 100_000_000  # Hz


def _cells(name: str, description: str, library: str, clock_hz: int) -> Target:
    """Return an ASIC made of a library's standard cells."""
    return Target(
        name=name,
        description=description,
        family="asic",
        device=Path(library).stem,
        package=None,
        speed=None,
        synth_options=(),
        pnr_options=(),
        luts=0,
        ffs=0,
        dsps=0,
        block_rams=0,
        block_ram_bits=0,
        clock_hz=clock_hz,
        library=library,
    )


def _osu(process: str, size: str, file: str, mhz: int) -> Target:
    """Return a library of Oklahoma State University, where Debian's packages put it."""
    return _cells(
        f"osu{process}",
        f"ASIC, OSU standard cells, {size} um",
        f"/usr/share/qflow/tech/osu{process}/{file}.lib",
        mhz * 1_000_000,
    )


_ALL = (
    *(_ecp5("ulx3s", "ULX3S", size, "CABGA381", "6") for size in (85, 45, 25)),
    *(_ecp5("orangecrab", "OrangeCrab r0.2", size, "CSFBGA285", "8") for size in (85, 25)),
    _up5k("icebreaker", "iCEBreaker"),
    _up5k("upduino-v3", "UPduino v3"),
    _ice40("ice40-hx8k", "Lattice iCE40HX8K", "iCE40HX8K", "ct256", 7_680, 32, mhz=48),
    _gowin(
        "tangnano9k",
        "Tang Nano 9K board, Gowin GW1NR-9",
        "GW1N-9C",
        "GW1NR-LV9QN88PC6/I5",
        "52",
        luts=8_640,
        ffs=6_480,
        dsps=20,
        block_rams=26,
        mhz=54,
    ),
    _gowin(
        "tangnano20k",
        "Tang Nano 20K board, Gowin GW2AR-18",
        "GW2A-18C",
        "GW2AR-LV18QN88C8/I7",
        "4",
        luts=20_736,
        ffs=15_552,
        dsps=48,
        block_rams=46,
        mhz=81,
    ),
    Target(
        name="arty-a7-35t",
        description="Arty A7 board, AMD Artix-7 XC7A35T; synthesis only",
        family="xilinx7",
        device="XC7A35T",
        package="csg324",
        speed="1",
        synth_options=(),
        pnr_options=(),
        luts=20_800,
        ffs=41_600,
        dsps=90,
        block_rams=100,
        block_ram_bits=18 * 1024,
        clock_hz=100_000_000,
    ),
    Target(
        name="crosslink-nx-evn",
        description="CrossLink-NX evaluation board, Lattice LIFCL-40; no bitstreams",
        family="nexus",
        device="LIFCL-40-9BG400C",
        package=None,
        speed=None,
        synth_options=("-family lifcl",),
        pnr_options=("--device", "LIFCL-40-9BG400C"),
        luts=32_256,
        ffs=32_256,
        dsps=56,
        block_rams=84,
        block_ram_bits=18 * 1024,
        clock_hz=100_000_000,
        clock_pin="L13",
    ),
    _osu("018", "0.18", "osu018_stdcells", mhz=100),
    _osu("035", "0.35", "osu035_stdcells", mhz=50),
    _osu("050", "0.5", "osu05_stdcells", mhz=40),
)

TARGETS: Mapping[str, Target] = MappingProxyType({target.name: target for target in _ALL})
DEFAULT_TARGET = _ALL[0].name


def get_target(name: str) -> Target:
    """Return the target of that name; of a Liberty file's path, an ASIC made of its cells.

    Raises
    ------
    HwgenError : there is none; the text names the closest and all
    """
    target = TARGETS.get(name) if isinstance(name, str) else None
    if target is None and isinstance(name, str) and name.endswith(LIBERTY):
        path = Path(name).absolute()  # jobs and later commands run in other folders
        if not path.is_file():
            raise HwgenError(f"Liberty file {name} of the target is not there; check its path")
        return _cells(str(path), f"ASIC, cells of {path.name}", str(path), ASIC_CLOCK)
    if target is None:
        hint = meant(name, TARGETS)
        raise HwgenError(
            f"Target must be one of {', '.join(TARGETS)}, not {name!r}; {hint}"
            f"`hwgen targets` shows what each holds, and the path of a Liberty file, *{LIBERTY}, "
            "is an ASIC of its cells"
        )
    return target

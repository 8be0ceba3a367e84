"""What hardware is made for: devices, what they hold, and the clock a plan counts on; and libraries
of standard cells.

Budgets are those of the die as the open tools see it (Project Trellis, nextpnr's report), which
for an ECP5 is a little under the round number in the vendor's brochure. A cell library has none.
"""

__all__ = ["DEFAULT_TARGET", "TARGETS", "Target", "get_target"]

import difflib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType

from hwgen.errors import HwgenError


@dataclass(frozen=True)
class Target:
    """A device with its budget, or a library of cells, which has as many as a design needs.

    Attributes
    ----------
    name : as `--target` takes it
    description : the board and chip in words
    family : which synthesis and place and route it takes, such as ecp5
    device : the vendor's part
    package : the chip's case, as place and route spells it
    speed : speed grade, as place and route spells it; None where the die has only one
    synth_options : what tells synthesis which timing to count on
    pnr_options : what tells place and route which die it is
    luts : 4-input look-up tables
    ffs : flip-flops
    dsps : DSP blocks, each a multiplier as wide as the family has them
    block_rams : block memories
    block_ram_bits : bits of one block memory, parity bits included
    clock_hz : the clock plans are made for, in Hz; one that place and route can meet
    library : Liberty file of an ASIC's cells, which has no budget: `luts` and all behind it are 0;
        None of a device
    """

    name: str
    description: str
    family: str
    device: str
    package: str
    speed: str | None
    synth_options: tuple[str, ...]
    pnr_options: tuple[str, ...]
    luts: int
    ffs: int
    dsps: int
    block_rams: int
    block_ram_bits: int
    clock_hz: int
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


def _ulx3s(size: int, luts: int, dsps: int, block_rams: int) -> Target:
    """Return the ULX3S board with one of the three ECP5 dies it is sold with."""
    return Target(
        name=f"ulx3s-{size}f",
        description=f"ULX3S board, Lattice ECP5 LFE5U-{size}F",
        family="ecp5",
        device=f"LFE5U-{size}F",
        package="CABGA381",
        speed="6",
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
    makes none by itself (see `cost/families.py`)."""
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
        package="",
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
    _ulx3s(85, luts=83_640, dsps=156, block_rams=208),
    _ulx3s(45, luts=43_848, dsps=72, block_rams=108),
    _ulx3s(25, luts=24_288, dsps=28, block_rams=56),
    _ice40(
        "icebreaker",
        "iCEBreaker board, Lattice iCE40UP5K",
        "iCE40UP5K",
        "sg48",
        5_280,
        30,
        mhz=24,
        dsps=8,
    ),
    _ice40("ice40-hx8k", "Lattice iCE40HX8K", "iCE40HX8K", "ct256", 7_680, 32, mhz=48),
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
        close = difflib.get_close_matches(str(name).lower(), TARGETS, n=2, cutoff=0.5)
        hint = f"did you mean {' or '.join(close)}? " if close else ""
        raise HwgenError(
            f"Target must be one of {', '.join(TARGETS)}, not {name!r}; {hint}"
            f"`hwgen targets` shows what each holds, and the path of a Liberty file, *{LIBERTY}, "
            "is an ASIC of its cells"
        )
    return target

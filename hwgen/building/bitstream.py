"""From a package to a board's bitstream: design, synthesis, place and route, packing, summary."""

__all__ = ["SEEDS", "Progress", "build_bitstream"]

import hashlib
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

from hwgen.building.advice import advise, too_slow
from hwgen.building.core import board_of, describe
from hwgen.building.design import BoardDesign, board_design
from hwgen.building.headroom import CORE_LUTS, board_headroom
from hwgen.building.summary import SUMMARY, Build, read_summary
from hwgen.cost import Route, Synthesis, pack, route, synthesise_package
from hwgen.cost.synthesis import read_design
from hwgen.errors import HwgenError, PlanError, StoreError, ToolError
from hwgen.families import routing_of
from hwgen.network import load
from hwgen.package.hashes import check_unchanged, with_hashes
from hwgen.package.manifest import MANIFEST, Manifest, read_manifest
from hwgen.package.staging import check_folder, write_folder
from hwgen.progress import Progress, silent
from hwgen.targets import Target, get_target
from hwgen_boards.board import Board
from hwgen_rtl_templates.link import HEADER

SEEDS = 4  # of the placer that are tried before a design counts as too slow
FRAMING = 6  # bytes of a frame on the line besides its body: two flags and a CRC of four
BITS = 10  # on the line, of a byte
PACKAGE = "package"  # folder of the accelerator's package in that of a build

# What nextpnr says where a design has no room, with the cells that it needs where it says that.
_NO_ROOM = re.compile(
    r"(?i)unable to (find|place)|failed to (find|place)|no bels|cannot place|legali[sz]ation"
    r"|failed to expand region .* of (?P<cells>\d+) "
)


def build_bitstream(
    package: Path,
    folder: str | Path,
    *,
    baud: int | None = None,
    seeds: int = SEEDS,
    timeout: float = 1800.0,
    changed: bool = False,
    progress: Progress | None = None,
) -> Build:
    """Make the bitstream of a package for the board of its target, whole or not at all.

    Parameters
    ----------
    package : folder of the package
    folder : of what is built; one that is there already is replaced
    baud : bits a second that the serial line may have at most; the board's own when not given
    seeds : of the placer that are tried, at least 1
    timeout : seconds that each tool may take
    changed : whether Verilog and network may be others than those that were generated
    progress : called with a step, done and total

    Raises
    ------
    PlanError : it does not fit, or is too slow for its clock; the text says what would do
    HwgenError : there is no such board, or the clock cannot be made there
    StoreError : the folder is not a package, a damaged one, or not what was generated
    ToolError : a tool is missing, fails or does not finish in time
    OutputFolderError : the folder cannot be written, or holds somebody else's files
    """
    say = progress or silent
    if seeds < 1:
        raise HwgenError(f"Seeds of the placer must be at least 1, not {seeds}")
    folder = check_folder(folder, _ours, (), what="build")
    manifest = read_manifest(package)
    target = get_target(manifest.target)
    board = board_of(target.name)
    inside = (*manifest.files, MANIFEST)
    missing = [path for path in inside if not (package / path).is_file()]
    if missing:
        raise StoreError(f"{package}: {missing[0]} is missing; generate the package again")
    if not changed:
        check_unchanged(package, manifest)
    manifest = with_hashes(package, manifest)
    verilog = read_design(package / manifest.verilog, manifest.top)
    say("design", 0, 0)
    design = board_design(manifest, verilog, board, baud=baud)
    say("synthesis", 0, 0)
    text = f"{verilog}\n{design.verilog}"
    synthesis = synthesise_package(text, manifest, target, top=design.name, timeout=timeout)
    best = _placed(synthesis, target, design, package, seeds, timeout, say)
    say("bitstream", 0, 0)
    bitstream = pack(best, timeout=timeout)
    packing = routing_of(target).packing
    assert packing is not None  # place and route with pins has refused otherwise
    name = f"{manifest.top}{bitstream.suffix}"
    summary = _summary(folder, name, manifest, target, board, design, best)

    def fill(work: Path) -> None:
        shutil.copyfile(bitstream, work / name)
        (work / "board.v").write_text(design.verilog, encoding="utf-8")
        (work / f"pins.{packing.constraints}").write_text(design.constraints, encoding="utf-8")
        for path in inside:
            (work / PACKAGE / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(package / path, work / PACKAGE / path)
        files = sorted(path for path in work.rglob("*") if path.is_file())
        hashes = {
            path.relative_to(work).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in files
        }
        plain = replace(summary, files=hashes).to_json()
        (work / SUMMARY).write_text(json.dumps(plain, indent=2) + "\n", encoding="utf-8")

    write_folder(folder, fill, read_summary, what="build")
    return read_summary(folder)


def _ours(folder: Path) -> set[str]:
    """Return the files that a build which is there already is made of."""
    try:
        return {*read_summary(folder).files, SUMMARY}
    except StoreError:
        return set()


def _placed(
    synthesis: Synthesis,
    target: Target,
    design: BoardDesign,
    package: Path,
    seeds: int,
    timeout: float,
    say: Progress,
) -> Route:
    """Return the first placement that is fast enough.

    Raises
    ------
    PlanError : none is, or there is no room
    """
    manifest = read_manifest(package)
    wanted = float(design.clock_hz) / 1e6
    found: list[Route] = []
    for seed in range(1, seeds + 1):
        say(f"place and route, seed {seed}", seed - 1, seeds)
        try:
            placed = route(
                synthesis,
                target,
                seed=seed,
                timeout=timeout,
                freq_mhz=wanted / routing_of(target).derate,
                trim=False,  # what was simulated is what is placed
                pins=design.constraints,
            )
        except PlanError as error:
            raise _too_large(str(error), synthesis.luts, target, package) from error
        except ToolError as error:
            found_none = _NO_ROOM.search(str(error))
            if found_none is None:
                raise
            cells = int(found_none["cells"] or 0)
            what = (
                f"{synthesis.top} does not fit {target.name}: the placer finds no room for its "
                f"{max(cells, synthesis.luts)} cells"
            )
            raise _too_large(what, max(cells, synthesis.luts), target, package) from error
        if placed.fmax_mhz is None or placed.fmax_mhz >= wanted:
            return placed
        found.append(placed)
    best = max(found, key=lambda placed: placed.fmax_mhz or 0.0)
    raise too_slow(best, float(design.clock_hz), manifest, seeds)


def _too_large(what: str, needed: int, target: Target, package: Path) -> PlanError:
    """Return what is to be said of a design that has no room, with what would fit.

    Parameters
    ----------
    needed : look-up tables that the design really takes
    """
    manifest = read_manifest(package)
    estimated = manifest.estimate.luts + CORE_LUTS
    network = load(package / manifest.network)
    room = board_headroom(target, network)
    if needed > estimated:  # estimates are too low here: let the next plan count on that
        room = replace(room, luts=int(room.luts * estimated / needed))
    advice = advise(network, room, manifest.clock_hz, manifest.goal)
    return PlanError(f"{what}; {advice}")


def _summary(
    folder: Path,
    bitstream: str,
    manifest: Manifest,
    target: Target,
    board: Board,
    design: BoardDesign,
    best: Route,
) -> Build:
    """Return what is to be known of a build; hashes of files are still missing."""
    about = describe(manifest)
    interval = manifest.predicted.interval
    longest = max(stream.frame_bytes for stream in (about.input, about.output))
    line = float(design.clock_hz) / design.clocks_per_bit
    over_the_link = line / (BITS * (FRAMING + HEADER + longest))
    itself = float(design.clock_hz) / interval
    return Build(
        folder=folder,
        board=board.name,
        top=design.name,
        bitstream=bitstream,
        programmer=board.programmer,
        note=board.note,
        network=about.digest[:8].hex(),
        clock_hz=float(design.clock_hz),
        baud=design.baud,
        clocks_per_bit=design.clocks_per_bit,
        fmax_mhz=best.fmax_mhz or best.freq_mhz,
        seed=best.seed,
        used={
            "luts": best.luts,
            "ffs": best.ffs,
            "dsps": best.dsps,
            "block_rams": best.block_rams,
        },
        available={
            "luts": target.luts,
            "ffs": target.ffs,
            "dsps": target.dsps,
            "block_rams": target.block_rams,
        },
        frames_per_second={
            "accelerator": itself,
            "link": min(itself, over_the_link),
        },
        interval=interval,
        latency=manifest.predicted.latency,
        files={},
    )

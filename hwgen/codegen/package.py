"""The package: the folder that a user takes away."""

__all__ = ["check_place", "write_package"]

import contextlib
import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

from hwgen.codegen.accelerator import Accelerator
from hwgen.codegen.driver import driver_files
from hwgen.codegen.entries import (
    ENTER,
    LEAVE,
    STREAMS,
    accelerator_name,
    instances_of,
    manifest_of,
    vector_file,
)
from hwgen.codegen.modules import HardwareModule, split
from hwgen.codegen.names import top_name
from hwgen.codegen.primitives import primitive_files
from hwgen.codegen.project import constraints, core, makefile
from hwgen.codegen.readme import readme
from hwgen.codegen.registers import check_tools, register_files
from hwgen.codegen.testbench import testbench
from hwgen.codegen.vendors import port_attributes, vendor_files
from hwgen.codegen.verilog import write_modules
from hwgen.errors import HwgenError, OutputFolderError, StoreError
from hwgen.network.inference import Tensor
from hwgen.network.store import load
from hwgen.package.border import BorderChoice
from hwgen.package.hashes import files_as_written
from hwgen.package.manifest import (
    MANIFEST,
    NETWORK,
    BorderStream,
    Manifest,
    read_manifest,
    write_manifest,
)
from hwgen.package.staging import check_folder, write_folder
from hwgen.package.system import system_of
from hwgen.planning.plan import Plan
from hwgen.primitives import cell_names
from hwgen.progress import Progress
from hwgen.targets import Rom
from hwgen_rtl_templates.borders.system import System

VECTOR_FRAMES = 4
Frames = npt.NDArray[np.int64]
_AROUND = "/"  # which no instance is called: where modules around the accelerator stand
LEFTOVERS = ("build",)  # folders that simulators and users' own tools leave in a package


def _vectors(plan: Plan, manifest: Manifest) -> tuple[dict[str, str], Mapping[str, Frames]]:
    """Return frames over the whole range of each input, and what golden makes of them, a beat a
    line in hexadecimal as `$readmemh` takes it; and the results once more as integers, by name."""
    network, rng = plan.network, np.random.default_rng(0)
    x = {name: _random(tensor, rng) for name, tensor in network.inputs.items()}
    y = network.returned(network.run(x))
    files = {}
    for end in (*manifest.inputs, *manifest.outputs):
        stream, values = end.stream, (x if end in manifest.inputs else y)[end.name]
        packed, size = stream.pack(values), stream.beat_bytes
        lines = (packed[at : at + size].hex() for at in range(0, len(packed), size))
        files[vector_file(end)] = "\n".join(lines) + "\n"
    return files, y


def _random(tensor: Tensor, rng: np.random.Generator) -> Frames:
    of, shape = tensor.format, (VECTOR_FRAMES, *tensor.shape)
    assert of is not None
    return of.lo + of.step * rng.integers(0, (of.hi - of.lo) // of.step, shape, endpoint=True)


def _about(end: BorderStream, what: str) -> str:
    of = "" if end.port in (ENTER, LEAVE) else f" of `{end.port}`"
    return f"{what}{of}, a beat a line, for `$readmemh`"


def _notes(manifest: Manifest) -> dict[tuple[str, ...], str]:
    """Return what the Verilog says above the module of each layer."""
    notes: dict[tuple[str, ...], str] = {
        (): "The accelerator: its layers between AXI4-Stream borders.",
        (_AROUND,): "The accelerator between its registers and a mover of frames in memory.",
    }
    for layer in manifest.layers:
        shape = " x ".join(str(n) for n in layer.shape)
        folding = ", ".join(f"{name} {n}" for name, n in asdict(layer.folding).items())
        notes[layer.path] = (
            f"Layer {layer.name[:60]}: makes {shape} of {layer.bits} bits; {folding}; "
            f"busy {layer.busy} clocks a frame"
        )
    return notes


def _header(manifest: Manifest) -> list[str]:
    versions = ", ".join(f"{tool} {number}" for tool, number in manifest.versions.items())
    predicted = manifest.predicted
    pace = (
        f"A frame every {predicted.interval} clocks, {predicted.latency} clocks from its "
        "first beat in to its last beat out."
    )
    reset = f"Reset {manifest.reset}, synchronous, {manifest.reset_level}"
    return [
        f"{manifest.top}: made by {versions}.",
        "This code is yours, under any terms.",
        f"Clock {manifest.clock}, rising edge. {reset}.",
        pace,
    ]


def _files(
    plan: Plan,
    top: str,
    instances: Mapping[str, str],
    rom: Rom,
    progress: Progress | None,
    border: BorderChoice,
) -> tuple[Manifest, dict[str, bytes]]:
    """Return the manifest of a package without hashes, and the files by their paths; all but the
    network and the manifest."""
    inner = accelerator_name(top, border)
    modules = split(Accelerator(plan, instances, watched=border.is_bus), inner, progress)
    models = primitive_files(modules, plan.target.family)
    cells = [name for name in models if name.endswith(".v")]
    manifest = manifest_of(plan, top, instances, rom, cells, border)
    if border.is_bus:
        outside, around = _around(manifest, bytes.fromhex(plan.network.digest))
        modules = (*outside, *modules)
    else:
        around = vendor_files(manifest)
    vectors, y = _vectors(plan, manifest)
    limits, limits_text, limits_about = constraints(manifest)
    about = {
        f"{top}.v": f"the accelerator, plain Verilog-2005, top module `{top}`",
        **{name: about for name, (_, about) in models.items()},
        f"{top}_tb.v": "a testbench that checks itself, plain Verilog-2005",
        "Makefile": "`make sim`, `make lint`",
        f"{top}.core": "for FuseSoC: targets `default`, `sim`, `lint`",
        limits: limits_about,
        **{vector_file(end): _about(end, f"{VECTOR_FRAMES} frames") for end in manifest.inputs},
        **{vector_file(end): _about(end, "exact results") for end in manifest.outputs},
        **{name: about for name, (_, about) in around.items()},
        NETWORK: "the network, for `hwgen simulate` and `hwgen cost`",
        MANIFEST: "all of the above for programs, and the hash of every file",
    }
    uninitialised = manifest.rom == Rom.CASE
    sources = {
        f"{top}.v": write_modules(
            modules,
            _notes(manifest),
            _header(manifest),
            uninitialised=uninitialised,
            attributes=port_attributes(manifest),
            reset_low=top if border.reset_low else "",
        ),
        **{name: text for name, (text, _) in models.items()},
        f"{top}_tb.v": testbench(manifest, VECTOR_FRAMES),
        **vectors,
    }
    texts = {
        **sources,
        "Makefile": makefile(manifest),
        f"{top}.core": core(manifest, sources),
        limits: limits_text,
        **{name: text for name, (text, _) in around.items()},
        "README.md": readme(plan, manifest, y, vectors, about),
    }
    return manifest, {path: text.encode() for path, text in texts.items()}


def _around(
    manifest: Manifest, digest: bytes
) -> tuple[tuple[HardwareModule, ...], dict[str, tuple[str, str]]]:
    """Return the modules around an accelerator, which instantiate it by its name; and what vendors'
    tools and software take of them: each file's path, text and purpose."""
    system, inside = system_of(manifest, digest), manifest.accelerator
    modules = tuple(
        dataclasses.replace(
            module,
            path=(_AROUND, *module.path),
            primitives={cell: of for cell, of in module.primitives.items() if cell != inside},
        )
        for module in split(System(system), manifest.top)
    )
    registers = system.registers
    files, memory_maps = register_files(manifest, registers)
    return modules, {
        **files,
        **vendor_files(manifest, memory_maps),
        **driver_files(manifest, system.mover, registers.reset_of("version"), digest),
    }


def _ours(folder: Path) -> set[str]:
    """Return the files that a package which is there already is made of; of one that another
    version of hwgen wrote, those that are as it wrote them."""
    with contextlib.suppress(StoreError):
        return {*read_manifest(folder).files, MANIFEST}
    return files_as_written(folder)


def check_border(plan: Plan, border: BorderChoice) -> None:
    """Refuse a bus where there are several inputs or outputs, or a package is missing.

    Raises
    ------
    HwgenError : there are
    ToolError : a bus needs what is not installed
    """
    if border.is_bus:
        check_tools()
    network = plan.network
    if border.is_bus and (len(network.inputs) > 1 or len(network.outputs) > 1):
        raise HwgenError(
            f"Border must be axis for {len(network.inputs)} inputs and {len(network.outputs)} "
            f"outputs, not {border.kind}: the frame mover serves one of each. Put a mover of your "
            "own at each stream, or join them in the model, with torch.cat"
        )


def check_place(folder: str | Path) -> Path:
    """Return the absolute path of a folder that a package may be written to.

    Raises
    ------
    OutputFolderError : it is a file, or holds somebody else's files
    """
    return check_folder(folder, _ours, LEFTOVERS)


def write_package(
    plan: Plan,
    folder: str | Path,
    rom: Rom | str = Rom.INITIAL,
    progress: Progress | None = None,
    border: BorderChoice = STREAMS,
) -> Path:
    """Write the package of a plan, whole or not at all; return the folder.

    The folder's name becomes the name of the top module. A package that is there already is
    replaced. The same plan makes the same bytes.

    Parameters
    ----------
    rom : how tables and weights are written; an ASIC's are functions in any case
    progress : called with (module, modules begun, modules)
    border : what is around the accelerator

    Raises
    ------
    HwgenError : the network has several inputs or outputs, which a bus does not serve
    OutputFolderError : the folder cannot be written, or holds somebody else's files
    InternalError : hwgen would not read the package again; nothing has changed
    """
    check_border(plan, border)
    plan = plan.with_layout(border.layout)
    folder = check_place(folder)
    name = top_name(folder.name, cell_names(plan.target.library))
    instances = instances_of(plan)
    manifest, files = _files(plan, name, instances, Rom(rom), progress, border)

    def fill(work: Path) -> None:
        plan.network.save(work / NETWORK)
        files[NETWORK] = (work / NETWORK).read_bytes()
        for path, data in files.items():
            (work / path).parent.mkdir(exist_ok=True)
            (work / path).write_bytes(data)
        hashes = {path: hashlib.sha256(data).hexdigest() for path, data in sorted(files.items())}
        write_manifest(replace(manifest, files=hashes), work)

    def check(work: Path) -> None:
        load(work / read_manifest(work).network)

    try:
        write_folder(folder, fill, check)
    except StoreError as error:  # the network's file
        raise OutputFolderError(f"{folder}: package cannot be written: {error}") from error
    return folder

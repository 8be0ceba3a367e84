"""What simulation needs to know of a package folder, read from its manifest."""

__all__ = ["Layer", "SimulatedPackage", "read_package"]

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwgen.beats import Stream
from hwgen.errors import SimulationError, StoreError
from hwgen.files import TEXT_BYTES, parse_json, read_file


@dataclass(frozen=True)
class Layer:
    """A layer whose output stream can be recorded.

    Attributes
    ----------
    name : the layer's
    node : name of the network's node whose value the stream carries
    path : instances from the top module down
    payload, valid, ready : signals of the last instance
    stream : how the value travels
    """

    name: str
    node: str
    path: tuple[str, ...]
    payload: str
    valid: str
    ready: str
    stream: Stream


@dataclass(frozen=True)
class SimulatedPackage:
    """A package folder as simulation sees it; `target` is the name of the device, if it has one.

    Attributes
    ----------
    primitives : models of the device's cells that the Verilog instantiates
    clock_hz : the plan's, None where the manifest names none
    """

    verilog: Path
    primitives: tuple[Path, ...]
    top: str
    target: str | None
    input: Stream
    output: Stream
    layers: tuple[Layer, ...]
    interval: int | None
    latency: int | None
    clock_hz: int | None = None

    @property
    def parameters(self) -> dict[str, int]:
        """Parameters of the harness."""
        out = self.output
        used_last = out.stream_shape[0] - (out.groups - 1) * out.lanes
        return {
            "IN_BITS": self.input.tdata_bits,
            "IN_BEATS": self.input.beats,
            "OUT_BITS": out.tdata_bits,
            "OUT_BEATS": out.beats,
            "OUT_GROUPS": out.groups,
            "OUT_USED": min(out.lanes, out.stream_shape[0]) * out.bits,
            "OUT_USED_LAST": used_last * out.bits,
        }

    def taps(self) -> str:
        """Return taps.vh: a recorder on the output stream of each layer."""
        return "".join(
            f"hwgen_tap #(.LAYER({number}), .BITS({layer.stream.tdata_bits}), "
            f".BEATS({layer.stream.beats})) tap_{number} (.clk(clk), .rst(rst), "
            f".events(events), .frame(trace_frame), "
            f".payload({_reference(layer.path, layer.payload)}), "
            f".valid({_reference(layer.path, layer.valid)}), "
            f".ready({_reference(layer.path, layer.ready)}));\n"
            for number, layer in enumerate(self.layers)
        )


def _reference(path: Sequence[str], signal: str) -> str:
    # An escaped identifier means the same as a plain one, and may hold anything but white space.
    return ".".join(["dut", *(f"\\{name} " for name in (*path, signal))])


def _layer(entry: Mapping[str, Any]) -> Layer:
    texts = {key: str(entry[key]) for key in ("name", "node", "payload", "valid", "ready")}
    path = tuple(str(name) for name in entry["path"])
    for name in (*path, texts["payload"], texts["valid"], texts["ready"]):
        if not name or re.search(r"\s", name):
            raise ValueError(f"{name!r} is no Verilog identifier")
    # A layer's stream is as wide as its lanes; only the package's border is padded to bytes.
    stream = {key: value for key, value in entry.items() if key != "tdata_bits"}
    return Layer(
        name=texts["name"],
        node=texts["node"],
        path=path,
        payload=texts["payload"],
        valid=texts["valid"],
        ready=texts["ready"],
        stream=Stream.from_manifest(stream, f"layer {texts['name']}"),
    )


def read_package(folder: Path) -> SimulatedPackage:
    """Return what the manifest of a package folder says.

    Raises
    ------
    SimulationError : no package is there, or its manifest is damaged
    """
    path = folder / "manifest.json"
    try:
        manifest: Any = parse_json(read_file(path, TEXT_BYTES), nan=True)
        top, verilog = str(manifest["top"]), folder / str(manifest["verilog"])
        predicted = manifest.get("predicted") or {}
        package = SimulatedPackage(
            verilog=verilog,
            primitives=tuple(folder / str(name) for name in manifest.get("primitives", ())),
            top=top,
            target=str(manifest["target"]) if manifest.get("target") else None,
            input=Stream.from_manifest(manifest["input"], "input"),
            output=Stream.from_manifest(manifest["output"], "output"),
            layers=tuple(_layer(entry) for entry in manifest.get("layers", ())),
            interval=int(predicted["interval"]) if predicted.get("interval") else None,
            latency=int(predicted["latency"]) if predicted.get("latency") else None,
            clock_hz=int(manifest["clock_hz"]) if manifest.get("clock_hz") else None,
        )
    except FileNotFoundError as error:
        raise SimulationError(
            f"Folder must hold a package with a manifest.json, not {folder}; generate one first"
        ) from error
    except StoreError as error:
        raise SimulationError(f"{path}: {error}; generate the package again") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SimulationError(
            f"{path} is damaged ({error!r}); generate the package again"
        ) from error
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_$]*", top):
        raise SimulationError(f"{path}: top must be a plain Verilog name, not {top!r}")
    for path in (verilog, *package.primitives):
        if not path.is_file():
            raise SimulationError(f"{path} is missing; generate the package again")
    return package

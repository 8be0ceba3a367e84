"""What the harness around a package in simulation is built with."""

__all__ = ["harness_parameters", "taps"]

from collections.abc import Sequence

from hwgen.errors import SimulationError
from hwgen.package.border import Border, BorderKind
from hwgen.package.manifest import PackageLayer


def harness_parameters(border: Border) -> dict[str, int]:
    """Return the parameters of the harness for a border.

    Raises
    ------
    SimulationError : the harness drives other borders
    """
    if border.kind != BorderKind.AXI4_STREAM:
        raise SimulationError(
            f"Border must be {BorderKind.AXI4_STREAM} to be simulated, not {border.kind}; generate "
            "the package with that border"
        )
    source, out = border.input.format, border.output.format
    used_last = out.stream_shape[0] - (out.groups - 1) * out.lanes
    return {
        "IN_BITS": source.tdata_bits,
        "IN_BEATS": source.beats,
        "OUT_BITS": out.tdata_bits,
        "OUT_BEATS": out.beats,
        "OUT_GROUPS": out.groups,
        "OUT_USED": min(out.lanes, out.stream_shape[0]) * out.bits,
        "OUT_USED_LAST": used_last * out.bits,
    }


def taps(layers: Sequence[PackageLayer]) -> str:
    """Return taps.vh: a recorder on the output stream of each layer."""
    return "".join(_tap(number, layer) for number, layer in enumerate(layers))


def _tap(number: int, layer: PackageLayer) -> str:
    stream = layer.stream
    payload, valid, ready = (
        _reference(layer.path, name) for name in (layer.payload, layer.valid, layer.ready)
    )
    return (
        f"hwgen_tap #(.LAYER({number}), .BITS({stream.tdata_bits}), .BEATS({stream.beats})) "
        f"tap_{number} (.clk(clk), .rst(rst), .events(events), .frame(trace_frame), "
        f".payload({payload}), .valid({valid}), .ready({ready}));\n"
    )


def _reference(path: Sequence[str], signal: str) -> str:
    # An escaped identifier means the same as a plain one, and may be a keyword.
    return ".".join(["dut", *(f"\\{name} " for name in (*path, signal))])

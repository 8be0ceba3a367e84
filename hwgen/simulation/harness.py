"""What the harness around a package in simulation is built with."""

__all__ = ["ends", "taps"]

from collections.abc import Sequence

from hwgen.package.border import Border, Port, StreamPorts
from hwgen.package.manifest import PackageLayer


def ends(border: Border) -> str:
    """Return ends.vh: an accelerator, with a source at each input and a sink at each output."""
    inputs, outputs = border.inputs, border.outputs
    ports = [port for stream in (*inputs, *outputs) for port in stream.ports]
    error, clear = border.errors
    reset = "~rst" if border.reset_low else "rst"
    joined = [f".{border.clock.name}(clk)", f".{border.reset.name}({reset})"]
    joined += [f".{port.name}({port.name})" for port in ports]
    joined += [f".{error.name}(frame_error)", f".{clear.name}(1'b0)"]
    lines = [
        f"wire [{len(inputs) + len(outputs) - 1}:0] moves;",
        f"wire [{len(outputs) - 1}:0] finished;",
        *(f"wire [{port.bits - 1}:0] {port.name};" for port in ports),
        *(
            f"assign {stream.keep.name} = {{{stream.keep.bits}{{1'b1}}}};"
            for stream in inputs
            if stream.keep
        ),
        f"`HWGEN_TOP dut ({', '.join(joined)});",
        *(_source(number, stream) for number, stream in enumerate(inputs)),
        *(_sink(number, stream, len(inputs)) for number, stream in enumerate(outputs)),
    ]
    return "".join(f"{line}\n" for line in lines)


def _source(number: int, stream: StreamPorts) -> str:
    of = stream.format
    return (
        f'hwgen_source #(.NUMBER({number}), .FILE("stimulus_{number}.bin"), '
        f".BITS({of.tdata_bits}), .BEATS({of.beats})) source_{number} ({_joined(stream)}, "
        f".moves(moves[{number}]));"
    )


def _sink(number: int, stream: StreamPorts, inputs: int) -> str:
    of = stream.format
    beats, used, used_last = of.turn
    return (
        f'hwgen_sink #(.NUMBER({number}), .FILE("output_{number}.hex"), '
        f".BITS({of.tdata_bits}), .BEATS({of.beats}), .GROUPS({beats}), "
        f".USED({used}), .USED_LAST({used_last})) "
        f"sink_{number} ({_joined(stream)}, .user({_name(stream.marked)}), "
        f".moves(moves[{inputs + number}]), .finished(finished[{number}]));"
    )


def _joined(stream: StreamPorts) -> str:
    """Return what sources and sinks are both connected to."""
    return (
        ".clk(clk), .rst(rst), .over(over), .events(events), .frames(frames), .cycle(cycle), "
        f".data({stream.payload.name}), .valid({stream.valid.name}), "
        f".ready({stream.ready.name}), .last({_name(stream.last)})"
    )


def _name(port: Port | None) -> str:
    return port.name if port else "1'b0"


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

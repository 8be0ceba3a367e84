"""The package's README: ports, number formats, and how to read a result."""

__all__ = ["readme"]

import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from hwgen.codegen.entries import vector_file
from hwgen.network.inference import Tensor
from hwgen.package.manifest import BorderStream, Manifest
from hwgen.planning.plan import Plan
from hwgen.targets import Rom

Frames = npt.NDArray[np.int64]

_TRY = """\
- `make sim` runs the vectors through the Verilog with Icarus Verilog, compares every element, and
  ends with `PASS` or with the first difference.
- `make sim STALL=30 SEED=2` stalls both ends at random.
- `make sim WAVES=build/run.vcd` writes a waveform.
- `make sim SIMULATOR=verilator` takes Verilator, 5.006 or later, instead.
- `make lint` checks the Verilog with Verilator or Yosys.
- `fusesoc --cores-root . run --target sim hwgen:generated:@TOP@` is `make sim` with FuseSoC."""

EXAMPLE = 8  # elements that the worked example shows


def _plain(text: object) -> str:
    """Return text that no Markdown reader takes for anything but text, on one line."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
    line = re.sub(r"([\\`*_{}\[\]()#+!|<>~&$:@-])", r"\\\1", line)
    return re.sub(r"(?i)\b(www)\.", r"\1\\.", line)  # no link out of a bare address


def _port_rows(manifest: Manifest) -> list[str]:
    return [
        f"| {port.name} | {port.direction} | {port.bits} | {port.meaning} |"
        for port in manifest.border.ports
    ]


def _stream_lines(manifest: Manifest) -> list[str]:
    inputs, outputs = manifest.inputs, manifest.outputs
    several = len(inputs) > 1 or len(outputs) > 1
    readies = _joined(f"`{end.port}_tready`" for end in inputs)
    valids = _joined(f"`{end.port}_tvalid`" for end in outputs)
    frames = (
        f"A frame is {_beats(inputs)}, and its result {_beats(outputs)}. The beat behind any "
        f"{_joined((f'`{end.port}_tlast`' for end in inputs), 'or')} begins a frame. One with "
        "fewer beats is completed with any, of one with "
        "more those behind its count are dropped; either has a result, with "
        f"{_joined(f'`{end.port}_tuser`' for end in outputs)} high in its last beat, and no frame "
        "enters before that has left. Frames before and behind it are "
        "none the worse. A result's last beat leaves when its frame has come in whole."
    )
    ends = (
        "Frames enter by all inputs in the same order, and each waits for what belongs to it: send "
        "to all at once, and take from all outputs at once, since what one of them holds up holds "
        "up the others."
    )
    reset = (
        f"While `{manifest.reset}` is {manifest.reset_level} no beat moves: {readies} and {valids} "
        "are low."
    )
    return [frames, "", *((ends, "") if several else ()), reset]


def _bus_lines(manifest: Manifest) -> list[str]:
    """Return how frames come out of memory, and results into it."""
    assert manifest.bus is not None
    bus, top = manifest.bus, manifest.top
    (x,), (y,) = manifest.inputs, manifest.outputs
    names = {"axi": "AXI4-Lite", "wishbone": "Wishbone, classic cycles, addresses of words"}
    moves = {
        "axi": "AXI4: bursts of at most 16 words, in order, which cross no 4 KiB",
        "wishbone": "Wishbone: classic cycles with CTI for bursts, addresses of words",
    }
    memory = (
        f"Frames lie in memory, one every {x.stream.frame_bytes} bytes, and so do results, one "
        f"every {y.stream.frame_bytes} bytes (or as the stride registers say), each at an address "
        f"that is a multiple of {bus.width // 8}. The frame mover reads and writes them on `m_*`, "
        f"{moves[bus.kind]}; of a result only the bytes that hold elements are written. Registers "
        f"are on `s_*`, {names[bus.kind]}, 32 bits. The test bench and `hwgen simulate` run the "
        f"accelerator inside, `{manifest.accelerator}`."
    )
    drivers = (
        f"`driver/{top}.h` says how to call the driver, in C11 and without an operating system; "
        f"`driver/{top}_linux.h` is the same over UIO; `hwgen.host.MemoryAccelerator` is the one "
        "for Python. By hand:"
    )
    return [
        memory,
        "",
        drivers,
        "",
        "1. write `source`, `destination`, `frames`, and the strides where they are others,",
        "2. write 1 to `control.start`,",
        "3. wait until `status.busy` is 0, or for `irq`, where `interrupt_enable.done` is 1,",
        "4. look at `fault`; write 1 to what was found in it and in `interrupt_status`.",
        "",
        f"All registers, with what each bit means, are in `registers/{top}_regs.rdl`.",
    ]


def _joined(words: Iterable[str], conjunction: str = "and") -> str:
    return f" {conjunction} ".join(words)


def _beats(ends: Sequence[BorderStream]) -> str:
    """Return how many beats of each end are a frame."""
    if len(ends) == 1:
        return f"{ends[0].beats} beats"
    return _joined(f"{end.beats} beats of `{end.port}`" for end in ends)


_STARTS = {
    Rom.INITIAL: (
        "Weights and other tables stand in `initial` blocks, and so does what registers start "
        "with. Yosys, Vivado and Quartus take these. Lattice's Synplify Pro ignores them, and of "
        "any other tool it is worth a look into its log: `hwgen generate --rom case` writes a "
        "package without."
    ),
    Rom.CASE: (
        "Weights and other tables are functions with a `case`, which every synthesis tool takes: "
        "Yosys, Vivado, Quartus, Synplify Pro, Design Compiler. It is the tool's choice whether "
        "one becomes logic or a memory. No register or memory starts with a value: hold "
        "`@RESET@` @LEVEL@ for a clock before the first beat."
    ),
}


def _tensor_lines(name: str, border: BorderStream) -> list[str]:
    channels, height, width = border.stream_shape
    kind = "two's complement" if border.signed else "unsigned"
    scales = border.scale
    scale = f"{scales[0]!r}" if len(scales) == 1 else "(scale of the channel)"
    order = (
        f"- **{name}**: {channels} channels, {height} rows, {width} columns, as "
        f"{border.beats} beat{'s' if border.beats > 1 else ''} a frame. Pixels go row by row; "
        f"{_shared(border)}, lowest first. Elements are {border.bits} bits, {kind}; "
        f"they stand for values from {border.range[0]} to {border.range[1]}"
        + (": 0 for -1, and 1 for +1." if border.step == 2 else ", as they are.")
    )
    lines = [
        order,
        f"  Real value = {scale} * (value - {border.zero_point}).",
    ]
    if len(scales) > 1:
        lines.append(f"  Scales, from channel 0 up: {', '.join(repr(s) for s in scales)}.")
    if border.steps:
        lines.append(
            f"  What reads them computes {' and then '.join(border.steps)} of the real values, as "
            "`Network.dequantize` does."
        )
    return lines


def _shared(border: BorderStream) -> str:
    """Return how pixels lie in beats."""
    if border.slot:
        return (
            f"element n of a frame is in bits {border.slot}n to {border.slot}n + {border.bits - 1} "
            f"of its words of {border.tdata_bits} bits, a pixel's channels one behind the other"
        )
    pixels = border.stream.used // border.stream_shape[0]
    if pixels > 1:
        return f"{pixels} of them share a beat, each with all its channels"
    return f"a pixel's channels go {border.lanes} a beat"


def _ends(what: str, ends: Sequence[BorderStream]) -> list[str]:
    """Return what is to be known of each input or output."""
    names = [what if len(ends) == 1 else f"{what} {_plain(end.name)}" for end in ends]
    return [line for pair in zip(names, ends, strict=True) for line in _tensor_lines(*pair)]


def _example(border: BorderStream, tensor: Tensor, y: Frames, beats: str) -> list[str]:
    """Return the first result of the vectors of an output, read step by step."""
    channels, height, width = border.stream_shape
    pixel = y[0].reshape(channels, height, width)[:, 0, 0]
    real = tensor.scale * (pixel - tensor.zero_point)
    stream, lines = border.stream, beats.split()
    groups = 1 + stream.place(channels - 1)[0]
    rows = []
    for channel in range(min(channels, EXAMPLE)):
        beat, low = stream.place(channel)
        end = beat - (-(low + border.bits) // stream.tdata_bits)  # it may end in another line
        field = (int("".join(reversed(lines[beat:end])), 16) >> low) & ((1 << border.bits) - 1)
        high = (low + border.bits - 1) % stream.tdata_bits
        rows.append(
            f"| {channel} | {beat} | {high}:{low} | `{field:x}` | "
            f"{pixel[channel]} | {float(real[channel])!r} |"
        )
    return [
        f"The first pixel of the first frame in `{vector_file(border)}` is its first {groups} "
        f"line{'s' if groups > 1 else ''}"
        + (
            f"; of its {channels} channels these are the first {EXAMPLE}:"
            if channels > EXAMPLE
            else ":"
        ),
        "",
        "| channel | line | bits | hexadecimal | element | real value |",
        "|---|---|---|---|---|---|",
        *rows,
        "",
    ]


def readme(
    plan: Plan,
    manifest: Manifest,
    y: Mapping[str, Frames],
    vectors: Mapping[str, str],
    files: Mapping[str, str],
) -> str:
    """Return the text of the README of a package.

    Parameters
    ----------
    y : the results of the vectors of each output, (frames, *output shape) integers
    vectors : the files of vectors, a beat a line
    files : what each file of the package is
    """
    top = manifest.top
    inside = manifest.accelerator
    layers = [
        f"| {_plain(stage.name)} | `{inside}__{entry.path[0]}` | {stage.folding.pe} | "
        f"{stage.folding.simd} | {entry.busy} |"
        for stage, entry in zip(plan.stages, manifest.layers, strict=True)
    ]
    pace = (
        f"A frame every {plan.interval} clocks, {plan.latency} clocks from a frame's first beat in "
        f"to its last beat out: {plan.frames_per_second:.0f} frames a second at "
        f"{plan.clock_hz / 1e6:g} MHz."
    )
    examples = [
        line
        for end in manifest.outputs
        for line in _example(
            end, plan.network.outputs[end.name], y[end.name], vectors[vector_file(end)]
        )
    ]
    left_over = (
        "Where a frame does not fill its last word, the bits left over are zero."
        if manifest.inputs[0].slot
        else "Where a pixel's channels do not fill its last beat, the lanes left over mean nothing."
    )
    lines = [
        f"# {_plain(top)}",
        "",
        f"Made by hwgen {manifest.versions['hwgen']}. This code is yours, under any terms.",
        "",
        pace,
        "",
        "## Try it",
        "",
        _TRY.replace("@TOP@", top),
        "",
        "## Ports",
        "",
        "| port | direction | bits | meaning |",
        "|---|---|---|---|",
        *_port_rows(manifest),
        "",
        *(_bus_lines(manifest) if manifest.bus else _stream_lines(manifest)),
        "",
        "## Numbers",
        "",
        *_ends("Input", manifest.inputs),
        *_ends("Output", manifest.outputs),
        "",
        left_over,
        "",
        "## How to read a result",
        "",
        *examples,
        "## Layers",
        "",
        "| layer | module | pe | simd | busy clocks a frame |",
        "|---|---|---|---|---|",
        *layers,
        "",
        "## Synthesis",
        "",
        _STARTS[manifest.rom]
        .replace("@RESET@", manifest.reset)
        .replace("@LEVEL@", manifest.reset_level),
        "",
        "## Files",
        "",
        *(f"- `{name}`: {what}" for name, what in files.items()),
        "",
    ]
    return "\n".join(lines)

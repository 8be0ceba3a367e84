"""The package's README: ports, number formats, and how to read a result."""

__all__ = ["readme"]

import re
from typing import Any

from hwgen.planning.plan import Plan


def _plain(text: object) -> str:
    """Return text that no Markdown reader takes for anything but text, on one line."""
    return re.sub(r"([\\`*_{}\[\]()#+!|<>~&-])", r"\\\1", " ".join(str(text).split()))


def _port_rows(manifest: dict[str, Any]) -> list[str]:
    rows = [
        "| clk | in | 1 | clock, rising edge |",
        "| rst | in | 1 | synchronous reset, active high |",
    ]
    for prefix, name, into in (("s_axis", "input", True), ("m_axis", "output", False)):
        border = manifest[name]
        forward, back = ("in", "out") if into else ("out", "in")
        what = f"{border['lanes']} x {border['bits']} bits, from bit 0 up"
        rows += [
            f"| {prefix}_tdata | {forward} | {border['tdata_bits']} | {what} |",
            f"| {prefix}_tvalid | {forward} | 1 | AXI4-Stream |",
            f"| {prefix}_tready | {back} | 1 | AXI4-Stream |",
            f"| {prefix}_tlast | {forward} | 1 | last beat of a frame |",
        ]
    rows.append("| frame_error | out | 1 | high for good once s_axis_tlast came at a wrong beat |")
    return rows


def _tensor_lines(name: str, border: dict[str, Any]) -> list[str]:
    channels, height, width = border["stream_shape"]
    kind = "signed" if border["signed"] else "unsigned"
    scale = border["scale"][0] if len(border["scale"]) == 1 else "scale of the channel"
    return [
        f"- **{name}**: {channels} channels, {height} rows, {width} columns, as "
        f"{border['beats']} beats a frame. Pixels go row by row; a pixel's channels go "
        f"{border['lanes']} a beat, lowest first. Elements are {border['bits']} bits, {kind}.",
        f"  Real value = {scale} * (element - {border['zero_point']}).",
    ]


def readme(plan: Plan, manifest: dict[str, Any]) -> str:
    """Return the text of the README of a package."""
    top = manifest["top"]
    layers = [
        f"| {_plain(stage.name)} | `{top}_{entry['path'][0]}` | {stage.folding.pe} | "
        f"{stage.folding.simd} | {stage.engine.busy} |"
        for stage, entry in zip(plan.stages, manifest["layers"], strict=True)
    ]
    lines = [
        f"# {_plain(top)}",
        "",
        f"Made by hwgen {manifest['versions']['hwgen']}. This code is yours, under any terms.",
        "",
        f"A frame every {plan.interval} clocks, {plan.latency} clocks from a frame's first beat in "
        f"to its last beat out: {plan.frames_per_second:.0f} frames a second at "
        f"{plan.clock_hz / 1e6:g} MHz.",
        "",
        "## Ports",
        "",
        "| port | direction | bits | meaning |",
        "|---|---|---|---|",
        *_port_rows(manifest),
        "",
        "## Numbers",
        "",
        *_tensor_lines("Input", manifest["input"]),
        *_tensor_lines("Output", manifest["output"]),
        "",
        "Where a pixel's channels do not fill its last beat, the lanes left over mean nothing.",
        "",
        "## Layers",
        "",
        "| layer | module | pe | simd | busy clocks a frame |",
        "|---|---|---|---|---|",
        *layers,
        "",
        "## Files",
        "",
        f"- `{top}.v`: the accelerator, plain Verilog-2005, top module `{top}`",
        "- `manifest.json`: all of the above for programs, and the hash of every file",
        "- `network.net`: the network, for `hwgen simulate` and `hwgen cost`",
        "- `vectors/input.hex`, `vectors/output.hex`: frames and their exact results, a beat a "
        "line, for `$readmemh`",
        "",
    ]
    return "\n".join(lines)

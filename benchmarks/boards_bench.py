"""What the demo's network takes on each board, as a bitstream: docs/boards.md.

python benchmarks/boards_bench.py        after `make demo`; ten minutes of one processor
"""

import tempfile
from pathlib import Path

from comparison_bench import between
from rich.console import Console

from hwgen.building import BOARDS, build
from hwgen.building.summary import Build
from hwgen.network import load
from hwgen.targets import get_target

ROOT = Path(__file__).resolve().parent.parent
PAGE, NETWORK = ROOT / "docs/boards.md", ROOT / "build/digits/network.net"
TITLES = (
    *("board", "LUT", "FF", "DSP", "memories", "clock, MHz", "Fmax, MHz"),
    *("digits a second, accelerator", "over the line"),
)


def row(name: str, built: Build) -> str:
    """Return a board's line."""
    target = get_target(name)
    used = (
        f"{built.used['luts']:,} of {target.luts:,}",
        f"{built.used['ffs']:,}",
        f"{built.used['dsps']}",
        f"{built.used['block_rams']} of {target.block_rams}",
        f"{built.clock_hz / 1e6:g}",
        f"{built.fmax_mhz:.1f}",
        f"{built.frames_per_second['accelerator']:,.0f}",
        f"{built.frames_per_second['link']:,.0f}",
    )
    return f"| `{name}` | {' | '.join(used)} |"


def main() -> None:
    """Build for every board, and write the page."""
    console, network = Console(stderr=True), load(NETWORK)
    lines = [
        f"| {' | '.join(TITLES)} |",
        "| --- " + "| ---: " * 8 + "|",
    ]
    with tempfile.TemporaryDirectory() as folder:
        for name in BOARDS:
            lines.append(row(name, build(network, Path(folder) / name, target=name)))
            console.print(lines[-1])
    between(PAGE, "boards", "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

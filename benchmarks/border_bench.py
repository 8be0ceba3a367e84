"""What each border of a package costs, and how near to a word a clock it moves frames.

Run as a script; `--write` puts the table into docs/soc.md. The network is a small one at its
smallest, 64-32-10 of 4 bits; what a border costs depends on its width and its formats, not on the
network. LUTs, flip-flops and memories are yosys' of the whole package, less those of the same
package with streams as its first and last layers like them.
"""

import argparse
import tempfile
from pathlib import Path

from constant_bench import ROOT, table
from unrolled_bench import mlp

import hwgen

PAGE = ROOT / "docs/soc.md"
BEGIN, END = "<!-- begin of border_bench -->\n", "<!-- end of border_bench -->\n"
TARGETS = ("ulx3s-85f", "ice40-hx8k")
BORDERS = {
    "AXI4-Stream, as the layers like it": {},
    "AXI4-Stream, 32 bits, bytes": {"width": 32},
    "AXI4-Stream, 32 bits, dense": {"width": 32, "elements": "dense"},
    "AXI4-Stream, 64 bits, dense": {"width": 64, "elements": "dense"},
    "AXI, 32 bits": {"border": "axi", "width": 32},
    "AXI, 64 bits": {"border": "axi", "width": 64},
    "AXI, 64 bits, 40 of addresses": {"border": "axi", "width": 64, "address_bits": 40},
    "Wishbone, 32 bits": {"border": "wishbone", "width": 32},
}


def measured(target: str) -> dict[str, tuple[int, int, int]]:
    """Return LUTs, flip-flops and memories of the package with each border."""
    plan = hwgen.plan(mlp((64, 32, 10), 4, 0.0, 1, False), target=target, goal="min area")
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, border in BORDERS.items():
            package = hwgen.generate(plan, Path(folder) / "net", **border)
            cost = package.cost("synth")
            found[name] = (cost.luts, cost.ffs, cost.block_rams)
            print(target, name, *found[name], flush=True)
    return found


def main() -> None:
    """Measure all, and write the page if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--write", action="store_true", help="put the table into docs/soc.md")
    given = parser.parse_args()
    of = {target: measured(target) for target in TARGETS}
    rows = []
    for name in BORDERS:
        row = [name]
        for found in of.values():
            base = found[next(iter(BORDERS))]
            row += [str(a - b) for a, b in zip(found[name], base, strict=True)]
        rows.append(row)
    columns = [f"{target} {what}" for target in TARGETS for what in ("LUT", "FF", "RAM")]
    text = table(("border", *columns), rows[1:])
    print(text)
    if given.write:
        page = PAGE.read_text()
        before, _, rest = page.partition(BEGIN)
        PAGE.write_text(before + BEGIN + text + END + rest.partition(END)[2])


if __name__ == "__main__":
    main()

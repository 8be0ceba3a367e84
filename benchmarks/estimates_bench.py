"""Estimates beside synthesis, by family: docs/estimates.md, and the coefficients themselves.

python benchmarks/estimates_bench.py                    refit all families, and write everything
python benchmarks/estimates_bench.py --families gowin   some of them; the others stay as they are
python benchmarks/estimates_bench.py --streams          fit what streams alone are made of
python benchmarks/estimates_bench.py --documents        write the document from the last run

Synthesis is cached: a run that was ended goes on where it was.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from comparison_bench import FORMATS, between
from rich.console import Console

import hwgen
from hwgen.cli.progress import bar
from hwgen.errors import PlanError
from hwgen.formats import Codebook, Fixed, Format, parse_format
from hwgen.network import Conv2d, Flatten, Input, Linear, MaxPool2d, Network, Node, Requantize
from hwgen.planning.estimate.coefficients import coefficients_of, write_coefficients
from hwgen.refit.fitting import errors_of
from hwgen.refit.measuring import measure
from hwgen.refit.refit import FITTED, TESTED, refit, refit_streams
from hwgen.refit.sampled import as_sample
from hwgen.refit.samples import SAMPLED

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/estimates.md"
RESULTS = ROOT / "benchmarks/results/estimates.json"
GOALS = ("20000 fps", "2000 fps")  # the first that can be reached


def network(format_name: str) -> Network:
    """Return a network of the demo's shape with weights of a format, most of them small, as
    training leaves them."""
    rng = np.random.default_rng(7)
    wanted = parse_format(format_name.partition("/")[0])
    x = Fixed(4, False)
    nodes = [Node("input", Input((1, 8, 8), x, np.array([1.0])))]
    shapes = {"conv1": (8, 1, 3, 3), "conv2": (16, 8, 3, 3), "fc": (10, 64)}
    for name, shape in shapes.items():
        of, weight = _drawn(rng, wanted, shape)
        bias = rng.integers(-60, 61, shape[0])
        scale = np.array([1.0])
        if name == "fc":
            nodes.append(Node("flatten", Flatten(), (nodes[-1].name,)))
            op: Conv2d | Linear = Linear(weight, bias, of, scale)
            nodes.append(Node(name, op, ("flatten",)))
            after = Fixed(8)
        else:
            op = Conv2d(weight, bias, of, scale, padding=(1, 1))
            nodes.append(Node(name, op, (nodes[-1].name,)))
            after = x
        reach = int(np.abs(weight.reshape(shape[0], -1)).sum(axis=1).max() * 8)
        shift = max(0, reach.bit_length() + 8 - after.bits)
        by = rng.integers(128, 256, shape[0])
        down = Requantize(by, np.array([shift]), after, scale)
        nodes.append(Node(f"{name}_down", down, (name,)))
        if name != "fc":
            nodes.append(Node(f"{name}_pool", MaxPool2d((2, 2), (2, 2)), (f"{name}_down",)))
    return Network(tuple(nodes))


def _drawn(
    rng: np.random.Generator, of: Format, shape: tuple[int, ...]
) -> tuple[Format, np.ndarray]:
    """Return a format, a book with its entries, and weights in it."""
    real = rng.normal(0, 0.3, shape)
    if isinstance(of, Codebook):
        ends = np.quantile(real, np.linspace(0.02, 0.98, 1 << of.index_bits))
        entries = tuple(sorted({int(entry) for entry in np.rint(ends * 120)}))
        of, top = Codebook(of.index_bits, of.entry_bits, entries), 120
    else:
        top = max(abs(of.lo), of.hi)
    wanted = real.clip(-1, 1) * top
    return of, of.levels[np.abs(wanted[..., None] - of.levels).argmin(axis=-1)]


def whole_networks(family: str, formats: list[str], console: Console) -> list[dict[str, Any]]:
    """Return, of the demo's shape in some formats, counts and what synthesis found."""
    plans = []
    for name in formats:
        for goal in GOALS:
            try:
                plans.append(hwgen.plan(network(name), target=SAMPLED[family], goal=goal))
                break
            except PlanError as error:
                console.print(f"{family} {name}: {error}", soft_wrap=True)
    if not plans:
        return []
    measured = measure(plans, timeout=None)
    samples = [as_sample(*args) for args in zip(formats, plans, measured, strict=True)]
    return [_plain(sample) for sample in samples]


def _plain(sample) -> dict[str, Any]:
    counts = {name: round(count, 2) for name, count in sorted(sample.counts.items()) if count}
    return {"name": sample.name, "luts": sample.luts, "counts": counts}


def errors_table(results: dict[str, Any], what: str) -> str:
    """Return how far estimates are from synthesis, a line a family."""
    lines = [
        "| family | designs | LUT, median | LUT, 90th percentile | bias | Spearman |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for family, found in results.items():
        if not found.get(what):
            continue
        errors = errors_of(*figures(family, found[what]))
        lines.append(
            f"| {family} | {errors.count} | {errors.median:.1%} | {errors.most:.1%} | "
            f"{errors.bias:+.1%} | {errors.rank:.3f} |"
        )
    return "\n".join(lines) + "\n"


def figures(family: str, designs: list[dict[str, Any]]) -> tuple[list[float], list[float]]:
    """Return what is estimated of designs, and what synthesis found."""
    coefficients = coefficients_of(family)
    estimated = [coefficients.cost(design["counts"]) for design in designs]
    return estimated, [design["luts"] for design in designs]


def networks_table(results: dict[str, Any]) -> str:
    """Return estimated and synthesised LUTs of whole networks, a line a format."""
    lines = [
        "| weights | " + " | ".join(results) + " |",
        "| --- |" + " ---: |" * len(results),
    ]
    for name in FORMATS:
        cells = []
        for family, found in results.items():
            of_it = [design for design in found["networks"] if design["name"] == name]
            pairs = zip(*figures(family, of_it), strict=True)
            cells += [f"{estimated:,.0f} / {luts:,}" for estimated, luts in pairs] or ["-"]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def save(results: dict[str, Any]) -> None:
    """Keep results, a design a line."""
    text = json.dumps(results, indent=None, separators=(",", ":"))
    RESULTS.write_text(text.replace('{"name"', '\n{"name"') + "\n")


def write(results: dict[str, Any]) -> None:
    """Write the document."""
    between(PAGE, "unseen", errors_table(results, "unseen"))
    between(PAGE, "streams", errors_table(results, "streams"))
    between(PAGE, "networks", errors_table(results, "networks"))
    between(PAGE, "formats", networks_table(results))


def main() -> None:
    """Refit, synthesise whole networks, and write the document."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--families", default=",".join(SAMPLED))
    parser.add_argument("--fitted", type=int, default=FITTED)
    parser.add_argument("--tested", type=int, default=TESTED)
    parser.add_argument("--formats", default=",".join(FORMATS), help="of the whole networks")
    parser.add_argument("--streams", action="store_true", help="the rest stays as it was fitted")
    parser.add_argument("--documents", action="store_true", help="of the last run")
    arguments = parser.parse_args()
    console = Console(stderr=True)
    formats = [name for name in FORMATS if name in arguments.formats.split(",")]
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    if not arguments.documents:
        with bar("Refitting", console) as move:
            for family in arguments.families.split(","):
                if arguments.streams:
                    streams = refit_streams(family, coefficients_of(family), progress=move)
                    write_coefficients({family: streams.coefficients})
                    results[family]["streams"] = [_plain(sample) for sample in streams.unseen]
                    save(results)
                    continue
                done = refit(
                    family, fitted=arguments.fitted, tested=arguments.tested, progress=move
                )
                write_coefficients({family: done.coefficients})
                results[family] = {
                    "fitted": done.fitted.count,
                    "unseen": [_plain(sample) for sample in done.unseen],
                    "streams": [_plain(sample) for sample in done.streams.unseen],
                    "networks": whole_networks(family, formats, console),
                }
                save(results)
    write(results)


if __name__ == "__main__":
    main()

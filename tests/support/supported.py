"""docs/supported.md, made of the code's tables: `cd tests && python -m support.supported`."""

__all__ = ["PAGE", "page"]

import operator
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

import hwgen.network as ops
from hwgen.compression.recipes.prune_recipe import PruneRecipe
from hwgen.compression.recipes.quantize_recipe import MAX_TABLES, QuantizeRecipe
from hwgen.importers.exported.calls import ATEN
from hwgen.importers.onnx.operators import CONVERT as ONNX
from hwgen.importers.tflite.operators import CONVERT as TFLITE
from hwgen.network.ops import OPS
from hwgen.planning.implementations import WAYS
from hwgen.planning.layers.orders import ORDERS, Order
from hwgen.torch_graph.functions.activations import ACTIVATIONS
from hwgen.torch_graph.functions.arithmetic import ARITHMETIC
from hwgen.torch_graph.functions.ends import COMPARISONS
from hwgen.torch_graph.functions.ends import FUNCTIONS as HOSTED
from hwgen.torch_graph.functions.ends import MODULES as HOST_MODULES
from hwgen.torch_graph.functions.joins import JOINS
from hwgen.torch_graph.functions.pads import PADS as PADDING
from hwgen.torch_graph.functions.pools import POOLS as POOLING
from hwgen.torch_graph.functions.shapes import SHAPES
from hwgen.torch_graph.modules.transposed import TRANSPOSED
from hwgen.torch_graph.moving import MOVING, MOVING_MODULES
from hwgen.torch_graph.one_value import CLAMPS, CURVES
from hwgen.torch_graph.pools import POOLS
from hwgen.torch_graph.support import CONVOLUTIONS, DROPPED, INSTEAD, NORMS, PADS
from support.idioms import IDIOMS, REFUSED

PAGE = Path(__file__).resolve().parents[2] / "docs/supported.md"
WEIGHTS = "weights, accumulator, layers, per_channel, equalize, correct_bias; all pruning"
MADE_BY = """\
Made by `cd tests && python -m support.supported` from the tables that the code itself reads. Each
way of writing below is imported by `tests/hwgen/test_idioms.py` as it is written, and torch equals
golden on 64 inputs in every bit; `tests/hwgen/test_published.py` does so with whole networks."""
POINTS = "activations, scales, asymmetric, calibration, steps"


@dataclass(frozen=True)
class Group:
    """Rows of torch that become the same.

    modules, functions : as torch names them
    becomes : ops of the network, and what is said of them
    recipe : options that bear on it
    limits : where it ends
    """

    title: str
    modules: Iterable[Any]
    functions: Iterable[Any]
    becomes: Sequence[type[Any]]
    recipe: str
    limits: str
    note: str = ""


GROUPS = (
    Group(
        "Layers with weights",
        (*CONVOLUTIONS, nn.Linear),
        (),
        (ops.Conv1d, ops.Conv2d, ops.Linear),
        WEIGHTS,
        "a Linear works on the last axis of any value; convolutions of one and two axes, any "
        "stride, dilation, groups, padding and padding mode; each used once",
    ),
    Group(
        "Transposed convolutions",
        TRANSPOSED,
        (),
        (ops.Conv1d, ops.Conv2d, ops.PixelShuffle, ops.Slice),
        WEIGHTS,
        "any stride, padding, output_padding, dilation and groups; each used once",
        "a convolution that makes the phases of each pixel, put side by side",
    ),
    Group(
        "Batch norm",
        NORMS,
        (),
        (ops.Affine,),
        "frozen_norms",
        "with running statistics; LayerNorm, GroupNorm and InstanceNorm are not constants",
        "folded into neighbours where that is exact, else a factor and an offset a channel",
    ),
    Group(
        "Clamps",
        CLAMPS,
        (),
        (),
        POINTS,
        "between two numbers",
        "the ends of a requantizer",
    ),
    Group(
        "Other functions of one value",
        CURVES,
        (t for t in ACTIVATIONS if t not in (F.dropout, F.dropout2d)),
        (ops.Table, ops.Threshold),
        "tables; " + POINTS,
        f"at most {MAX_TABLES} bits enter a table; slopes of a PReLU one a channel",
        "behind a requantizer, entry by entry; thresholds where they rise and are cheaper",
    ),
    Group(
        "Constants and sums",
        (),
        ARITHMETIC,
        (ops.Add, ops.Affine, ops.Multiply),
        POINTS,
        "constants one for all or one a channel; of two values one may be (channels, 1, 1), "
        "(1, height, width) or one number",
    ),
    Group(
        "Joins",
        (),
        JOINS,
        (ops.Concat, ops.Maximum, ops.Minimum),
        POINTS,
        "concatenation of channels or features; the larger and the smaller of values of one shape",
    ),
    Group(
        "Pools and reductions",
        POOLS,
        POOLING,
        (ops.MaxPool1d, ops.MaxPool2d, ops.AvgPool1d, ops.AvgPool2d, ops.PositionScale),
        POINTS,
        "without indices; ceil_mode, count_include_pad, divisor_override, dilation and uneven "
        "adaptive sizes as torch has them; means, sums and maxima over positions",
    ),
    Group(
        "Zeros around a value",
        PADS,
        PADDING,
        (ops.Pad,),
        "",
        "any number on any side; other constants and negative padding as elements that move",
        "padding of the convolution or pool that takes it, where it can be",
    ),
    Group(
        "Elements in another order",
        (nn.Flatten, nn.PixelShuffle, nn.PixelUnshuffle, *MOVING_MODULES),
        (*SHAPES, *MOVING),
        (*(op for op in ORDERS if op is not Order),),
        "",
        "what is found by running it on numbers; upsampling to the nearest neighbour alone",
        "no hardware where it only renames: the next weights take it",
    ),
    Group(
        "On the host, at the end",
        HOST_MODULES,
        HOSTED,
        (),
        "output",
        "where nothing but an argmax comes after",
        "a step of `network.dequantize` and of the host's class",
    ),
    Group(
        "Decisions, at the end",
        (),
        (*COMPARISONS, torch.argmax),
        (ops.ArgMax, ops.Threshold),
        "",
        "argmax over features; > and >= of a number",
    ),
    Group("Left out", DROPPED, (F.dropout, F.dropout2d), (), "", "in training they are there"),
)


def page() -> str:
    """Return the text of the page."""
    parts = [
        "# What hwgen takes",
        MADE_BY,
        "## Modules and functions of PyTorch",
        "Options are those of `QuantizeRecipe` (docs/compression.md).",
        _groups(),
        "## Ways of writing that are tried",
        ", ".join(f"`{name}`" for name in IDIOMS if name not in REFUSED) + ".",
        "## What is refused, and what to use instead",
        _table(("written as", "instead"), sorted(_ways_out().items())),
        "Ways of writing that are tried and refused: "
        + ", ".join(f"`{name}`" for name in REFUSED)
        + ". Recurrent layers and attention are not there yet.",
        "## Ops of a network",
        "For networks put together by hand, and for what files become.",
        _ops(),
        "## Recipes",
        _recipes(),
        "## Files",
        _files(),
    ]
    return "\n\n".join(parts) + "\n"


def _groups() -> str:
    rows = []
    for group in GROUPS:
        modules = ", ".join(f"`{kind.__name__}`" for kind in dict.fromkeys(group.modules))
        calls = ", ".join(f"`{name}`" for name in _names(group.functions))
        becomes = ", ".join(f"`{op.__name__}`" for op in group.becomes)
        becomes = "; ".join(part for part in (becomes, group.note) if part)
        written = "; ".join(part for part in (modules, calls) if part)
        hardware = _hardware(group.becomes)
        rows.append((group.title, written, becomes, hardware, group.recipe, group.limits))
    return _table(("", "written as", "becomes", "hardware", "options", "limits"), rows)


def _hardware(kinds: Iterable[type[Any]]) -> str:
    ways = [way.title for kind in kinds for way in WAYS.get(Order if kind in ORDERS else kind, ())]
    return ", ".join(dict.fromkeys(ways))


def _names(functions: Iterable[Any]) -> list[str]:
    """Return names, each once: of a function of torch's in-place or not, and of a method."""
    found = set()
    for target in functions:
        name = target if isinstance(target, str) else getattr(target, "__name__", "")
        name = name.strip("_")
        if target is operator.getitem:
            name = "x[...]"
        if name:
            found.add(name)
    return sorted(found)


def _ways_out() -> dict[str, str]:
    by_way: dict[str, list[str]] = {}
    for name, way in INSTEAD.items():
        by_way.setdefault(way, []).append(f"`{name}`")
    return {", ".join(names): way for way, names in by_way.items()}


def _ops() -> str:
    rows = []
    for op in OPS:
        summary = re.split(r"\n\s*\n", op.__doc__ or "")[0]
        rows.append((f"`{op.__name__}`", " ".join(summary.split()), _hardware([op])))
    return _table(("op", "what it computes", "hardware"), rows)


def _recipes() -> str:
    rows = []
    for recipe in (PruneRecipe, QuantizeRecipe):
        said = _said(recipe.__doc__ or "")
        for one in fields(recipe):
            rows.append((f"`{recipe.__name__}.{one.name}`", said[one.name]))
    return _table(("option", ""), rows)


def _files() -> str:
    rows = [
        (
            "`.tflite`",
            "int8, and convolutions of int16, equal to LiteRT's reference kernels",
            TFLITE,
        ),
        ("`.onnx`", "QONNX and QDQ, equal in exact arithmetic (docs/onnx.md)", ONNX),
        ("`.pt2`", "of `torch.export`, quantized by PT2E", [str(name) for name in ATEN]),
    ]
    head = ("file", "what it holds", "operators")
    return _table(
        head, [(f, w, ", ".join(f"`{n}`" for n in sorted(names))) for f, w, names in rows]
    )


def _said(docstring: str) -> dict[str, str]:
    """Return what a docstring says of each field: lines "name, name : text" and what hangs."""
    found: dict[str, str] = {}
    names: list[str] = []
    for line in docstring.split("Raises")[0].splitlines():
        head = re.fullmatch(r"    (\w+(?:, \w+)*) : (.*)", line)
        if head:
            names = head[1].split(", ")
            found.update(dict.fromkeys(names, head[2]))
        elif line.startswith("     ") and names:
            found.update({name: f"{found[name]} {line.strip()}" for name in names})
        else:
            names = []
    return found


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(c.replace("|", "\\|") for c in line) + " |" for line in lines
    )


if __name__ == "__main__":
    PAGE.write_text(page())

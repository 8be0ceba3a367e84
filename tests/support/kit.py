"""The kit: one op, one format, one folding, one kind of sparsity, and all that must hold of them.

The layer under test is the first of a small module: compressed in PyTorch, imported, planned with
one folding, and its engine simulated as a component.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
import torch
from amaranth.hdl import Module, Signal
from torch import nn

import hwgen
from hwgen.compression import PruneRecipe, QuantizeRecipe, Recipe
from hwgen.network import Network
from hwgen.planning.implementations import core_for
from hwgen.planning.implementations.dsp_array import blocks_for
from hwgen.planning.implementations.weight_shared import sums_by_entry
from hwgen.planning.layers.find import find_layers
from hwgen.planning.layers.folding import Folding, array_foldings
from hwgen.planning.layers.layer import Layer
from hwgen.targets import get_target
from hwgen_rtl_templates.adder_row import AdderRow
from hwgen_rtl_templates.adder_row_ecp5 import Ecp5AdderRow
from hwgen_rtl_templates.counts import counts_of
from hwgen_rtl_templates.dsp_array import DspArray
from hwgen_rtl_templates.engine import EngineParameters
from hwgen_rtl_templates.mac import MacArray, MacParameters
from hwgen_rtl_templates.multiplier import Multiplier
from hwgen_rtl_templates.pasm import PasmArray
from hwgen_rtl_templates.weights import WeightMemory
from support.engines import check_full_rate, check_pixels
from support.meanings import compare_text, compare_torch
from support.word_level import word_level

OPS = ("linear", "conv", "strided", "grouped", "depthwise")
FORMATS = (
    *(f"int{bits}/uint{bits}" for bits in (2, 3, 4, 5, 6, 7, 8)),
    *("int8/int8", "int12/uint6", "int4/uint8", "int6/binary"),
    *("binary/binary", "binary/uint4", "ternary/uint4", "ternary/binary"),
    *("pot3/uint4", "pot4/uint8", "pot4x2/uint4"),
    *("cb2:6/uint4", "cb4:8/uint8", "cb3:7/binary"),
)
FOLDINGS = ("one", "rows", "columns", "whole", "between", "blocks", "entries")
SPARSITIES = ("dense", "channels", "shapes", "stripes", "weights")
TARGETS = {"ecp5": get_target("ulx3s-85f"), "ice40": get_target("icebreaker")}
FRAMES = 2


class PlainEcp5AdderRow(AdderRow):
    """The additions that an array for ECP5 is made of, without the cells."""

    longest = Ecp5AdderRow.longest
    takes = Ecp5AdderRow.takes


@dataclass(frozen=True)
class Subject:
    """What is tested.

    op, format, folding, sparsity : one of `OPS`, `FORMATS`, `FOLDINGS`, `SPARSITIES`
    seed : of weights, inputs, zero points, and of which folding of its class
    """

    op: str
    format: str
    folding: str
    sparsity: str
    seed: int

    @property
    def possible(self) -> bool:
        """Whether there is such a thing."""
        if self.folding == "entries" and not self.format.startswith("cb"):
            return False
        if self.op == "depthwise" and self.folding == "columns":
            return False
        if self.sparsity in ("dense", "channels"):
            return True
        if self.format.startswith("binary"):  # -1 and +1: no zero to prune to
            return False
        return self.sparsity != "stripes" or self.op != "linear"

    @property
    def rng(self) -> np.random.Generator:
        """Where everything random comes from."""
        return np.random.default_rng([self.seed, *map(ord, f"{self.op}{self.format}")])


def subjects() -> Iterator[Subject]:
    """Yield one of everything there is."""
    each = product(OPS, FORMATS, FOLDINGS, SPARSITIES)
    found = (Subject(*kinds, seed) for seed, kinds in enumerate(each))
    return (subject for subject in found if subject.possible)


def module_of(subject: Subject) -> tuple[nn.Module, torch.Tensor]:
    """Return a module whose first layer is the one under test, and inputs."""
    rng = subject.rng
    torch.manual_seed(subject.seed)
    channels, outputs, size = (int(n) for n in rng.integers((2, 2, 3), (4, 6, 5)))
    if subject.op == "linear":
        x = torch.tensor(rng.standard_normal((4, channels * 4))).float()
        first = nn.Linear(channels * 4, outputs)
        return nn.Sequential(first, nn.ReLU(), nn.Linear(outputs, 3)), x
    options = {"padding": int(rng.integers(2)), "bias": bool(rng.integers(2))}
    if subject.op == "strided":
        options |= {"stride": 2, "dilation": int(rng.integers(1, 3)), "padding": 2}
    if subject.op == "grouped":
        channels, outputs = 4, 4
        options["groups"] = 2
    if subject.op == "depthwise":
        outputs = channels
        options["groups"] = channels
    kernel = (int(rng.integers(1, 3)), 3) if subject.op != "strided" else 2
    x = torch.tensor(rng.standard_normal((4, channels, size, size + 1))).float()
    first = nn.Conv2d(channels, outputs, kernel, **options)
    return nn.Sequential(first, nn.ReLU(), nn.Conv2d(outputs, 3, 1)), x


def compressed(subject: Subject) -> tuple[nn.Module, torch.Tensor, Network]:
    """Return a compressed module, inputs, and its network."""
    model, x = module_of(subject)
    weights, activations = subject.format.split("/")
    share = {} if subject.sparsity == "dense" else {subject.sparsity: 0.5}
    rng = subject.rng
    quantize = QuantizeRecipe(
        weights=weights,
        activations=activations,
        input="binary" if activations == "binary" else activations,
        output="int8",
        asymmetric=bool(rng.integers(2)) and weights.startswith("int"),
        scales=("free", "power_of_two")[int(rng.integers(2))],
        per_channel=bool(rng.integers(2)),
    )
    prune = PruneRecipe(**share, epochs=0, group=2) if share else None
    done = hwgen.compress(model, Recipe(prune, quantize), calibration=[x], example=x[:1])
    return done.module, x, hwgen.import_torch(done.module, x[:1])


def folding_of(subject: Subject, layer: Layer) -> tuple[Folding, str]:
    """Return a folding of the subject's class, as close as the layer has one, and a family."""
    rng = subject.rng
    found = list(array_foldings(layer))
    if subject.sparsity in ("shapes", "stripes", "weights"):
        found = [f for f in found if f.skip] or found
    most = {what: max(getattr(f, what) for f in found) for what in ("pe", "simd")}
    wanted = {
        "one": (1, 1),
        "rows": (most["pe"], 1),
        "columns": (1, most["simd"]),
        "whole": (most["pe"], most["simd"]),
    }.get(subject.folding)
    if wanted:
        found.sort(key=lambda f: (abs(f.pe - wanted[0]), abs(f.simd - wanted[1])))
        chosen = found[0]
    else:
        chosen = found[int(rng.integers(len(found)))]
    family = ("ecp5", "ice40")[int(rng.integers(2))]
    if subject.folding == "blocks" and blocks_for(layer, chosen, TARGETS[family]) is not None:
        chosen = replace(chosen, implementation="dsp")
    if subject.folding == "entries":
        family = "ecp5"  # has memories of a few words
        assert sums_by_entry(layer, TARGETS[family])
        chosen = replace(chosen, implementation="pasm")
    return chosen, family


class PlainBlocks(Multiplier):
    """What a block computes, also where weights have a multiplier each."""

    def elaborate(self, platform):
        if self.packing(self.parameters):
            return super().elaborate(platform)
        m = Module()
        for n, weight in enumerate(self._weights()):
            product = self.x * weight
            for _ in range(self.latency):
                later = Signal.like(product)
                m.d.sync += later.eq(product)
                product = later
            m.d.comb += getattr(self, f"o_{n}").eq(product)
        return m


def plain(kind: type[Multiplier]) -> type[Multiplier]:
    """Return a block's products and latency in plain Amaranth."""
    names = ("latency", "side", "packing", "borrows", "fits")
    return type("Plain", (PlainBlocks,), {name: getattr(kind, name) for name in names})


def simulable(core: EngineParameters) -> EngineParameters:
    """Return an engine with plain Amaranth in place of a family's cells."""
    path = with_plain_adders(core.datapath)
    if path.blocks:
        path = replace(path, blocks=replace(path.blocks, kind=plain(path.blocks.kind)))
    return replace(core, datapath=path)


def with_plain_adders(path: MacParameters) -> MacParameters:
    """Return an array of the same additions without cells."""
    return replace(path, adder=PlainEcp5AdderRow) if path.adder is Ecp5AdderRow else path


def check(subject: Subject, folder: Path) -> EngineParameters:
    """Hold a subject to everything; return its engine."""
    module, x, network = compressed(subject)
    q = network.quantize(x.numpy())
    trace = network.trace(q)
    compare_torch(module, network, x)
    check_round_trips(network, folder)
    layer = find_layers(network)[0]
    folding, family = folding_of(subject, layer)
    core = core_for(layer, folding, TARGETS[family])
    check_counts(core)
    check_engine(subject, layer, core, q, trace[layer.nodes[-1]])
    return core


def check_round_trips(network: Network, folder: Path) -> None:
    """What is written, as text and as a file, is what is read."""
    compare_text(network)
    network.save(folder / "kit.net")
    assert hwgen.load(folder / "kit.net") == network


def check_counts(core: EngineParameters) -> None:
    """Structural counts of the parameters == those of the word-level netlist."""
    path = with_plain_adders(core.datapath)
    array = PasmArray if path.banks else DspArray if path.blocks else MacArray
    for part, kind in ((path, array), (path.weights, WeightMemory)):
        assert counts_of(part) == word_level(kind(part))


def check_engine(
    subject: Subject, layer: Layer, core: EngineParameters, q: np.ndarray, y: np.ndarray
) -> None:
    """RTL == golden under stalls; clocks == schedule; steady state by the rule of the busiest."""
    core = simulable(core)
    frames = as_pixels((q[:FRAMES] - layer.x_encodings[0].base) // layer.x_encodings[0].step)
    wanted = as_pixels((y[:FRAMES] - layer.y_encoding.base) // layer.y_encoding.step)
    check_pixels(core, frames, wanted, subject.seed)
    check_full_rate(core, str(subject))


def as_pixels(x: np.ndarray) -> list[list[int]]:
    """Return the elements of each pixel of frames of (channels, height, width) or (channels,)."""
    flat = x.reshape(*x.shape[:2], -1)
    return flat.transpose(0, 2, 1).reshape(-1, flat.shape[1]).tolist()

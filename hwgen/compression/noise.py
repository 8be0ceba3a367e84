"""Signal to noise: how far the values of a quantized model are from those of the float one.

    10 * log10(var(x) / mean((x - x')**2))  of the float value x and the quantized x', dB

on the calibration data, of every channel of every layer and of all channels of a layer together. A
channel that does not vary has the square of its mean for a signal.
"""

__all__ = ["MOST", "LayerNoise", "Measured", "Reference"]

import copy
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from hwgen.compression.quantize import (
    ACCUMULATING,
    QuantConv,
    QuantizationPoint,
    Quantizer,
    QuantModel,
    QuantSign,
    QuantTable,
    QuantZeroPad,
    Weighted,
    run_watched,
)
from hwgen.errors import InternalError
from hwgen.torch_graph.batches import Batch, joined, mapped, split
from hwgen.torch_graph.float_graph import FloatGraph, FloatNode, end_values, is_input
from hwgen.torch_graph.support import CONVOLUTIONS

INPUTS = 256  # of the calibration data
CHUNK = 32  # inputs at a time
MOST = 120.0  # dB, of what is equal
STEADY = 1e-10  # of its mean square, the variance of a channel that float32 leaves constant


@dataclass(frozen=True)
class LayerNoise:
    """Signal to noise of a layer's output, dB; None where there is no signal.

    Attributes
    ----------
    layer : its path; what enters the network has a name of its own
    db : of all channels together
    channels : of each
    """

    layer: str
    db: float | None
    channels: tuple[float | None, ...]


@dataclass(frozen=True)
class Measured:
    """What is behind the figures of a layer.

    Attributes
    ----------
    path : of the value that was measured, behind the layer's quantizer
    signal, noise, offset : of each channel, (channels,) float64: power of what varies and of what
        is lost, and the square of the mean
    step : of the quantizer; 0 for raw accumulators
    """

    figures: LayerNoise
    path: str
    signal: Tensor
    noise: Tensor
    offset: Tensor
    step: float


@dataclass(frozen=True)
class Reference:
    """What a quantized model is compared with.

    Attributes
    ----------
    graph : of float layers and quantization points, of the same paths
    inputs : (inputs, ...) real
    trained : whether the quantized model was trained on: then its own weights, before they are
        rounded, take the place of the graph's, and what it trained with stays: clamps and signs
    """

    graph: FloatGraph
    inputs: Batch
    trained: bool = False

    @classmethod
    def of(cls, graph: FloatGraph, batches: tuple[Batch, ...]) -> "Reference":
        """Return the reference of a float graph on some of the calibration data."""
        return cls(graph, mapped(joined(batches), lambda t: t[:: -(-t.shape[0] // INPUTS)]))

    @torch.no_grad()
    def measure(self, model: QuantModel) -> tuple[Measured, ...]:
        """Return the figures of each layer, in order, of a model in evaluation mode."""
        graph = self._trained_graph(model) if self.trained else self.graph
        names = _names(self.graph)
        sums: dict[str, _Sums] = {}
        for x in split(self.inputs, CHUNK):
            found: dict[str, Tensor] = {}

            def keep(path: str, value: Tensor, found: dict[str, Tensor] = found) -> None:
                if path in names:
                    found[path] = value

            run_watched(model, x, keep)

            def compare(layer: FloatNode, value: Tensor, found: dict[str, Tensor] = found) -> None:
                if layer.path in names:
                    sums.setdefault(layer.path, _Sums()).add(value, found.pop(layer.path))

            graph.run(x, compare)
        return tuple(
            _measured(names[path], path, of, model.get_submodule(path)) for path, of in sums.items()
        )

    def _trained_graph(self, model: QuantModel) -> FloatGraph:
        layers = []
        for layer in self.graph.layers:
            now = model.get_submodule(layer.path)
            module = layer.module
            if isinstance(now, Weighted):
                module = _with_weights(module, now)
            elif isinstance(now, QuantZeroPad):
                module = now
            elif isinstance(now, QuantSign):
                module = _Sign(float(now.output_scale()))
            elif isinstance(now, Quantizer):
                scale, zero = float(now.output_scale()), now.zero_point
                ends = (now.lo - zero) * scale, (now.hi - zero) * scale
                curve = now.curve if isinstance(now, QuantTable) else None
                module = QuantizationPoint(ends, layer.path, curve=curve)
            layers.append(replace(layer, module=module))
        return self.graph.with_layers(layers)


class _Sign(nn.Module):
    def __init__(self, scale: float):
        super().__init__()
        self._scale = scale

    def forward(self, x: Tensor) -> Tensor:
        return torch.where(x >= 0, self._scale, -self._scale).to(x.dtype)


def _with_weights(module: nn.Module, now: Weighted) -> nn.Module:
    """Return a float layer with the weights of a quantized one, as they are before rounding."""
    changed = copy.deepcopy(module)
    changed.get_parameter("weight").copy_(now.quantizer.real(now.weight))
    changed.get_parameter("bias").copy_(now.bias)
    if isinstance(now, QuantConv) and isinstance(changed, CONVOLUTIONS) and now.pads_below_zero:
        changed.padding = (0,) * len(now.padding)
        sides: Any = tuple(n for axis in reversed(now.padding) for n in axis)
        kind = (nn.ConstantPad1d, nn.ConstantPad2d)[len(now.padding) - 1]
        return nn.Sequential(kind(sides, -float(now.input_scale())), changed)
    return changed


def _names(graph: FloatGraph) -> dict[str, str]:
    """Return the name of the layer that each value to measure belongs to, by the value's path."""

    def curved(layer: FloatNode) -> bool:
        return getattr(layer.module, "curve", None) is not None

    placed = [layer for layer in graph.layers if isinstance(layer.module, QuantizationPoint)]
    uses = Counter(layer.inputs[0] for layer in placed)
    names = {
        layer.path: layer.inputs[0]
        if not is_input(layer.inputs[0]) and uses[layer.inputs[0]] == 1 and not curved(layer)
        else layer.path
        for layer in placed
    }
    for layer in graph.layers:
        if layer.path in end_values(graph) and isinstance(layer.module, ACCUMULATING):  # raw
            names[layer.path] = layer.path
    return names


class _Sums:
    """Sums over inputs and places, a channel each."""

    def __init__(self) -> None:
        self._count = 0
        self._offset: Tensor | None = None  # near the mean, so that squares keep their digits
        self._sums: Tensor | None = None

    def add(self, real: Tensor, quantized: Tensor) -> None:
        """Take in (batch, channels, ...) values."""
        x = real.double().transpose(0, 1).flatten(1)
        error = x - quantized.double().transpose(0, 1).flatten(1)
        if self._offset is None or self._sums is None:
            self._offset = x.mean(1, keepdim=True)
            self._sums = x.new_zeros(3, x.shape[0])
        centred = x - self._offset
        self._count += x.shape[1]
        self._sums += torch.stack([centred.sum(1), (centred**2).sum(1), (error**2).sum(1)])

    def powers(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return (variance, mean square, noise), (channels,) each."""
        if self._offset is None or self._sums is None:
            raise InternalError("a layer was never run")
        first, second, noise = self._sums / self._count
        mean = self._offset.flatten() + first
        return (second - first**2).clamp(min=0), mean**2 + second - first**2, noise


def _measured(name: str, path: str, sums: _Sums, module: nn.Module) -> Measured:
    variance, square, noise = sums.powers()
    varies = variance > STEADY * square
    signal = torch.where(varies, variance, square)
    channels = tuple(_db(s, n) for s, n in zip(signal.tolist(), noise.tolist(), strict=True))
    whole = variance[varies].sum() if varies.any() else square.sum()
    figures = LayerNoise(name, _db(float(whole), float(noise.sum())), channels)
    step = getattr(module, "step", None)
    size = 0.0 if step is None else float(step.exact())
    return Measured(figures, path, signal, noise, square - variance, size)


def _db(signal: float, noise: float) -> float | None:
    if signal == 0:
        return None
    ratio = torch.tensor(signal / noise if noise else torch.inf, dtype=torch.float64)
    return round(min(10 * float(torch.log10(ratio)), MOST), 2)

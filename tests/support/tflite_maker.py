"""A TFLite file in the making: tensors of random grids, and operators."""

__all__ = ["Made", "Maker"]

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from support.tflite_files import Op, Tensor, tflite_file

FUNCTIONS = {"none": 0, "relu": 1, "relu_n1": 2, "relu6": 3}


@dataclass
class Made:
    """A file, and the shapes of its inputs with the batch."""

    path: Path
    inputs: tuple[tuple[int, ...], ...]


class Maker:
    """Tensors and operators of a file in the making."""

    def __init__(self, seed: int, path: Path):
        self.rng = np.random.default_rng(seed)
        self.path = path
        self.tensors: list[Tensor] = []
        self.ops: list[Op] = []
        self.entries: list[Tensor] = []

    def entry(self, *shape: int) -> Tensor:
        """Return an input of a random grid."""
        made = self.tensor((1, *shape))
        self.entries.append(made)
        return made

    def tensor(self, shape: tuple[int, ...], scale: float | None = None) -> Tensor:
        """Return a tensor of a random grid."""
        zero = int(self.rng.choice((-128, 127, 0, self.rng.integers(-128, 128))))
        own = float(np.float32(self.rng.uniform(0.01, 0.1)))
        made = Tensor(f"t{len(self.tensors)}", shape, own if scale is None else scale, zero)
        self.tensors.append(made)
        return made

    def constant(self, data: object, scale: object, kind: str = "INT8", axis: int = 0) -> Tensor:
        """Return a constant."""
        array = np.asarray(data)
        made = Tensor(f"t{len(self.tensors)}", array.shape, scale, 0, kind, array, axis)
        self.tensors.append(made)
        return made

    def weights(self, shape: tuple[int, ...], channels: int, axis: int) -> tuple[Tensor, object]:
        """Return weights, and their scales: one, or one a channel."""
        scales = np.float32(self.rng.uniform(0.002, 0.02, int(self.rng.choice((1, channels)))))
        data = self.rng.integers(-127, 128, shape)
        return self.constant(data, scales, axis=axis), scales

    def bias(self, x: Tensor, scales: object, channels: int) -> Tensor:
        """Return a bias in units of the accumulators."""
        unit = np.float32(x.scale) * np.asarray(scales)
        return self.constant(self.rng.integers(-3000, 3000, channels), unit, "INT32")

    def grid_of(self, out: Tensor, reach: float) -> None:
        """Give a tensor a scale on which numbers up to `reach` fill it, or less."""
        out.scale = float(np.float32(reach / 127 * self.rng.uniform(0.2, 1.2)))

    def add(self, kind: str, inputs: list[Tensor], out: Tensor, **options: object) -> Tensor:
        """Add an operator."""
        self.ops.append(Op(kind, [x.name for x in inputs], [out.name], options))
        return out

    def function(self) -> int:
        """Return a fused activation."""
        return int(self.rng.choice(list(FUNCTIONS.values())))

    def made(self, *outputs: Tensor) -> Made:
        """Write the file."""
        names = [x.name for x in self.entries]
        tflite_file(self.path, self.tensors, self.ops, names, [out.name for out in outputs])
        return Made(self.path, tuple(tuple(x.shape) for x in self.entries))

"""Networks that people put on FPGAs, and families of growing ones, for `scaling_bench.py`.

Each is written as published, with weights as PyTorch draws them: what a layer costs, and how long
it takes to plan, depends on shapes and on how weights spread, not on what they were trained for.
"""

__all__ = ["MODELS", "Model", "cnn_of", "mlp_of"]

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Model:
    """A network, the input that it takes, and the formats that it is known with."""

    make: Callable[[], nn.Module]
    shape: tuple[int, ...]
    weights: str = "int8"
    activations: str = "uint8"


def _conv(inputs: int, outputs: int, kernel: int = 3, **more: int) -> list[nn.Module]:
    """Return a convolution, its batch norm and a ReLU."""
    more.setdefault("padding", kernel // 2)
    return [
        nn.Conv2d(inputs, outputs, kernel, bias=False, **more),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    ]


def lenet5() -> nn.Module:
    """LeNet-5 of LeCun et al. 1998, with ReLUs and max pools."""
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
    )


class Residual(nn.Module):
    """Two 3x3 convolutions and what goes around them (He et al. 2015)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_conv(inputs, outputs, stride=stride), *_conv(outputs, outputs)[:-1]
        )
        self.around = nn.Identity()
        if stride > 1 or inputs != outputs:
            self.around = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs)
            )
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.body(x) + self.around(x))


def resnet(blocks: int, channels: tuple[int, ...] = (16, 32, 64)) -> nn.Module:
    """A ResNet for 32x32 images: ResNet-8 of MLPerf Tiny with one block a stage, ResNet-20 of He
    et al. 2015 with three."""
    layers = _conv(3, channels[0])
    inputs = channels[0]
    for stage, outputs in enumerate(channels):
        for block in range(blocks):
            layers.append(Residual(inputs, outputs, 2 if stage and not block else 1))
            inputs = outputs
    return nn.Sequential(*layers, nn.AvgPool2d(8), nn.Flatten(), nn.Linear(inputs, 10))


def _separable(inputs: int, outputs: int, stride: int = 1) -> list[nn.Module]:
    return [*_conv(inputs, inputs, stride=stride, groups=inputs), *_conv(inputs, outputs, 1)]


def ds_cnn() -> nn.Module:
    """DS-CNN for keyword spotting, of MLPerf Tiny: 49x10 coefficients, 12 words."""
    first = nn.Conv2d(1, 64, (10, 4), stride=2, padding=(5, 1), bias=False)
    layers: list[nn.Module] = [first, nn.BatchNorm2d(64), nn.ReLU()]
    for _ in range(4):
        layers += _separable(64, 64)
    return nn.Sequential(*layers, nn.AvgPool2d((25, 5)), nn.Flatten(), nn.Linear(64, 12))


def mobilenet() -> nn.Module:
    """MobileNetV1 of width 0.25 for 96x96 images: MLPerf Tiny's visual wake words."""
    layers, inputs = _conv(3, 8, stride=2), 8
    stages = ((16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2), *((128, 1),) * 5, (256, 2))
    for outputs, stride in (*stages, (256, 1)):
        layers += _separable(inputs, outputs, stride)
        inputs = outputs
    return nn.Sequential(*layers, nn.AvgPool2d(3), nn.Flatten(), nn.Linear(256, 2))


def autoencoder() -> nn.Module:
    """The autoencoder for anomalies of MLPerf Tiny: 640-128-128-128-128-8-128-...-640."""
    widths = (640, 128, 128, 128, 128, 8, 128, 128, 128, 128)
    layers: list[nn.Module] = []
    for inputs, outputs in zip(widths, widths[1:], strict=False):
        layers += [nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(128, 640))


def cnv() -> nn.Module:
    """CNV of FINN (Umuroglu et al. 2017): a VGG of six convolutions without padding."""
    layers, inputs = [], 3
    for pair, outputs in enumerate((64, 128, 256)):
        for _ in range(2):
            layers += _conv(inputs, outputs, padding=0)
            inputs = outputs
        if pair < 2:
            layers.append(nn.MaxPool2d(2))
    layers.append(nn.Flatten())
    for inputs, outputs in ((256, 512), (512, 512)):
        layers += [nn.Linear(inputs, outputs, bias=False), nn.BatchNorm1d(outputs), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(512, 10))


def vgg_of_rows() -> nn.Module:
    """A VGG of 1-D convolutions for radio signals (O'Shea et al. 2018), as images of height 1."""
    layers, inputs = [], 2
    for _ in range(7):
        convolution = nn.Conv2d(inputs, 64, (1, 3), padding=(0, 1), bias=False)
        layers += [convolution, nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d((1, 2))]
        inputs = 64
    layers.append(nn.Flatten())
    for features in (512, 128):
        layers += [nn.Linear(features, 128, bias=False), nn.BatchNorm1d(128), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(128, 24))


def jets() -> nn.Module:
    """The jet tagger of hls4ml (Duarte et al. 2018): 16-64-32-32-5."""
    widths, layers = (16, 64, 32, 32, 5), []
    for inputs, outputs in zip(widths, widths[1:], strict=False):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def mlp_of(weights: int) -> Model:
    """Return an MLP of about so many weights: three layers of equal width behind 64 inputs."""
    width = round(((64 + 10) ** 2 / 16 + weights / 2) ** 0.5 - (64 + 10) / 4)

    def make() -> nn.Module:
        middle = [nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()]
        return nn.Sequential(nn.Linear(64, width), nn.ReLU(), *middle, nn.Linear(width, 10))

    return Model(make, (64,))


def cnn_of(weights: int) -> Model:
    """Return a CNN of about so many weights: four 3x3 convolutions, each pair twice as wide."""
    width = max(2, round((weights / 63) ** 0.5))  # 9 c c (1 + 2 + 4)

    def make() -> nn.Module:
        layers = [*_conv(3, width), *_conv(width, width), nn.MaxPool2d(2)]
        layers += [*_conv(width, 2 * width), *_conv(2 * width, 2 * width), nn.MaxPool2d(2)]
        return nn.Sequential(*layers, nn.AvgPool2d(4), nn.Flatten(), nn.Linear(2 * width, 10))

    return Model(make, (3, 16, 16))


MODELS = {
    "LeNet-5": Model(lenet5, (1, 28, 28)),
    "ResNet-8": Model(lambda: resnet(1), (3, 32, 32)),
    "DS-CNN": Model(ds_cnn, (1, 49, 10)),
    "MobileNetV1-0.25": Model(mobilenet, (3, 96, 96)),
    "autoencoder": Model(autoencoder, (640,)),
    "ResNet-20": Model(lambda: resnet(3), (3, 32, 32)),
    "CNV": Model(cnv, (3, 32, 32), "binary", "binary"),
    "VGG of rows": Model(vgg_of_rows, (2, 1, 1024), "int4", "uint4"),
    "jets": Model(jets, (16,), "int6", "uint6"),
    **{
        f"MLP {size}": mlp_of(n)
        for size, n in (("10k", 10_000), ("100k", 100_000), ("1M", 1_000_000), ("5M", 5_000_000))
    },
    **{
        f"CNN {size}": cnn_of(n)
        for size, n in (("10k", 10_000), ("100k", 100_000), ("1M", 1_000_000), ("5M", 5_000_000))
    },
}


def calibration(model: Model) -> Tensor:
    """Return a batch to calibrate with."""
    return torch.rand(8, *model.shape, generator=torch.Generator().manual_seed(0))

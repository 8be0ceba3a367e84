"""Networks for phones and smaller: MobileNets, ShuffleNet, EfficientNet, GhostNet, DS-CNN."""

__all__ = [
    "DsCnn",
    "EfficientNet",
    "GhostNet",
    "MobileNetV1",
    "MobileNetV2",
    "MobileNetV3",
    "ShuffleNetV2",
]

import torch
import torch.nn.functional as F
from torch import nn


def _norm(ins, outs, kernel, stride=1, groups=1, act=nn.ReLU6):
    layers = [
        nn.Conv2d(ins, outs, kernel, stride, (kernel - 1) // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outs),
    ]
    return nn.Sequential(*layers, *([act()] if act else []))


class MobileNetV1(nn.Module):
    """Howard et al. (2017): depthwise separable convolutions."""

    def __init__(self):
        super().__init__()
        sizes = ((4, 6, 1), (6, 8, 2), (8, 12, 2))
        blocks = [
            nn.Sequential(_norm(i, i, 3, s, i, nn.ReLU), _norm(i, o, 1, act=nn.ReLU))
            for i, o, s in sizes
        ]
        self.model = nn.Sequential(_norm(3, 4, 3, 2, act=nn.ReLU), *blocks, nn.AdaptiveAvgPool2d(1))
        self.fc = nn.Linear(12, 10)

    def forward(self, x):
        return self.fc(self.model(x).view(-1, 12))


class _Inverted(nn.Module):
    def __init__(self, ins, outs, stride, expand):
        super().__init__()
        wide = ins * expand
        self.use_res_connect = stride == 1 and ins == outs
        layers = [_norm(ins, wide, 1)] if expand != 1 else []
        layers += [
            _norm(wide, wide, 3, stride, wide),
            nn.Conv2d(wide, outs, 1, bias=False),
            nn.BatchNorm2d(outs),
        ]
        self.conv = nn.Sequential(*layers)

    def forward(self, x):
        return x + self.conv(x) if self.use_res_connect else self.conv(x)


class MobileNetV2(nn.Module):
    """Sandler et al. (2018): inverted residuals with ReLU6."""

    def __init__(self):
        super().__init__()
        blocks = [
            _Inverted(4, 4, 1, 1),
            _Inverted(4, 6, 2, 3),
            _Inverted(6, 6, 1, 3),
            _Inverted(6, 8, 2, 3),
        ]
        self.features = nn.Sequential(_norm(3, 4, 3, 2), *blocks, _norm(8, 16, 1))
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(16, 10))

    def forward(self, x):
        x = self.features(x)
        x = nn.functional.adaptive_avg_pool2d(x, (1, 1))
        return self.classifier(torch.flatten(x, 1))


class _SqueezeExcite(nn.Module):
    def __init__(self, channels, squeeze, gate):
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1, self.fc2 = nn.Conv2d(channels, squeeze, 1), nn.Conv2d(squeeze, channels, 1)
        self.activation, self.scale_activation = nn.ReLU(), gate()

    def forward(self, x):
        scale = self.fc2(self.activation(self.fc1(self.avgpool(x))))
        return self.scale_activation(scale) * x


class _Bneck(nn.Module):
    def __init__(self, ins, wide, outs, kernel, stride, se, act, gate=nn.Hardsigmoid):
        super().__init__()
        layers = [_norm(ins, wide, 1, act=act), _norm(wide, wide, kernel, stride, wide, act)]
        layers += [_SqueezeExcite(wide, 2, gate)] if se else []
        self.block = nn.Sequential(*layers, _norm(wide, outs, 1, act=None))
        self.residual = stride == 1 and ins == outs

    def forward(self, x):
        result = self.block(x)
        if self.residual:
            result += x
        return result


class MobileNetV3(nn.Module):
    """Howard et al. (2019): squeeze-excite, hardswish."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            _norm(3, 4, 3, 2, act=nn.Hardswish),
            _Bneck(4, 4, 4, 3, 2, True, nn.ReLU),
            _Bneck(4, 12, 6, 3, 1, False, nn.ReLU),
            _Bneck(6, 12, 6, 5, 1, True, nn.Hardswish),
            _norm(6, 12, 1, act=nn.Hardswish),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Linear(12, 16), nn.Hardswish(inplace=True), nn.Dropout(0.2), nn.Linear(16, 10)
        )

    def forward(self, x):
        x = self.avgpool(self.features(x))
        return self.classifier(torch.flatten(x, 1))


class EfficientNet(nn.Module):
    """Tan and Le (2019): SiLU and squeeze-excite with a sigmoid."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            _norm(3, 4, 3, 2, act=nn.SiLU),
            _Bneck(4, 8, 4, 3, 1, True, nn.SiLU, nn.Sigmoid),
            _Bneck(4, 8, 6, 3, 2, True, nn.SiLU, nn.Sigmoid),
            _norm(6, 12, 1, act=nn.SiLU),
        )
        self.classifier = nn.Linear(12, 10)

    def forward(self, x):
        return self.classifier(self.features(x).mean((2, 3)))


class _Shuffle(nn.Module):
    def __init__(self, channels):
        super().__init__()
        half = channels // 2
        self.branch = nn.Sequential(
            nn.Conv2d(half, half, 1, bias=False),
            nn.BatchNorm2d(half),
            nn.ReLU(True),
            nn.Conv2d(half, half, 3, 1, 1, groups=half, bias=False),
            nn.BatchNorm2d(half),
            nn.Conv2d(half, half, 1, bias=False),
            nn.BatchNorm2d(half),
            nn.ReLU(True),
        )

    def forward(self, x):
        x1, x2 = x.chunk(2, dim=1)
        out = torch.cat((x1, self.branch(x2)), dim=1)
        batch, channels, height, width = out.size()
        out = out.view(batch, 2, channels // 2, height, width)
        out = torch.transpose(out, 1, 2).contiguous()
        return out.view(batch, channels, height, width)


class ShuffleNetV2(nn.Module):
    """Ma et al. (2018): halves of the channels, shuffled."""

    def __init__(self):
        super().__init__()
        self.conv1, self.maxpool = _norm(3, 8, 3, 2, act=nn.ReLU), nn.MaxPool2d(3, 2, 1)
        self.stage = nn.Sequential(_Shuffle(8), _Shuffle(8))
        self.fc = nn.Linear(8, 10)

    def forward(self, x):
        x = self.stage(self.maxpool(self.conv1(x)))
        return self.fc(x.mean([2, 3]))


class _Ghost(nn.Module):
    def __init__(self, ins, outs):
        super().__init__()
        half = (outs + 1) // 2
        self.outs = outs
        self.primary, self.cheap = (
            _norm(ins, half, 1, act=nn.ReLU),
            _norm(half, half, 3, 1, half, nn.ReLU),
        )

    def forward(self, x):
        x1 = self.primary(x)
        x2 = self.cheap(x1)
        out = torch.cat([x1, x2], dim=1)
        return out[:, : self.outs, :, :]


class GhostNet(nn.Module):
    """Han et al. (2020): channels made from channels, cut to length."""

    def __init__(self):
        super().__init__()
        self.stem, self.ghosts = (
            _norm(3, 4, 3, 2, act=nn.ReLU),
            nn.Sequential(_Ghost(4, 7), _Ghost(7, 8)),
        )
        self.fc = nn.Linear(8, 10)

    def forward(self, x):
        return self.fc(F.adaptive_avg_pool2d(self.ghosts(self.stem(x)), 1).flatten(1))


class DsCnn(nn.Module):
    """Zhang et al., "Hello Edge" (2017): keyword spotting, a first kernel of 10 x 4."""

    def __init__(self, width=6):
        super().__init__()
        self.conv1 = nn.Conv2d(1, width, (10, 4), stride=(2, 2), padding=(5, 1))
        self.bn1, self.drop = nn.BatchNorm2d(width), nn.Dropout(0.2)
        blocks = [
            nn.Sequential(
                _norm(width, width, 3, 1, width, nn.ReLU), _norm(width, width, 1, act=nn.ReLU)
            )
            for _ in range(2)
        ]
        self.blocks, self.fc = nn.Sequential(*blocks), nn.Linear(width, 12)

    def forward(self, x):
        x = self.blocks(self.drop(F.relu(self.bn1(self.conv1(x)))))
        x = F.avg_pool2d(x, kernel_size=x.shape[-2:])
        return F.softmax(self.fc(x.squeeze(-1).squeeze(-1)), dim=-1)

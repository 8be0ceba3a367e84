"""Signals, sets and tables: TCN, M5, TC-ResNet, EEGNet, WaveNet, PointNet, jets, sensors."""

__all__ = [
    "M5",
    "AutoEncoder",
    "DeepSets",
    "EegNet",
    "Fusion",
    "JetTagger",
    "PointNet",
    "TcResNet",
    "Tcn",
    "WaveNet",
]

import torch
import torch.nn.functional as F
from torch import nn


class _Chomp(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.size = size

    def forward(self, x):
        return x[:, :, : -self.size].contiguous()


class _Temporal(nn.Module):
    def __init__(self, ins, outs, kernel, dilation):
        super().__init__()
        pad = (kernel - 1) * dilation
        self.net = nn.Sequential(
            nn.Conv1d(ins, outs, kernel, padding=pad, dilation=dilation),
            _Chomp(pad),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Conv1d(outs, outs, kernel, padding=pad, dilation=dilation),
            _Chomp(pad),
            nn.ReLU(),
            nn.Dropout(0.2),
        )
        self.downsample = nn.Conv1d(ins, outs, 1) if ins != outs else None
        self.relu = nn.ReLU()

    def forward(self, x):
        out = self.net(x)
        res = x if self.downsample is None else self.downsample(x)
        return self.relu(out + res)


class Tcn(nn.Module):
    """Bai et al. (2018): causal, dilated, the last position decides."""

    def __init__(self):
        super().__init__()
        self.network = nn.Sequential(_Temporal(2, 4, 3, 1), _Temporal(4, 4, 3, 2))
        self.linear = nn.Linear(4, 3)

    def forward(self, x):
        return self.linear(self.network(x)[:, :, -1])


class M5(nn.Module):
    """Dai et al. (2017): raw audio, as in PyTorch's tutorial."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1, self.pool1 = (
            nn.Conv1d(1, 4, 16, stride=4),
            nn.BatchNorm1d(4),
            nn.MaxPool1d(2),
        )
        self.conv2, self.bn2, self.pool2 = nn.Conv1d(4, 6, 3), nn.BatchNorm1d(6), nn.MaxPool1d(2)
        self.fc1 = nn.Linear(6, 5)

    def forward(self, x):
        x = self.pool1(F.relu(self.bn1(self.conv1(x))))
        x = self.pool2(F.relu(self.bn2(self.conv2(x))))
        x = F.avg_pool1d(x, x.shape[-1])
        x = x.permute(0, 2, 1)
        x = self.fc1(x)
        return F.log_softmax(x, dim=2)


class TcResNet(nn.Module):
    """Choi et al. (2019): features of a spectrum as channels, residual in time."""

    def __init__(self):
        super().__init__()
        self.conv0 = nn.Conv1d(6, 4, 3, padding=1, bias=False)
        self.conv1, self.bn1 = nn.Conv1d(4, 6, 9, 2, 4, bias=False), nn.BatchNorm1d(6)
        self.conv2, self.bn2 = nn.Conv1d(6, 6, 9, 1, 4, bias=False), nn.BatchNorm1d(6)
        self.short = nn.Sequential(nn.Conv1d(4, 6, 1, 2, bias=False), nn.BatchNorm1d(6), nn.ReLU())
        self.pool, self.fc = nn.AdaptiveAvgPool1d(1), nn.Linear(6, 4)

    def forward(self, x):
        x = self.conv0(x)
        out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        x = F.relu(out + self.short(x))
        return self.fc(self.pool(x).squeeze(2))


class EegNet(nn.Module):
    """Lawhern et al. (2018): ELU, depthwise over electrodes, averages in time."""

    def __init__(self, electrodes=4):
        super().__init__()
        self.conv1, self.bn1 = (
            nn.Conv2d(1, 3, (1, 8), padding="same", bias=False),
            nn.BatchNorm2d(3),
        )
        self.depth, self.bn2 = (
            nn.Conv2d(3, 6, (electrodes, 1), groups=3, bias=False),
            nn.BatchNorm2d(6),
        )
        self.pool1, self.drop = nn.AvgPool2d((1, 4)), nn.Dropout(0.25)
        self.sep = nn.Sequential(
            nn.Conv2d(6, 6, (1, 4), padding="same", groups=6, bias=False),
            nn.Conv2d(6, 6, 1, bias=False),
        )
        self.bn3, self.pool2, self.fc = nn.BatchNorm2d(6), nn.AvgPool2d((1, 2)), nn.Linear(24, 2)

    def forward(self, x):
        x = self.bn1(self.conv1(x.unsqueeze(1)))
        x = self.drop(self.pool1(F.elu(self.bn2(self.depth(x)))))
        x = self.drop(self.pool2(F.elu(self.bn3(self.sep(x)))))
        return self.fc(x.flatten(start_dim=1))


class _Gated(nn.Module):
    def __init__(self, width, dilation):
        super().__init__()
        self.pad, self.conv = (dilation, 0), nn.Conv1d(width, 2 * width, 2, dilation=dilation)
        self.res, self.skip = nn.Conv1d(width, width, 1), nn.Conv1d(width, width, 1)

    def forward(self, x):
        a, b = torch.chunk(self.conv(F.pad(x, self.pad)), 2, dim=1)
        y = torch.tanh(a) * torch.sigmoid(b)
        return x + self.res(y), self.skip(y)


class WaveNet(nn.Module):
    """van den Oord et al. (2016): gates and skips."""

    def __init__(self, width=3):
        super().__init__()
        self.start = nn.Conv1d(1, width, 1)
        self.layers = nn.ModuleList(_Gated(width, d) for d in (1, 2))
        self.end = nn.Conv1d(width, 2, 1)

    def forward(self, x):
        x, total = self.start(x), 0
        for layer in self.layers:
            x, skip = layer(x)
            total = total + skip
        return self.end(F.relu(total))


class DeepSets(nn.Module):
    """Zaheer et al. (2017), as for jets: each element, their mean, then the set."""

    def __init__(self):
        super().__init__()
        self.phi = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 6), nn.ReLU())
        self.rho = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 5))

    def forward(self, x):
        return self.rho(self.phi(x).mean(dim=1))


class PointNet(nn.Module):
    """Qi et al. (2017): points as positions, their maximum."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv1d(3, 6, 1), nn.BatchNorm1d(6)
        self.conv2, self.bn2 = nn.Conv1d(6, 10, 1), nn.BatchNorm1d(10)
        self.fc1, self.bn3, self.fc2 = nn.Linear(10, 8), nn.BatchNorm1d(8), nn.Linear(8, 4)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.bn2(self.conv2(x))
        x = torch.max(x, 2, keepdim=True)[0]
        x = x.view(-1, 10)
        return self.fc2(F.relu(self.bn3(self.fc1(x))))


class JetTagger(nn.Module):
    """Duarte et al. (2018): 16-64-32-32-5, narrower here."""

    def __init__(self):
        super().__init__()
        widths, layers = (16, 12, 8, 8), []
        for ins, outs in zip(widths, widths[1:], strict=False):
            layers += [nn.Linear(ins, outs), nn.BatchNorm1d(outs), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(8, 5), nn.Softmax(dim=-1))

    def forward(self, x):
        return self.layers(x)


class AutoEncoder(nn.Module):
    """Koizumi et al. (2019), as in MLPerf Tiny: anomalies by what is not rebuilt."""

    def __init__(self):
        super().__init__()
        sizes = (20, 8, 3, 8)
        blocks = [
            nn.Sequential(nn.Linear(i, o), nn.BatchNorm1d(o), nn.ReLU())
            for i, o in zip(sizes, sizes[1:], strict=False)
        ]
        self.net = nn.Sequential(*blocks, nn.Linear(8, 20))

    def forward(self, x):
        return self.net(x)


class Fusion(nn.Module):
    """A camera and other sensors: two inputs, a class and a number."""

    def __init__(self):
        super().__init__()
        self.image = nn.Sequential(
            nn.Conv2d(1, 4, 3, 2, 1), nn.ReLU(), nn.Conv2d(4, 6, 3, 2, 1), nn.ReLU()
        )
        self.sensors = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 4), nn.ReLU())
        self.kind, self.speed = nn.Linear(10, 3), nn.Linear(10, 1)

    def forward(self, image, sensors):
        both = torch.cat([self.image(image).mean((2, 3)), self.sensors(sensors)], dim=1)
        return {"kind": self.kind(both), "speed": self.speed(both)}

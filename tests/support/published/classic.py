"""Networks of the beginnings: LeNet-5, VGG, ResNet, SqueezeNet, DenseNet, Inception."""

__all__ = ["DenseNet", "Inception", "LeNet5", "ResNet8", "SqueezeNet", "Vgg"]

import torch
import torch.nn.functional as F
from torch import nn


class LeNet5(nn.Module):
    """LeCun et al., "Gradient-based learning applied to document recognition" (1998)."""

    def __init__(self):
        super().__init__()
        self.c1, self.s2 = nn.Conv2d(1, 6, 5), nn.AvgPool2d(2)
        self.c3, self.s4 = nn.Conv2d(6, 16, 5), nn.AvgPool2d(2)
        self.c5, self.f6, self.out = nn.Conv2d(16, 120, 5), nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, x):
        x = torch.tanh(self.s2(torch.tanh(self.c1(x))))
        x = torch.tanh(self.s4(torch.tanh(self.c3(x))))
        x = torch.tanh(self.c5(x)).view(-1, 120)
        return F.log_softmax(self.out(torch.tanh(self.f6(x))), dim=1)


class Vgg(nn.Module):
    """Simonyan and Zisserman (2015), with batch norm, of few channels."""

    def __init__(self, widths=(4, "M", 8, "M", 12, 12, "M"), classes=10):
        super().__init__()
        layers, channels = [], 3
        for width in widths:
            if width == "M":
                layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
                continue
            layers += [
                nn.Conv2d(channels, width, 3, padding=1),
                nn.BatchNorm2d(width),
                nn.ReLU(True),
            ]
            channels = width
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.classifier = nn.Sequential(
            nn.Linear(channels, 16), nn.ReLU(True), nn.Dropout(), nn.Linear(16, classes)
        )

    def forward(self, x):
        x = self.avgpool(self.features(x))
        return self.classifier(torch.flatten(x, 1))


class _Basic(nn.Module):
    def __init__(self, ins, outs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(ins, outs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outs)
        self.conv2 = nn.Conv2d(outs, outs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outs)
        self.downsample = None
        if stride != 1 or ins != outs:
            self.downsample = nn.Sequential(
                nn.Conv2d(ins, outs, 1, stride, bias=False), nn.BatchNorm2d(outs)
            )

    def forward(self, x):
        identity = x
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.downsample is not None:
            identity = self.downsample(x)
        out += identity
        return F.relu(out)


class ResNet8(nn.Module):
    """He et al. (2016) as in MLPerf Tiny, of few channels."""

    def __init__(self, width=4):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        self.layers = nn.Sequential(
            _Basic(width, width, 1), _Basic(width, 2 * width, 2), _Basic(2 * width, 4 * width, 2)
        )
        self.fc = nn.Linear(4 * width, 10)

    def forward(self, x):
        x = self.layers(self.stem(x))
        x = F.avg_pool2d(x, x.size()[3])
        return self.fc(x.view(x.size(0), -1))


class _Fire(nn.Module):
    def __init__(self, ins, squeeze, expand):
        super().__init__()
        self.squeeze = nn.Conv2d(ins, squeeze, 1)
        self.left, self.right = (
            nn.Conv2d(squeeze, expand, 1),
            nn.Conv2d(squeeze, expand, 3, padding=1),
        )

    def forward(self, x):
        x = F.relu(self.squeeze(x), inplace=True)
        return torch.cat([F.relu(self.left(x)), F.relu(self.right(x))], 1)


class SqueezeNet(nn.Module):
    """Iandola et al. (2016): fire modules, pools with ceil_mode, classes by an average."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 6, kernel_size=3, stride=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True),
            _Fire(6, 2, 4),
            _Fire(8, 2, 4),
            nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True),
            _Fire(8, 3, 6),
        )
        final = nn.Conv2d(12, 10, kernel_size=1)
        self.classifier = nn.Sequential(
            nn.Dropout(p=0.5), final, nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d((1, 1))
        )

    def forward(self, x):
        x = self.classifier(self.features(x))
        return torch.flatten(x, 1)


class _DenseLayer(nn.Module):
    def __init__(self, ins, growth):
        super().__init__()
        self.norm1, self.conv1 = nn.BatchNorm2d(ins), nn.Conv2d(ins, 2 * growth, 1, bias=False)
        self.norm2, self.conv2 = (
            nn.BatchNorm2d(2 * growth),
            nn.Conv2d(2 * growth, growth, 3, padding=1, bias=False),
        )

    def forward(self, x):
        new = self.conv2(F.relu(self.norm2(self.conv1(F.relu(self.norm1(x))))))
        return torch.cat([x, new], 1)


class DenseNet(nn.Module):
    """Huang et al. (2017): batch norm and ReLU before each convolution."""

    def __init__(self, growth=3):
        super().__init__()
        self.conv0 = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.block1 = nn.Sequential(_DenseLayer(4, growth), _DenseLayer(7, growth))
        self.transition = nn.Sequential(
            nn.BatchNorm2d(10), nn.ReLU(), nn.Conv2d(10, 5, 1, bias=False), nn.AvgPool2d(2)
        )
        self.block2 = _DenseLayer(5, growth)
        self.norm, self.classifier = nn.BatchNorm2d(8), nn.Linear(8, 10)

    def forward(self, x):
        x = self.block2(self.transition(self.block1(self.conv0(x))))
        x = F.adaptive_avg_pool2d(F.relu(self.norm(x), inplace=True), (1, 1))
        return self.classifier(torch.flatten(x, 1))


class Inception(nn.Module):
    """Szegedy et al. (2015): four branches, one behind a padded maximum."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, 2, 1)
        self.b1 = nn.Conv2d(4, 3, 1)
        self.b3 = nn.Sequential(nn.Conv2d(4, 2, 1), nn.ReLU(), nn.Conv2d(2, 4, 3, padding=1))
        self.b5 = nn.Sequential(nn.Conv2d(4, 2, 1), nn.ReLU(), nn.Conv2d(2, 2, 5, padding=2))
        self.bp = nn.Sequential(nn.MaxPool2d(3, 1, 1), nn.Conv2d(4, 2, 1))
        self.fc = nn.Linear(11, 10)

    def forward(self, x):
        x = F.relu(self.stem(x))
        x = F.relu(torch.cat([self.b1(x), self.b3(x), self.b5(x), self.bp(x)], 1))
        return self.fc(x.mean([2, 3]))

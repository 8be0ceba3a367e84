"""From image to image, and boxes: U-Nets, super resolution, a YOLO head, PilotNet."""

__all__ = ["Espcn", "Fsrcnn", "PilotNet", "TinyYolo", "UNet", "UNetUpsampled"]

import torch
import torch.nn.functional as F
from torch import nn


def _double(ins, outs):
    return nn.Sequential(
        nn.Conv2d(ins, outs, 3, padding=1),
        nn.BatchNorm2d(outs),
        nn.ReLU(inplace=True),
        nn.Conv2d(outs, outs, 3, padding=1),
        nn.BatchNorm2d(outs),
        nn.ReLU(inplace=True),
    )


class UNet(nn.Module):
    """Ronneberger et al. (2015), with transposed convolutions."""

    def __init__(self):
        super().__init__()
        self.down1, self.down2, self.pool = _double(1, 3), _double(3, 6), nn.MaxPool2d(2)
        self.up, self.conv = nn.ConvTranspose2d(6, 3, kernel_size=2, stride=2), _double(6, 3)
        self.outc = nn.Conv2d(3, 1, 1)

    def forward(self, x):
        x1 = self.down1(x)
        x2 = self.down2(self.pool(x1))
        x = self.up(x2)
        dy, dx = x1.size()[2] - x.size()[2], x1.size()[3] - x.size()[3]
        x = F.pad(x, [dx // 2, dx - dx // 2, dy // 2, dy - dy // 2])
        return torch.sigmoid(self.outc(self.conv(torch.cat([x1, x], dim=1))))


class UNetUpsampled(nn.Module):
    """The same with upsampling."""

    def __init__(self):
        super().__init__()
        self.down1, self.down2 = _double(1, 3), _double(3, 6)
        self.up, self.conv = nn.Upsample(scale_factor=2, mode="nearest"), _double(9, 3)
        self.outc = nn.Conv2d(3, 2, 1)

    def forward(self, x):
        x1 = self.down1(x)
        x = self.up(self.down2(F.max_pool2d(x1, 2)))
        return self.outc(self.conv(torch.cat([x, x1], dim=1)))


class Espcn(nn.Module):
    """Shi et al. (2016): super resolution by a pixel shuffle."""

    def __init__(self, factor=2):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 4, 5, 1, 2), nn.Conv2d(4, 3, 3, 1, 1)
        self.conv3, self.pixel_shuffle = nn.Conv2d(3, factor**2, 3, 1, 1), nn.PixelShuffle(factor)

    def forward(self, x):
        x = torch.tanh(self.conv1(x))
        x = torch.tanh(self.conv2(x))
        return torch.sigmoid(self.pixel_shuffle(self.conv3(x)))


class Fsrcnn(nn.Module):
    """Dong et al. (2016): PReLU with a slope a channel, a transposed convolution at the end."""

    def __init__(self, scale=2):
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.PReLU(6))
        self.mid = nn.Sequential(
            nn.Conv2d(6, 3, 1),
            nn.PReLU(3),
            nn.Conv2d(3, 3, 3, padding=1),
            nn.PReLU(3),
            nn.Conv2d(3, 6, 1),
            nn.PReLU(6),
        )
        self.last = nn.ConvTranspose2d(
            6, 1, kernel_size=5, stride=scale, padding=2, output_padding=scale - 1
        )

    def forward(self, x):
        return self.last(self.mid(self.first(x)))


class TinyYolo(nn.Module):
    """Redmon et al., as YOLOv3-tiny: LeakyReLU, a pool of stride 1, two heads of boxes."""

    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(
            self._conv(3, 4, 3), nn.MaxPool2d(2), self._conv(4, 6, 3), nn.MaxPool2d(2)
        )
        self.deep = nn.Sequential(
            self._conv(6, 8, 3),
            nn.MaxPool2d(2),
            self._conv(8, 10, 3),
            nn.ZeroPad2d((0, 1, 0, 1)),
            nn.MaxPool2d(2, 1),
        )
        self.neck, self.head1 = self._conv(10, 6, 1), nn.Conv2d(10, 9, 1)
        self.reduce, self.head2 = self._conv(6, 4, 1), nn.Conv2d(10, 9, 1)

    @staticmethod
    def _conv(ins, outs, kernel):
        conv = nn.Conv2d(ins, outs, kernel, padding=kernel // 2, bias=False)
        return nn.Sequential(conv, nn.BatchNorm2d(outs), nn.LeakyReLU(0.1, inplace=True))

    def forward(self, x):
        fine = self.backbone(x)
        deep = self.deep(fine)
        up = F.interpolate(self.reduce(self.neck(deep)), scale_factor=2, mode="nearest")
        return self.head1(deep), self.head2(torch.cat([up, fine], 1))


class PilotNet(nn.Module):
    """Bojarski et al. (2016): normalised in the network, ELU, one number."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(3, 4, 5, stride=2),
            nn.ELU(),
            nn.Conv2d(4, 6, 3, stride=2),
            nn.ELU(),
            nn.Dropout(0.5),
        )
        self.dense = nn.Sequential(nn.Linear(54, 10), nn.ELU(), nn.Linear(10, 1))

    def forward(self, x):
        x = x / 127.5 - 1
        x = self.conv(x)
        return self.dense(x.view(x.size(0), -1))

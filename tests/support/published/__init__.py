"""Networks that people put on FPGAs, written as published but for their widths."""

__all__ = ["PUBLISHED"]

from support.idioms import Idiom
from support.published.classic import DenseNet, Inception, LeNet5, ResNet8, SqueezeNet, Vgg
from support.published.images import Espcn, Fsrcnn, PilotNet, TinyYolo, UNet, UNetUpsampled
from support.published.mobile import (
    DsCnn,
    EfficientNet,
    GhostNet,
    MobileNetV1,
    MobileNetV2,
    MobileNetV3,
    ShuffleNetV2,
)
from support.published.signals import (
    M5,
    AutoEncoder,
    DeepSets,
    EegNet,
    Fusion,
    JetTagger,
    PointNet,
    Tcn,
    TcResNet,
    WaveNet,
)

SMALL = (3, 16, 16)
PUBLISHED: dict[str, Idiom] = {
    "LeNet-5": Idiom(LeNet5, ((1, 32, 32),)),
    "VGG": Idiom(Vgg, (SMALL,)),
    "ResNet-8": Idiom(ResNet8, (SMALL,)),
    "SqueezeNet": Idiom(SqueezeNet, ((3, 20, 20),)),
    "DenseNet": Idiom(DenseNet, ((3, 8, 8),)),
    "Inception": Idiom(Inception, (SMALL,)),
    "MobileNetV1": Idiom(MobileNetV1, (SMALL,)),
    "MobileNetV2": Idiom(MobileNetV2, (SMALL,)),
    "MobileNetV3": Idiom(MobileNetV3, (SMALL,)),
    "EfficientNet": Idiom(EfficientNet, (SMALL,)),
    "ShuffleNetV2": Idiom(ShuffleNetV2, (SMALL,)),
    "GhostNet": Idiom(GhostNet, (SMALL,)),
    "DS-CNN": Idiom(DsCnn, ((1, 25, 10),)),
    "U-Net": Idiom(UNet, ((1, 10, 10),)),
    "U-Net, upsampled": Idiom(UNetUpsampled, ((1, 8, 8),)),
    "ESPCN": Idiom(Espcn, ((1, 8, 8),)),
    "FSRCNN": Idiom(Fsrcnn, ((1, 6, 6),)),
    "Tiny YOLO": Idiom(TinyYolo, (SMALL,)),
    "PilotNet": Idiom(PilotNet, ((3, 17, 17),)),
    "TCN": Idiom(Tcn, ((2, 16),)),
    "M5": Idiom(M5, ((1, 100),)),
    "TC-ResNet": Idiom(TcResNet, ((6, 20),)),
    "EEGNet": Idiom(EegNet, ((4, 32),)),
    "WaveNet": Idiom(WaveNet, ((1, 16),)),
    "Deep Sets": Idiom(DeepSets, ((6, 3),)),
    "PointNet": Idiom(PointNet, ((3, 12),)),
    "jet tagger": Idiom(JetTagger, ((16,),)),
    "autoencoder": Idiom(AutoEncoder, ((20,),)),
    "sensor fusion": Idiom(Fusion, ((1, 12, 12), (5,))),
}

"""Every way out that a message names, taken: what is refused, the words, and what to write then."""

import re

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from hwgen.compression import PruneRecipe, QuantizeRecipe, Recipe, compress
from hwgen.errors import FormatError, HwgenError, NetworkError, UnsupportedError
from hwgen.formats import parse_format
from hwgen.torch_graph.support import INSTEAD, LAST, SUPPORTED
from hwgen.torch_graph.trace import float_graph_of

X = torch.randn(3, 2, 7, 7, generator=torch.Generator().manual_seed(0))
INT8 = Recipe(quantize=QuantizeRecipe.int8())


class Between(nn.Module):
    """A function of the values of two convolutions, before a Linear or, without one, the last."""

    def __init__(self, function, last=False):
        super().__init__()
        self.a, self.b = nn.Conv2d(2, 4, 3, bias=False), nn.Conv2d(2, 4, 3, bias=False)
        self.act = function if isinstance(function, nn.Module) else None
        self.function, self.last = function, last
        self.fc = nn.Linear(4, 3)

    def forward(self, x):
        a = self.a(x)
        y = self.act(a) if self.act is not None else self.function(a, self.b(x))
        return y if self.last else self.fc(y.mean((2, 3)) if y.dim() == 4 else y[:, :4])


def stack(*layers):
    return nn.Sequential(*layers)


def conv():
    return nn.Conv2d(2, 4, 3)


def last(function):
    return Between(lambda a, b: function(a), last=True)


class Text(nn.Module):
    def __init__(self, function, *layers):
        super().__init__()
        self.layers, self.function = nn.ModuleList(layers), function

    def forward(self, x):
        return self.function(self.layers, x)


WAYS = [  # refused, the words, accepted
    (Between(nn.ReLU6()), "ReLU6: act; use ReLU instead", Between(nn.ReLU())),
    (Between(nn.Sigmoid()), "use ReLU instead", Between(nn.ReLU())),
    (last(torch.sigmoid), LAST, last(lambda a: a)),
    (Between(nn.Softmax(1), last=True), LAST, Between(nn.Identity(), last=True)),
    (last(lambda a: F.log_softmax(a.flatten(1), 1)), LAST, last(lambda a: a.flatten(1))),
    (
        last(lambda a: F.relu(a.view(-1, 2, 2, 5, 5))),
        *("bring it into the shape", last(lambda a: F.relu(a.view(-1, 2, 10, 5)))),
    ),
    (last(lambda a: a.view(4, -1)), "use flatten(1)", last(lambda a: a.flatten(1))),
    (
        last(lambda a: F.interpolate(a, scale_factor=2, mode="bilinear")),
        "use mode='nearest', and a convolution behind it where it is to be smooth",
        stack(conv(), nn.Upsample(scale_factor=2), nn.Conv2d(4, 2, 3)),
    ),
    (
        last(lambda a: a + 1),
        *("add two values that the model computes", Between(lambda a, b: a + b, last=True)),
    ),
    (
        Between(lambda a, b: torch.add(a, b, alpha=2), last=True),
        *("without constants or alpha", Between(torch.add, last=True)),
    ),
    (Between(lambda a, b: a - b, last=True), "with + or", Between(lambda a, b: a + b, last=True)),
    (
        Between(lambda a, b: a * b, last=True),
        *("or torch.cat instead", Between(lambda a, b: torch.cat([a, b], 1), last=True)),
    ),
    (
        Between(lambda a, b: torch.cat([a, b], 2), last=True),
        *("use torch.cat([a, b], 1)", Between(lambda a, b: torch.cat([a, b], 1), last=True)),
    ),
    (last(lambda a: a.mean(1)), "use x.mean((2, 3))", last(lambda a: a.mean((2, 3)))),
    (
        last(lambda a: a.flatten(1).argmax()),
        *("use argmax(1)", last(lambda a: a.flatten(1).argmax(1))),
    ),
    (
        last(lambda a: F.adaptive_avg_pool2d(a, 2)),
        *("an output size that divides", last(lambda a: F.adaptive_avg_pool2d(a, 1))),
    ),
    (
        Between(lambda a, b: F.dropout(a), last=True),
        *(
            "give it training=self.training",
            Between(lambda a, b: F.dropout(a, 0.5, False), last=True),
        ),
    ),
    (Between(lambda a, b: F.dropout(a), last=True), "use nn.Dropout", Between(nn.Dropout())),
    (
        stack(nn.Conv2d(2, 2, 2, padding="same")),
        *("use an odd kernel", stack(nn.Conv2d(2, 2, 3, padding="same"))),
    ),
    (
        stack(conv(), nn.Linear(5, 2)),
        *("put a Flatten before it", stack(conv(), nn.Flatten(), nn.Linear(100, 2))),
    ),
    (
        stack(conv(), nn.BatchNorm2d(4, track_running_stats=False)),
        *("use track_running_stats=True", stack(conv(), nn.BatchNorm2d(4))),
    ),
    (
        stack(conv(), nn.ReLU(), nn.BatchNorm2d(4)),
        *("put it right after one", stack(conv(), nn.BatchNorm2d(4), nn.ReLU())),
    ),
    (
        Text(lambda m, x: m[1](m[0](x)) + m[0](x), conv(), nn.BatchNorm2d(4)),
        "give each use a layer of its own",
        Text(lambda m, x: m[1](m[0](x)) + m[2](x), conv(), nn.BatchNorm2d(4), conv()),
    ),
    (
        Text(lambda m, x: (lambda y: m[1](y) + y)(m[0](x)), conv(), nn.BatchNorm2d(4)),
        "use its output there",
        Text(lambda m, x: (lambda y: y + y)(m[1](m[0](x))), conv(), nn.BatchNorm2d(4)),
    ),
    (
        Text(lambda m, x: m[0](x[:, 0]), nn.Conv1d(7, 2, 3)),
        *("use Conv2d with a height of 1 instead", stack(nn.Conv2d(2, 2, (1, 3)))),
    ),
    (
        stack(conv(), nn.MaxPool2d(2, ceil_mode=True)),
        "use ceil_mode=False, which leaves the last windows out",
        stack(conv(), nn.MaxPool2d(2)),
    ),
    (stack(nn.MaxPool2d(2, dilation=2), conv()), "use dilation=1", stack(nn.MaxPool2d(2), conv())),
    (
        stack(conv(), nn.AvgPool2d(3, padding=1, count_include_pad=False)),
        *("use count_include_pad=True", stack(conv(), nn.AvgPool2d(3, padding=1))),
    ),
    (
        stack(conv(), nn.AvgPool2d(2, divisor_override=3)),
        *("leave it out", stack(conv(), nn.AvgPool2d(2))),
    ),
    (
        stack(conv(), nn.AdaptiveAvgPool2d(3)),
        *("divides it, such as 1", stack(conv(), nn.AdaptiveAvgPool2d(1))),
    ),
    (
        stack(conv(), nn.Flatten(), nn.MaxPool2d(2)),
        *("put it before the Flatten", stack(conv(), nn.MaxPool2d(2), nn.Flatten())),
    ),
    (
        Between(lambda a, b: a + b.mean((2, 3), keepdim=True), last=True),
        *("give both the same shape", Between(lambda a, b: a + b, last=True)),
    ),
    (
        last(lambda a: a.flatten(1).argmax(1) + 1),
        *("leave it for the last operation", last(lambda a: a.flatten(1).argmax(1))),
    ),
    (
        last(lambda a: a.argmax(1)),
        *("put a Flatten before it", last(lambda a: a.flatten(1).argmax(1))),
    ),
    (last(lambda a: (a, a)), "return one tensor", last(lambda a: a)),
    (
        last(lambda a: F.relu(a, inplace=True) + a),
        *("in place", last(lambda a: F.relu(a) + a)),
    ),
    (
        last(lambda a: a if a.sum() > 0 else -a),
        *("write it without ifs", last(lambda a: F.relu(a))),
    ),
]


@pytest.mark.parametrize(("refused", "words", "accepted"), WAYS, ids=[way[1] for way in WAYS])
@pytest.mark.filterwarnings("ignore:Using padding='same'")
def test_the_reader_takes_what_its_messages_advise(refused, words, accepted):
    with pytest.raises(UnsupportedError) as error:
        float_graph_of(refused, X)
    assert words in str(error.value)
    float_graph_of(accepted, X)


def test_signals_get_a_height():
    signal = torch.randn(3, 2, 9)
    with pytest.raises(NetworkError, match=r"give a signal a height of 1, x\[:, :, None\]"):
        float_graph_of(stack(nn.Conv1d(2, 3, 3)), signal)
    float_graph_of(stack(nn.Conv2d(2, 3, (1, 3))), signal[:, :, None])


def test_every_way_out_is_tried():
    tried = [words for _, words, _ in WAYS]
    for text in {*INSTEAD.values(), LAST}:
        assert any(words in text or text in words for words in tried), f"nobody tries: {text}"


def test_many_of_one_kind_are_one_line():
    layers = [part for _ in range(35) for part in (nn.Conv2d(2, 2, 1), nn.ReLU6())]
    model = nn.Sequential(*layers, nn.GELU(), nn.LSTM(7, 7))
    with pytest.raises(UnsupportedError) as error:
        float_graph_of(model, X)
    assert len(error.value.found) == 37
    first, *lines = str(error.value).splitlines()
    assert first == "37 parts of the model cannot be turned into hardware:"
    assert lines == [
        "  ReLU6 x35: 1, 3, 5, ...; use ReLU instead",
        "  GELU: 70; use ReLU instead",
        "  LSTM: 71",
        f"  supported are {SUPPORTED}",
    ]
    with pytest.raises(UnsupportedError) as error:
        float_graph_of(nn.Sequential(nn.Conv2d(2, 2, 1), nn.GELU()), X)
    assert str(error.value).count("supported are") == 0  # it has a way out of its own
    wide = [nn.LocalResponseNorm(2) for _ in range(2)]
    with pytest.raises(UnsupportedError) as error:
        float_graph_of(nn.Sequential(wide[0], nn.InstanceNorm2d(2), nn.PixelShuffle(1), wide[1]), X)
    assert str(error.value).count("supported are") == 1
    assert "LocalResponseNorm x2: 0, 3\n" in str(error.value)


def test_hints_of_formats():
    for name, words, better in (
        *(("int1", "choose binary for one bit", "binary"), ("uint1", "binary for one", "binary")),
        *(("int17", "a narrower format such as int8", "int8"), ("uint99", "such as int8", "int8")),
        *(("pot1", "such as pot4", "pot4"), ("pot4x3", "such as pot4x2", "pot4x2")),
        *(("cb9:8", "such as cb4:8", "cb4:8"), ("cb4:1", "such as cb4:8", "cb4:8")),
    ):
        with pytest.raises(FormatError, match=re.escape(words)):
            parse_format(name)
        assert "narrower" not in words or not name.endswith("1")
        parse_format(better)
    with pytest.raises(FormatError, match="choose binary for one bit"):
        QuantizeRecipe("int1")
    compress(
        stack(conv(), nn.ReLU()),
        Recipe(quantize=QuantizeRecipe("binary", "binary")),
        calibration=[X],
    )


@pytest.mark.parametrize(
    ("recipe", "words", "better"),
    [
        (
            Recipe(PruneRecipe(weights=0.5), QuantizeRecipe("binary")),
            "use one that has, such as int4",
            [
                Recipe(PruneRecipe(weights=0.5), QuantizeRecipe("int4")),
                Recipe(PruneRecipe(weights=0.5), QuantizeRecipe("ternary")),
                Recipe(PruneRecipe(channels=0.5), QuantizeRecipe("binary")),
            ],
        ),
        (
            Recipe(quantize=QuantizeRecipe(budget=150)),
            "raise it, or add a narrower candidate",
            [
                Recipe(quantize=QuantizeRecipe(budget=1000)),
                Recipe(quantize=QuantizeRecipe(budget=150, candidates=("binary", "int4"))),
            ],
        ),
        (
            Recipe(epochs=2, quantize=QuantizeRecipe()),
            "pass train=, or leave its epochs out",
            [Recipe(quantize=QuantizeRecipe())],
        ),
        (
            Recipe(PruneRecipe(skeleton=0.1, stripes=0.5)),
            "A skeleton needs train and epochs above 0; pass it to compress, or leave",
            [Recipe(PruneRecipe(stripes=0.5))],
        ),
        (
            Recipe(quantize=QuantizeRecipe(drop=0.1)),
            "pass it, or leave drop out",
            [Recipe(quantize=QuantizeRecipe())],
        ),
    ],
)
def test_recipes_take_what_their_messages_advise(recipe, words, better):
    model = stack(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Conv2d(4, 1, 3))
    with pytest.raises(HwgenError) as error:
        compress(model, recipe, calibration=[X])
    assert words in str(error.value)
    for other in better:
        compress(model, other, calibration=[X])


def test_an_average_of_binary_values_has_two_ways_out():
    def model(padding):
        return stack(conv(), nn.ReLU(), nn.AvgPool2d(3, padding=padding))

    binary = QuantizeRecipe("int4", "binary", input="int8")
    with pytest.raises(FormatError, match=r"use padding=0, or give the layer before it .* uint2"):
        compress(model(1), Recipe(quantize=binary), calibration=[X])
    compress(model(0), Recipe(quantize=binary), calibration=[X])
    wider = QuantizeRecipe("int4", "binary", input="int8", layers={"0": "int4/uint2"})
    compress(model(1), Recipe(quantize=wider), calibration=[X])

"""Every way out that a message names, taken: what is refused, the words, and what to write then."""

import re

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from hwgen.compression import PruneRecipe, QuantizeRecipe, Recipe, compress
from hwgen.errors import PAGE, FormatError, HwgenError, UnsupportedError
from hwgen.formats import parse_format
from hwgen.torch_graph.support import INSTEAD, SUPPORTED
from hwgen.torch_graph.trace import float_graph_of

X = torch.randn(3, 2, 7, 7, generator=torch.Generator().manual_seed(0))
SIZE = X[0].numel()
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
    (
        last(lambda a: torch.clamp(a, 2.0, 1.0)),
        *("clamp to numbers, the smaller one first", last(lambda a: torch.clamp(a, 1.0, 2.0))),
    ),
    (Between(lambda a, b: a**b, last=True), "use a number for the", last(lambda a: a**3)),
    (
        last(lambda a: F.rrelu(a, training=True)),
        *("use nn.RReLU, or give it training=False", last(F.rrelu)),
    ),
    (
        Text(lambda m, x: F.prelu(m[0](x), m[1].weight), conv(), nn.PReLU()),
        *("use nn.PReLU", Text(lambda m, x: m[1](m[0](x)), conv(), nn.PReLU())),
    ),
    (Between(nn.Softmax(1)), "use it for the last operation", last(lambda a: a.softmax(1))),
    (last(lambda a: F.softmax(a, 0)), "over the classes", last(lambda a: F.softmax(a, 1))),
    (
        Text(lambda layers, x: F.conv2d(x, layers[0].weight), conv()),
        *("use nn.Conv1d or nn.Conv2d, which hold", Text(lambda layers, x: layers[0](x), conv())),
    ),
    (
        Text(lambda layers, x: F.linear(x.flatten(1), layers[0].weight), nn.Linear(SIZE, 3)),
        "use nn.Linear, which holds",
        Text(lambda layers, x: layers[0](x.flatten(1)), nn.Linear(SIZE, 3)),
    ),
    (last(lambda a: a < 0.5), "compare with > or >= and a number", last(lambda a: a >= 0.5)),
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
        last(lambda a: a + torch.ones(5, 5)),
        *("a value and a number or one a channel", last(lambda a: a + torch.ones(4, 1, 1))),
    ),
    (
        Between(lambda a, b: torch.add(a, b, alpha=0), last=True),
        *("use two values that the model computes", Between(torch.add, last=True)),
    ),
    (
        Between(lambda a, b: a / b, last=True),
        *("divide by numbers, one for all or one a channel", last(lambda a: a / 3)),
    ),
    (
        Between(lambda a, b: torch.cat([a, b], 2), last=True),
        *("use torch.cat([a, b], 1)", Between(lambda a, b: torch.cat([a, b], 1), last=True)),
    ),
    (last(lambda a: a.mean(1)), "use x.mean((2, 3))", last(lambda a: a.mean((2, 3)))),
    (
        last(lambda a: a.amax((1, 3))),
        *("or x.amax((2, 3)), over the whole image", last(lambda a: a.amax((2, 3)))),
    ),
    (last(lambda a: a.sum(2)), "or keepdim=True", last(lambda a: a.sum(2, keepdim=True))),
    (
        last(lambda a: a.flatten(1).argmax()),
        *("use argmax(1)", last(lambda a: a.flatten(1).argmax(1))),
    ),
    (
        last(lambda a: F.adaptive_avg_pool2d(a, 0)),
        *("an output size of at least 1", last(lambda a: F.adaptive_avg_pool2d(a, 1))),
    ),
    (
        Between(lambda a, b: F.dropout(a), last=True),
        *(
            "give it training=self.training",
            Between(lambda a, b: F.dropout(a, 0.5, False), last=True),
        ),
    ),
    (Between(lambda a, b: F.dropout(a), last=True), "use nn.Dropout", Between(nn.Dropout())),
    (stack(nn.Conv1d(2, 2, 3)), "use Conv2d", stack(nn.Conv2d(2, 2, 3))),
    (
        stack(conv(), nn.Linear(6, 2)),
        *("put a Flatten before it", stack(conv(), nn.Flatten(), nn.Linear(100, 2))),
    ),
    (
        stack(conv(), nn.BatchNorm2d(4, track_running_stats=False)),
        *("use track_running_stats=True", stack(conv(), nn.BatchNorm2d(4))),
    ),
    (
        stack(conv(), nn.GroupNorm(2, 4)),
        *("use BatchNorm instead", stack(conv(), nn.BatchNorm2d(4))),
    ),
    (
        Text(lambda m, x: m[1](m[0](x)) + m[0](x), conv(), nn.BatchNorm2d(4)),
        "give each use a layer of its own",
        Text(lambda m, x: m[1](m[0](x)) + m[2](x), conv(), nn.BatchNorm2d(4), conv()),
    ),
    (
        stack(conv(), nn.MaxPool2d(2, return_indices=True)),
        *("use return_indices=False", stack(conv(), nn.MaxPool2d(2))),
    ),
    (
        stack(conv(), nn.MaxPool2d(2, 1, 1, dilation=6)),
        *("use a smaller dilation", stack(conv(), nn.MaxPool2d(2, 1, 1, dilation=5))),
    ),
    (
        stack(conv(), nn.AvgPool2d(2, divisor_override=-1)),
        *("use one of at least 1", stack(conv(), nn.AvgPool2d(2, divisor_override=1))),
    ),
    (
        stack(conv(), nn.Flatten(), nn.MaxPool2d(2)),
        *("put it before the Flatten", stack(conv(), nn.MaxPool2d(2), nn.Flatten())),
    ),
    (
        Between(lambda a, b: a + F.avg_pool2d(b, (1, 5)), last=True),
        *("give both the same shape, or one of them a number a channel", Between(torch.add, True)),
    ),
    (
        Between(lambda a, b: torch.maximum(a, b.mean((2, 3), keepdim=True)), last=True),
        *("without broadcasting", Between(torch.maximum, last=True)),
    ),
    (
        Text(lambda m, x: F.conv2d(x, m[0].weight), conv()),
        *("use nn.Conv1d or nn.Conv2d, which hold their weights", stack(conv())),
    ),
    (
        Text(lambda m, x: F.linear(x.flatten(1), m[0].weight), nn.Linear(98, 2)),
        *("use nn.Linear, which holds its weights", stack(nn.Flatten(), nn.Linear(98, 2))),
    ),
    (
        last(lambda a: a.flatten(1).argmax(1) + 1),
        *("leave it for the last operation", last(lambda a: a.flatten(1).argmax(1))),
    ),
    (
        last(lambda a: a.argmax(1)),
        *("put a Flatten before it", last(lambda a: a.flatten(1).argmax(1))),
    ),
    (last(lambda a: (a, (a, a))), "in one tuple, list or dict", last(lambda a: (a, a))),
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


def test_images_without_a_batch_get_one():
    with pytest.raises(UnsupportedError, match=r"a batch of one, x\[None\]"):
        float_graph_of(stack(conv()), X[0])
    float_graph_of(stack(conv()), X[0][None])


def test_every_way_out_is_tried():
    tried = [words for _, words, _ in WAYS]
    for text in INSTEAD.values():
        assert any(words in text or text in words for words in tried), f"nobody tries: {text}"


def test_many_of_one_kind_are_one_line():
    layers = [part for _ in range(35) for part in (nn.Conv2d(2, 2, 1), nn.InstanceNorm2d(2))]
    model = nn.Sequential(*layers, nn.Softmax(1), nn.LSTM(7, 7))
    with pytest.raises(UnsupportedError) as error:
        float_graph_of(model, X)
    assert len(error.value.found) == 37
    first, *lines = str(error.value).splitlines()
    assert first == "37 parts of the model cannot be turned into hardware:"
    assert lines == [
        f"  InstanceNorm2d x35: 1, 3, 5, ...; {INSTEAD['InstanceNorm2d']}",
        f"  Softmax: 70; {INSTEAD['Softmax']}",
        "  LSTM: 71",
        f"  supported are {SUPPORTED}",
        f"  {PAGE}",
    ]
    with pytest.raises(UnsupportedError) as error:
        float_graph_of(nn.Sequential(nn.Conv2d(2, 2, 1), nn.InstanceNorm2d(2)), X)
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

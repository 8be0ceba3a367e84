"""Signal to noise in the history, and the warnings: what they name, and that the way out helps."""

import json
import math
import re
import warnings

import pytest
import torch
from torch import nn

from hwgen import api
from hwgen.compression import Compressed, QuantizeRecipe, Recipe, compress
from hwgen.errors import HwgenWarning
from hwgen.torch_graph.threads import thrifty_threads

X = torch.rand(128, 8, generator=torch.Generator().manual_seed(0))


def run(model: nn.Module, x: torch.Tensor = X, train=None, **settings) -> Compressed:
    """Return the result of compression; its warnings are Python's as well."""
    known = {"weights": "int8", "activations": "uint8", "epochs": 0}
    recipe = Recipe(quantize=QuantizeRecipe(**{**known, **settings}))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        done = compress(model.eval(), recipe, calibration=[x], train=train)
    found = tuple(str(w.message) for w in caught if issubclass(w.category, HwgenWarning))
    assert found == done.warnings
    return done


def mlp(hidden: int = 16) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, hidden), nn.ReLU(), nn.Linear(hidden, 5))


def scaled(layer: nn.Linear, factors: torch.Tensor) -> None:
    with torch.no_grad():
        layer.weight.mul_(factors[:, None])
        layer.bias.mul_(factors)


def test_the_history_has_every_layer_and_channel():
    model = mlp()
    done = run(model)
    assert done.history[0].noise == () and done.history[0].db is None
    noise = done.history[-1].noise
    assert [of.layer for of in noise] == ["input", "0", "2"]
    assert [len(of.channels) for of in noise] == [8, 16, 5]
    with torch.no_grad():
        y, z = model(X).double(), done.module(X)
    signal, lost = y.var(0, correction=0), ((y - z) ** 2).mean(0)
    expected = (10 * torch.log10(signal / lost)).tolist()
    assert list(noise[-1].channels) == pytest.approx(expected, abs=0.01)
    whole = 10 * math.log10(signal.sum() / lost.sum())
    assert done.history[-1].db == noise[-1].db == pytest.approx(whole, abs=0.01)
    assert 30 < noise[-1].db < 50 and not done.warnings
    json.dumps([of.channels for of in noise], allow_nan=False)


def test_what_is_equal_or_silent_has_figures_for_json():
    model = nn.Sequential(nn.Linear(4, 2), nn.ReLU())
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[1.0, 0, 0, 0], [0, 0, 0, 0]]))
        model[0].bias.zero_()
    x = torch.arange(256.0)[:, None].repeat(1, 4)
    (last,) = run(model, x, output="uint8").history[-1].noise[1:]
    assert last.channels == (120.0, None) and last.db == 120.0


class Branches(nn.Module):
    """Two branches side by side, the second a hundred times smaller."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.a, self.b, self.out = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(16, 4)
        scaled(self.b, torch.full((8,), 0.01))
        with torch.no_grad():
            self.out.weight[:, 8:] *= 30

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(torch.cat([self.a(x).relu(), self.b(x).relu()], 1))


def unequal() -> nn.Module:
    """Channels up to a hundred times apart, that the next layer brings together again."""
    model = mlp()
    factors = torch.logspace(0, -2, 16)[torch.randperm(16)]
    scaled(model[0], factors)
    with torch.no_grad():
        model[2].weight.div_(factors)
    return model


def small_output() -> nn.Module:
    model = mlp()
    scaled(model[2], torch.tensor([1.0, 1, 1, 1, 0.01]))
    return model


def one_scale() -> nn.Module:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 8))
    scaled(model[0], torch.tensor([1.0] * 7 + [0.003]))
    return model


@pytest.mark.parametrize(
    ("model", "settings", "named", "ways"),
    [
        (unequal, {}, r"^0: channels [0-9, ]+ of 16 have .* equalize=True", [{"equalize": True}]),
        (
            small_output,
            {},
            r"^2: channel 4 of 5 has -\d dB, where the rest .* output=None or output=.int13",
            [{"output": None}, {"output": "int13"}],
        ),
        (
            one_scale,
            {"per_channel": False, "output": None},
            r"^0: channel 7 of 8 has .* per_channel=True",
            [{"per_channel": True}],
        ),
        (Branches, {}, r"^b: all channels have .* use layers=\{", []),
    ],
)
def test_what_stands_out_is_named_and_the_way_out_mends_it(model, settings, named, ways):
    done = run(model(), **settings)
    assert re.match(named, done.warnings[0]), done.warnings
    found = re.search(r"layers=(\{.*?\})", done.warnings[0])
    if found:
        ways = [{"layers": json.loads(found[1].replace("'", '"'))}]
    assert ways
    layer = done.warnings[0].partition(":")[0]
    for way in ways:
        mended = run(model(), **{**settings, **way})
        assert not any(text.startswith(f"{layer}:") for text in mended.warnings), mended.warnings
        (before, after) = (
            min(db for of in d.history[-1].noise if of.layer == layer for db in of.channels if db)
            for d in (done, mended)
        )
        assert after > before + 10 and after > 12, (way, before, after)


def test_an_offset_is_named_and_taking_it_out_helps():
    model = mlp()
    with torch.no_grad():  # as if trained on such data
        model[0].bias -= model[0].weight.sum(1) * 1000
    done = run(model, X + 1000)
    assert re.match(r"^input: all channels .* vary by 0\.29 about 1000, .* mean", done.warnings[0])
    assert "outputs are noise" in done.warnings[-1]
    assert not run(mlp(), X).warnings


@pytest.mark.parametrize("x", [X * 0, X[:1].repeat(8, 1)])
def test_calibration_that_says_nothing(x):
    (text,) = run(mlp(), x).warnings
    assert "calibration" in text and "real inputs" in text


@pytest.mark.parametrize("weights", ["ternary", "binary", "int2"])
def test_outputs_that_are_noise(weights):
    done = run(mlp(), weights=weights, activations="uint4")
    assert any("outputs are noise: 2 has" in text for text in done.warnings), done.warnings
    assert "0 loses most" in done.warnings[-1] or "2 loses most" in done.warnings[-1]
    assert not run(mlp(), weights="int4", activations="uint8").warnings


def test_after_training_the_weights_are_those_that_were_trained():
    model = mlp()
    with torch.no_grad():
        y = -model(X)  # to be unlearned

    def train(module: nn.Module, epochs: int) -> None:
        optimizer = torch.optim.Adam(module.parameters(), 1e-2)
        with thrifty_threads(module, X):
            for _ in range(epochs):
                optimizer.zero_grad()
                nn.functional.mse_loss(module(X), y).backward()
                optimizer.step()

    done = run(model, train=train, epochs=60)
    first, last = (record.db for record in done.history[-2:])
    with torch.no_grad():
        against_first = float((done.module(X) - model(X)).var() / model(X).var())
    assert against_first > 1 and first > 30 and last > 25  # noise against what it was
    for weights in ("cb4:8", "ternary"):
        assert run(model, train=train, epochs=3, weights=weights).history[-1].db is not None


def test_a_small_branch_is_no_alarm_where_the_sum_is_fine():
    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.f = nn.Linear(8, 8)
            scaled(self.f, torch.full((8,), 1e-5))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + self.f(x)

    done = run(Residual())
    assert not done.warnings and done.history[-1].db > 40
    assert dict((of.layer, of.db) for of in done.history[-1].noise)["f"] < 12


def test_measuring_candidates_warns_of_nothing():
    measure = api.hardware_cost("luts", calibration=[X * 0], quantize=QuantizeRecipe("int8"))
    with warnings.catch_warnings():
        warnings.simplefilter("error", HwgenWarning)
        assert measure(mlp(4).eval()) > 0

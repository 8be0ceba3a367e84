"""Calibration data of every kind that users have: the inputs in it, or what was given."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import hwgen
from hwgen.compression import PruneRecipe, QuantizeRecipe, Recipe, compress
from hwgen.compression.calibration_data import TOGETHER, input_batches
from hwgen.errors import HwgenError, NetworkError

X = torch.randn(10, 1, 2, 2, generator=torch.Generator().manual_seed(0))
Y = torch.arange(10) % 3
PAIRS = TensorDataset(X, Y)


def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(4, 3))


@pytest.mark.parametrize(
    "given",
    [
        *(X, X.numpy(), X.double(), X.numpy().astype(np.float64), [X], (X,), [X.numpy()]),
        *(X.split(4), [x.numpy() for x in X.split(4)], iter(X.split(4)), list(X), list(X.numpy())),
        *([(X, Y)], [[X[:5], Y[:5]], [X[5:], Y[5:]]], [(X.numpy(), Y.numpy())], PAIRS, [(X,)]),
        *(DataLoader(PAIRS, 4), DataLoader(TensorDataset(X), 4), DataLoader(X, 3), list(PAIRS)),
        *(zip(X.split(5), Y.split(5), strict=True), ((x, y) for x, y in PAIRS)),
        np.ascontiguousarray(X.numpy()[:, :, ::-1])[:, :, ::-1],  # of negative strides
    ],
    ids=lambda given: type(given).__name__,
)
def test_the_inputs_are_taken(given):
    batches = input_batches(given)
    assert all(batch.dtype == torch.float32 and batch.dim() == 4 for batch in batches)
    assert torch.equal(torch.cat(batches), X)


def test_features_bytes_and_single_inputs():
    assert torch.equal(input_batches(X.flatten(1))[0], X.flatten(1))
    assert input_batches((X * 50).to(torch.uint8))[0].dtype == torch.float32
    assert input_batches(X[0])[0].shape == (1, 1, 2, 2)
    assert input_batches([X[:, 0]], X[:1, 0])[0].shape == X[:, 0].shape  # lengths, not an image
    assert input_batches(list(X[:, 0]), X[:1, 0])[0].shape == X[:, 0].shape
    many = torch.zeros(TOGETHER + 3, 4)
    assert [len(batch) for batch in input_batches(list(many))] == [TOGETHER, 3]


@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        ({"x": X, "y": Y}, HwgenError, "not be a dict with keys 'x', 'y'; give batches of inputs"),
        ([{"x": X}], NetworkError, "Calibration holds a dict with keys 'x'; give batches"),
        ("data/train", HwgenError, "must not be a str"),
        (3, HwgenError, "must not be a int"),
        ([("a.png", 3)], NetworkError, "Calibration holds a tuple of a str, a int"),
        ([torch.zeros(2, 3, 4, 5, 6)], NetworkError, r"holds Tensor of shape \(2, 3, 4, 5, 6\)"),
        (torch.tensor(1.0), NetworkError, r"holds Tensor of shape \(\)"),
        (np.zeros((2, 2, 2, 2, 2)), NetworkError, r"holds ndarray of shape \(2, 2, 2, 2, 2\)"),
        (np.array(["a"]), NetworkError, "holds ndarray of shape"),
        ([X.to(torch.complex64)], NetworkError, "holds Tensor of shape .* torch.complex64"),
        ([None], NetworkError, "Calibration holds a NoneType"),
        ([[]], NetworkError, "Calibration holds a list"),
    ],
)
def test_anything_else_is_named(given, kind, message):
    with pytest.raises(kind, match=message):
        compress(model(), Recipe(quantize=QuantizeRecipe.int8()), calibration=given, example=X[:1])


def test_batches_of_signals_are_told_from_images_by_the_model():
    """(16, 1, 32): sixteen signals for Conv1d, one image of sixteen channels for Conv2d."""
    signals = [torch.randn(16, 1, 32) for _ in range(3)]
    model = torch.nn.Sequential(torch.nn.Conv1d(1, 2, 5), torch.nn.BatchNorm1d(2))
    assert [x.shape for x in input_batches(signals, model=model)] == [(16, 1, 32)] * 3
    assert [x.shape for x in input_batches(signals, model=torch.nn.Conv2d(16, 1, 1))] == [
        (3, 16, 1, 32)
    ]
    assert input_batches([torch.randn(5, 7)], model=torch.nn.Linear(7, 1))[0].shape == (5, 7)
    done = compress(model.eval(), Recipe(quantize=QuantizeRecipe()), calibration=signals)
    assert done.module(signals[0]).shape == (16, 2, 28)


def test_pairs_whose_first_is_the_label():
    swapped = DataLoader(TensorDataset(Y, X), 4)
    with pytest.raises(NetworkError, match=r"shape \(batch, 1, 2, 2\) like the example, not"):
        compress(
            model(), Recipe(quantize=QuantizeRecipe.int8()), calibration=swapped, example=X[:1]
        )


def test_every_verb_takes_pairs():
    loader = DataLoader(PAIRS, 4)
    int8 = QuantizeRecipe.int8()
    expected = compress(model(), Recipe(quantize=int8), calibration=[X]).module(X)
    assert torch.equal(
        compress(model(), Recipe(quantize=int8), calibration=loader).module(X), expected
    )
    compress(model(), Recipe(PruneRecipe(0.0, weights=0.5), int8), calibration=loader)
    assert hwgen.hardware_cost("luts", calibration=loader)(model()) > 0

"""The workflow: its steps, their records, and what they leave alone."""

import copy

import pytest
import torch
from torch import nn

from hwgen.compression import PruneRecipe, QuantizeRecipe, Recipe, compress
from hwgen.errors import FormatError, NetworkError
from hwgen.importers.from_torch import import_torch
from hwgen.network import Conv2d, Linear
from hwgen.torch_graph.threads import thrifty_threads

X = torch.randn(16, 1, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def model():
    torch.manual_seed(0)
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 3, bias=False), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 5, 2, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(5, 3)),
    )


def train(model: nn.Module, epochs: int) -> None:
    assert model.training
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for _ in range(epochs):
        optimizer.zero_grad()
        model(X).square().mean().backward()
        optimizer.step()


def test_history_and_counts(model):
    before = copy.deepcopy(model.state_dict())
    steps: list[str] = []
    seen: list[nn.Module] = []

    def evaluate(module: nn.Module) -> float:
        assert not module.training
        seen.append(copy.deepcopy(module))
        return 0.2 * len(seen)

    recipe = Recipe(PruneRecipe(0.5, epochs=2), QuantizeRecipe(epochs=3))
    done = compress(
        model,
        recipe,
        example=X[:1],
        train=train,
        evaluate=evaluate,
        calibration=X.split(4),
        progress=steps.append,
    )
    assert steps == ["float", "prune", "fine-tune", "quantize", "qat"]
    assert [record.step for record in done.history] == steps
    assert [record.accuracy for record in done.history] == [0.2 * n for n in range(1, 6)]
    assert all(record.seconds >= 0 for record in done.history)
    full, small = done.history[0], done.history[-1]
    assert full.parameters == 6 * 9 + 6 + 5 * 24 + 5 + 15 + 3
    assert full.macs == 36 * 6 * 9 + 5 * 24 + 15
    assert [record.parameters for record in done.history[1:]] == [small.parameters] * 4

    network = import_torch(done.module, X[:1])
    weighted = [node for node in network.nodes if isinstance(node.op, Conv2d | Linear)]
    macs = 0
    for node in weighted:
        outputs = 1
        for extent in network.tensors[node.name].shape:
            outputs *= extent
        macs += outputs * node.op.weight[0].size
    assert small.parameters == sum(n.op.weight.size + n.op.bias.size for n in weighted)
    assert small.macs == macs
    assert not done.module.training
    assert model.training and all(
        torch.equal(before[name], value) for name, value in model.state_dict().items()
    )


def test_ptq_only(model):
    recipe = Recipe(quantize=QuantizeRecipe("int8", "uint8"))
    done = compress(model, recipe, example=X[:1], calibration=[X])
    assert [record.step for record in done.history] == ["float", "quantize"]
    assert done.history[-1].accuracy is None
    with torch.no_grad():
        expected, got = model.eval()(X), done.module(X)
    assert float((got - expected).abs().max()) < 0.05 * float(expected.abs().max())


def test_training_moves_weights_and_scales(model):
    recipe = Recipe(quantize=QuantizeRecipe(epochs=3))
    ptq = compress(model, recipe, example=X[:1], calibration=[X]).module
    qat = compress(model, recipe, example=X[:1], calibration=[X], train=train).module
    after = dict(qat.named_parameters())
    for name, value in ptq.named_parameters():
        assert not torch.equal(value, after[name]), f"{name} did not move"


def test_both_modes_mean_the_same(model):
    """Training computes in float32 what evaluation computes in integers, but for rare roundings."""
    module = compress(
        model, Recipe(quantize=QuantizeRecipe()), example=X[:1], calibration=[X]
    ).module
    with torch.no_grad():
        exact = module(X)
        fake = module.train()(X)
    assert exact.dtype == torch.float64 and fake.dtype == torch.float32
    step = float(module.get_submodule("7.quant").output_scale())
    close = (exact - fake).abs() < 2.5 * step
    assert close.double().mean() > 0.9


def test_copies_are_whole(model):
    module = compress(
        model, Recipe(quantize=QuantizeRecipe()), example=X[:1], calibration=[X]
    ).module
    copied = copy.deepcopy(module)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
    again = compress(
        model, Recipe(quantize=QuantizeRecipe()), example=X[:1], calibration=[X]
    ).module
    assert torch.equal(copied(X), again(X))


def test_training_to_nan_names_the_layer(model):
    def explode(module: nn.Module, epochs: int) -> None:
        with torch.no_grad():
            module.get_parameter("4.weight").fill_(float("nan"))

    with pytest.raises(FormatError, match="^4: weight must be finite"):
        compress(
            model,
            Recipe(quantize=QuantizeRecipe()),
            example=X[:1],
            calibration=[X],
            train=explode,
        )


def test_raw_output_needs_a_last_layer_with_weights(model):
    recipe = Recipe(quantize=QuantizeRecipe(output=None))
    for layer in (nn.ReLU(), nn.Flatten()):
        with pytest.raises(NetworkError, match="output=None needs a network that ends with"):
            compress(nn.Sequential(model, layer), recipe, example=X[:1], calibration=[X])


def test_a_bias_too_large_for_exactness_names_the_layer():
    model = nn.Sequential(nn.Conv2d(1, 1, 1))
    with torch.no_grad():
        model[0].weight.fill_(1e-12)
        model[0].bias.fill_(1e6)
    recipe = Recipe(quantize=QuantizeRecipe(output=None))
    module = compress(model, recipe, example=X[:1], calibration=[X]).module
    assert float((module(X) - 1e6).abs().max()) < 1
    with torch.no_grad():  # by a training that runs away
        module.get_parameter("0.bias").fill_(1e30)
    with pytest.raises(FormatError, match=r"^0: accumulators must stay below 2\*\*50"):
        module(X)


def test_small_models_take_one_thread_for_our_work_and_the_users_for_theirs(model):
    threads, used = torch.get_num_threads(), {}
    try:
        torch.set_num_threads(2)

        def evaluate(module: nn.Module) -> float:
            used["evaluate"] = torch.get_num_threads()
            return 0.0

        def batches():
            used["calibration"] = torch.get_num_threads()
            yield X

        recipe = Recipe(quantize=QuantizeRecipe())
        compress(model, recipe, example=X[:1], evaluate=evaluate, calibration=batches())
        assert used == {"evaluate": 2, "calibration": 1} and torch.get_num_threads() == 2
        with thrifty_threads(nn.Linear(2000, 1000), X):
            assert torch.get_num_threads() == 2
        with pytest.raises(KeyError), thrifty_threads(model, X):
            raise KeyError
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)

"""Modules as users have them: pruned by torch, normed, wrapped, of other types and devices."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.ao.pruning import WeightNormSparsifier
from torch.nn.utils import parametrizations, parametrize, prune, spectral_norm, weight_norm
from torch.optim.swa_utils import AveragedModel

from hwgen.compression import PruneRecipe, QuantizeRecipe, Recipe, compress
from hwgen.errors import HwgenError, HwgenWarning
from hwgen.importers.from_torch import import_torch
from hwgen.torch_graph.adopt import adopt

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning"),
]
X = torch.randn(12, 1, 4, 4, generator=torch.Generator().manual_seed(0))
INT8 = Recipe(quantize=QuantizeRecipe.int8())


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        *(nn.Conv2d(1, 4, 2), nn.ReLU(), nn.Flatten(), nn.Linear(36, 5), nn.ReLU()),
        nn.Linear(5, 3),
    )


def train(model: nn.Module, epochs: int) -> None:
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05, weight_decay=0.1)
    for _ in range(epochs):
        optimizer.zero_grad()
        (model(X) - 1).square().mean().backward()
        optimizer.step()


def integers(model: nn.Module, x: torch.Tensor = X) -> np.ndarray:
    network = import_torch(compress(model, INT8, calibration=[x]), x)
    return network.run(network.quantize(x.float().numpy()))


def scaled(x):
    return x * 0.5


class Scaled(nn.Module):
    def forward(self, x):
        return scaled(x)


@pytest.mark.parametrize(
    "norm",
    [
        *(weight_norm, spectral_norm),
        *(
            parametrizations.weight_norm,
            parametrizations.spectral_norm,
            parametrizations.orthogonal,
        ),
        lambda layer: parametrize.register_parametrization(layer, "weight", Scaled()),
        lambda layer: parametrize.register_parametrization(layer, "bias", Scaled()),
    ],
)
def test_weights_that_are_computed_are_taken_as_what_they_are(norm):
    model = network()
    norm(model[0])
    norm(model[3])
    train(model, 2)
    plain = network()  # the same function with plain weights
    model.eval()
    with torch.no_grad():
        expected = model(X)
        for at in (0, 3, 5):
            plain[at].weight.copy_(model[at].weight)
            plain[at].bias.copy_(model[at].bias)
    assert np.array_equal(integers(model), integers(plain))
    with torch.no_grad():  # and the user's own is as it was
        assert torch.equal(model(X), expected)
    model.train()
    train(model, 1)


def masked(prepare) -> nn.Sequential:
    model = network()
    prepare(model)
    return model


def structured(model):
    prune.ln_structured(model[0], "weight", 0.5, n=2, dim=0)
    prune.random_unstructured(model[0], "weight", 0.2)  # a container of both


def globally(model):
    layers = [(model[0], "weight"), (model[3], "weight")]
    prune.global_unstructured(layers, pruning_method=prune.L1Unstructured, amount=0.5)


def torch_ao(model):
    config = [{"tensor_fqn": "3.weight"}]
    sparsifier = WeightNormSparsifier(0.5, sparse_block_shape=(1, 1), zeros_per_block=1)
    sparsifier.prepare(model, config)
    sparsifier.step()


@pytest.mark.parametrize(
    "prepare",
    [
        lambda model: prune.l1_unstructured(model[3], "weight", 0.5),
        *(structured, globally, torch_ao),
        lambda model: prune.custom_from_mask(model[5], "weight", torch.eye(3, 5)),
    ],
)
def test_what_torch_pruned_stays_zero(prepare):
    model = masked(prepare)
    gone = {at: (model[at].weight == 0) for at in (0, 3, 5)}
    assert sum(int(zeros.sum()) for zeros in gone.values()) > 4
    recipe = Recipe(
        PruneRecipe(weights=0.1, epochs=2), QuantizeRecipe("int8", "uint8", epochs=2), epochs=2
    )
    done = compress(model, recipe, train=train, calibration=[X])
    assert [record.step for record in done.history] == [
        *("train", "prune", "fine-tune", "quantize", "qat")
    ]
    for at, zeros in gone.items():
        weight = done.module.get_submodule(str(at)).integer_weight()
        assert bool((weight[zeros] == 0).all()), f"layer {at}"
        assert bool((weight[~zeros] != 0).any()), f"layer {at}"
    smaller = compress(  # masks shrink with the layers
        model,
        Recipe(PruneRecipe(channels=0.4, epochs=1), recipe.quantize),
        train=train,
        calibration=[X],
    )
    assert smaller.history[-1].parameters < done.history[-1].parameters


def test_pruned_biases_are_zero_and_said_to_be_free():
    model = network()
    prune.random_unstructured(model[3], "bias", 0.5)
    zeros = model[3].bias == 0
    with pytest.warns(HwgenWarning, match=r"^3\.bias: zeros that torch\.nn\.utils\.prune made"):
        module = compress(model, Recipe(PruneRecipe(weights=0.1)), example=X[:1]).module
    assert torch.equal(module.get_parameter("3.bias") == 0, zeros)


def compiled_in_place(model):
    model.compile(backend="eager")
    return model


def nested(wrap):
    def put(model):
        model[3] = wrap(model[3])
        return model

    return put


def compiled(model):
    return torch.compile(model, backend="eager")


@pytest.mark.parametrize(
    "wrap",
    [
        *(nn.DataParallel, AveragedModel, compiled, compiled_in_place),
        *(nested(nn.DataParallel), nested(compiled)),
        lambda model: nn.DataParallel(compiled(model)),
        *(lambda model: model.double(), lambda model: model.share_memory()),
    ],
)
def test_wrappers_come_off(wrap):
    assert np.array_equal(integers(wrap(network())), integers(network()))


def test_a_compressed_module_is_unwrapped_and_so_is_what_compress_returned():
    done = compress(network(), INT8, calibration=[X])
    expected = import_torch(done.module, X)
    for given in (done, nn.DataParallel(done.module), compiled(done.module), done.module.double()):
        found = import_torch(given, X)
        assert str(found) == str(expected)
        x = found.quantize(X.numpy())
        assert np.array_equal(found.run(x), expected.run(x))


@pytest.mark.parametrize("kind", [torch.float64, torch.float16, torch.bfloat16])
def test_other_types_of_floats(kind):
    """Exact as weights; the user's functions go on with inputs of their own type."""
    model = network().to(kind)
    seen = []

    def evaluate(module: nn.Module) -> float:
        with torch.no_grad():
            seen.append(module(X.to(kind)).shape)
        return 0.9

    def train_so(module: nn.Module, epochs: int) -> None:
        optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
        module(X.to(kind)).square().mean().backward()
        optimizer.step()

    same = network().to(kind).float()
    assert np.array_equal(integers(model, X.to(kind)), integers(same, X.to(kind).float()))
    recipe = Recipe(quantize=QuantizeRecipe(epochs=1))
    done = compress(
        model,
        recipe,
        calibration=[X.to(kind)],
        example=X[:1].to(kind),
        evaluate=evaluate,
        train=train_so,
    )
    assert len(seen) == 3 and next(model.parameters()).dtype == kind
    import_torch(done, X)


def lossy() -> nn.Module:
    model = network().double()
    with torch.no_grad():
        model[3].weight += 1e-12
    return model


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lossy, r"^3\.weight: torch\.float64 has numbers that float32 has not; pass model\.float"),
        (lambda: torch.jit.script(network()), "^model: TorchScript keeps no layers"),
        (lambda: torch.jit.trace(network(), X), "^model: TorchScript keeps no layers"),
        (lambda: nested(torch.jit.script)(network()), "^3: TorchScript keeps no layers"),
        (lambda: network().to("meta"), r"has no values yet; run the model once, or load"),
        (lambda: nn.Sequential(nn.Flatten(), nn.LazyLinear(3)), r"^1\.weight: has no values yet"),
        (lambda: network().to(torch.complex64), r"must be real numbers, not torch\.complex64"),
        (lambda: network().state_dict(), "must be a torch.nn.Module, not OrderedDict"),
        (lambda: nn.Linear, "must be a torch.nn.Module, not the class Linear"),
        (lambda: None, "must be a torch.nn.Module, not NoneType"),
    ],
)
def test_what_cannot_be_taken_is_one_clear_line(model, message):
    with pytest.raises(HwgenError, match=message) as error:
        compress(model(), INT8, calibration=[X])
    assert "\n" not in str(error.value)


def test_the_way_out_of_doubles_that_float32_has_not():
    integers(lossy().float())


def test_a_single_layer_keeps_its_mask():
    layer = nn.Linear(16, 3)
    prune.l1_unstructured(layer, "weight", 0.5)
    assert list(adopt(layer).masks) == ["0"]

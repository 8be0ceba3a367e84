"""A model is traced once: pruning, quantization and import go on with the graph of that trace."""

import copy
import pickle

import numpy as np
import pytest
import torch
from torch import nn

from hwgen.compression import PruneRecipe, PruneTarget, QuantizeRecipe, Recipe, compress, history
from hwgen.compression import stages as compression_stages
from hwgen.compression.prune import scan_sensitivity
from hwgen.compression.prune import state as pruning_state
from hwgen.errors import NetworkError, UnsupportedError
from hwgen.importers.from_torch import import_torch
from hwgen.network import Network, Node
from hwgen.torch_graph.trace import float_graph_of
from hwgen.torch_graph.tracer import Tracer
from hwgen.torch_graph.update import update_graph, with_shapes
from support.pruned import MASKING, X, residual, train
from support.torch_models import random_module

pytestmark = pytest.mark.usefixtures("one_thread")

QUANTIZE = QuantizeRecipe("int8", "uint8", epochs=1, tune=1, frozen_norms=1)
SCHEDULES = {
    **{name: MASKING[name] for name in ("stripes in groups", "channels, weights", "all")},
    "no pruning": None,
    "channels in four steps": PruneRecipe(0.6, epochs=1, steps=4),
    "channels, undone": PruneRecipe(0.6, epochs=1, steps=3, target=PruneTarget(accuracy=0.9)),
    "channels by sensitivity": PruneRecipe(0.5, epochs=1, steps=2, sensitivity=0.2),
    "channels by their gradients": PruneRecipe(0.5, epochs=1, steps=2, importance="taylor"),
}


@pytest.fixture
def traces(monkeypatch):
    """The modules that were traced, in order."""
    found = []
    traced = Tracer.traced

    def noting(self, model):
        found.append(model)
        return traced(self, model)

    monkeypatch.setattr(Tracer, "traced", noting)
    return found


def accuracy(model: nn.Module) -> float:
    return float((model(X).argmax(1) == torch.arange(len(X)) % 5).float().mean())


def run(prune=None, quantize=QUANTIZE, train=train):
    torch.manual_seed(0)
    return compress(
        residual(),
        Recipe(prune, quantize, epochs=1),
        example=X[:1],
        calibration=[X],
        train=train,
        evaluate=accuracy,
    )


@pytest.mark.parametrize("recipe", SCHEDULES.values(), ids=SCHEDULES)
def test_a_schedule_traces_once_and_its_import_nothing(monkeypatch, traces, recipe):
    """And what comes of it is what comes of tracing the model anew at every step."""
    once = run(recipe)
    assert len(traces) == 1
    import_torch(once.module, X[:1])
    assert len(traces) == 1
    for room in (history, compression_stages, pruning_state):
        monkeypatch.setattr(room, "update_graph", lambda graph, *given: float_graph_of(*given))
    anew = run(recipe)
    assert len(traces) > 4
    assert str(once.module) == str(anew.module) and once.stopped == anew.stopped
    ours, theirs = once.module.state_dict(), anew.module.state_dict()
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    for a, b in zip(once.history, anew.history, strict=True):
        assert (a.step, a.parameters, a.macs, a.bytes) == (b.step, b.parameters, b.macs, b.bytes)
        assert (a.accuracy, a.sparsity, a.noise) == (b.accuracy, b.sparsity, b.noise)


def test_only_a_model_without_a_block_is_traced_again(traces):
    module = run(PruneRecipe(blocks=1, epochs=1)).module
    graphs = {type(model).__name__ for model in traces[1:]}
    assert graphs == {"Residual", "ResidualWithoutBlocks"}
    assert type(traces[-1]).__name__ == "ResidualWithoutBlocks"
    import_torch(module, X[:1])
    assert len(traces) == 1 + 5 + 1  # blocks found, each of two taken out and read; the one left


def test_a_scan_traces_once(traces):
    scan_sensitivity(residual(), X[:1], accuracy, shares=(0.25, 0.5))
    assert len(traces) == 1


@pytest.mark.parametrize("seed", range(12))
def test_an_updated_graph_is_that_of_a_trace(seed):
    torch.manual_seed(seed)
    model, x = random_module(np.random.default_rng(seed), branches=bool(seed % 2))
    graph = float_graph_of(model, x)
    recipe = PruneRecipe(0.5, epochs=0)
    less = compress(model, Recipe(recipe), example=x[:1]).module  # a copy with fewer channels
    found, wanted = update_graph(graph, less, x), float_graph_of(less, x)
    assert found.entries == wanted.entries
    for a, b in zip(found.layers, wanted.layers, strict=True):
        assert (a.path, a.inputs, a.shape, a.written) == (b.path, b.inputs, b.shape, b.written)
        assert type(a.module) is type(b.module), f"seed {seed}: {a.path}"
        own = b.written and list(b.module.parameters())  # else made of a call, each time anew
        assert not own or a.module is b.module, f"seed {seed}: {a.path}"
    assert with_shapes(graph, x) == graph


def swapped(model, path, module):
    """Put another module in the place of one, in place."""
    parent, _, name = path.rpartition(".")
    setattr(model.get_submodule(parent), name, module)
    return model


@pytest.mark.parametrize(
    ("path", "module"),
    [("relu", nn.Identity()), ("pool", nn.AvgPool2d(4)), ("norm", nn.Identity())],
)
def test_a_model_whose_layers_training_changed_is_traced_again(traces, path, module):
    def training(model, epochs):
        train(model, epochs)
        if hasattr(model, path) and type(model.get_submodule(path)) is not type(module):
            swapped(model, path, module)

    run(PruneRecipe(0.5, epochs=1), quantize=None, train=training)
    assert len(traces) > 1
    anew = float_graph_of(traces[-1], X[:1])
    assert path not in [layer.path for layer in anew.layers] or path == "pool"


def test_layers_that_training_replaces_are_those_that_are_pruned(traces):
    """By equal ones: nothing is traced, and nothing else comes of it."""

    def replacing(model, epochs):
        train(model, epochs)
        for path in ("stem", "a", "fc"):
            swapped(model, path, copy.deepcopy(model.get_submodule(path)))

    recipe, quantize = PruneRecipe(0.6, epochs=1, steps=3), QuantizeRecipe(epochs=0)
    module = run(recipe, quantize, replacing).module
    assert len(traces) == 1
    assert import_torch(module, X[:1]) == import_torch(run(recipe, quantize).module, X[:1])


def test_a_hook_that_training_left_is_refused():
    def training(model, epochs):
        train(model, epochs)
        model.get_submodule("fc").register_forward_hook(lambda module, x, y: 2 * y)

    with pytest.raises(UnsupportedError, match="Linear with a forward hook"):
        run(train=training)


@pytest.mark.parametrize("seed", range(16))
def test_what_is_carried_is_what_a_trace_shows(traces, seed):
    torch.manual_seed(seed)
    model, x = random_module(np.random.default_rng(seed), branches=bool(seed % 2))
    module = compress(model, Recipe(quantize=QuantizeRecipe()), calibration=[x]).module
    network, known = import_torch(module, x[:1]), len(traces)
    held = import_torch(nn.Sequential(module), x[:1])  # of another module there is no graph
    assert len(traces) == known + 1
    nodes = (Node(f"0.{n.name}", n.op, tuple(f"0.{i}" for i in n.inputs)) for n in network.nodes)
    assert Network(tuple(nodes)) == held, f"seed {seed}"


@pytest.fixture
def compressed():
    return run().module


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_carry_the_graph(traces, compressed, copied):
    network, known = import_torch(compressed, X[:1]), len(traces)
    other = copied(compressed)
    with torch.no_grad():
        other.get_parameter("fc.weight").neg_()
    assert import_torch(other, X[:1]) != network
    other.load_state_dict(compressed.state_dict())
    assert import_torch(other, X[:1]) == network
    assert len(traces) == known


def test_another_size_of_the_image():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Conv2d(3, 2, 1))
    module = compress(model, Recipe(quantize=QuantizeRecipe()), calibration=[X]).module
    assert import_torch(module, torch.zeros(1, 2, 9, 7)).output.shape == (2, 7, 5)
    with pytest.raises(NetworkError, match=r"^0: example of shape \(1, 3, 9, 7\) must fit"):
        import_torch(module, torch.zeros(1, 3, 9, 7))


def test_what_was_changed_after_compression_is_refused(compressed):
    with pytest.raises(UnsupportedError, match="AvgPool2d: pool"):
        import_torch(swapped(copy.deepcopy(compressed), "pool", nn.AvgPool2d(4)), X[:1])
    with pytest.raises(UnsupportedError, match="Sigmoid: pool"):
        import_torch(swapped(copy.deepcopy(compressed), "pool", nn.Sigmoid()), X[:1])
    less = copy.deepcopy(compressed)
    del less.fc
    with pytest.raises(UnsupportedError, match="torch.fx cannot trace"):
        import_torch(less, X[:1])
    patched = copy.deepcopy(compressed)
    patched.forward = lambda x: -x
    with pytest.raises(UnsupportedError, match="QuantModel with a patched forward"):
        import_torch(patched, X[:1])


def test_a_layer_within_another_is_traced(traces, compressed):
    known = len(traces)
    inside = swapped(copy.deepcopy(compressed), "pool", nn.Sequential(compressed.pool))
    names = [node.name for node in import_torch(inside, X[:1]).nodes]
    assert "pool.0" in names and len(traces) == known + 1

"""What a module does besides its forward: refused by name, and seen by the self-check."""

import types

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from hwgen.compression import QuantizeRecipe, Recipe, compress
from hwgen.errors import UnsupportedError
from hwgen.importers.from_torch import import_torch
from hwgen.torch_graph.meaning import MEANINGS, run_layer
from hwgen.torch_graph.modules import Clamp, Elementwise
from hwgen.torch_graph.pools import POOLS
from hwgen.torch_graph.support import DROPPED, KEPT, OWNED, PADS, TRANSPOSED
from hwgen.torch_graph.trace import float_graph_of

X = torch.randn(6, 1, 4, 4, generator=torch.Generator().manual_seed(0))
INT8 = Recipe(quantize=QuantizeRecipe.int8())


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        *(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Dropout(), nn.Flatten(), nn.Linear(3, 2)),
    )


def doubling(module, inputs, output):
    return 2 * output


def observing(module, inputs, *outputs):
    return None


def halving(module, inputs):
    return (inputs[0] / 2,)


def with_kwargs(module, args, kwargs, output):
    return -output


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Flatten(), nn.Linear(16, 2))

    def forward(self, x):
        return self.inner(x)


def patched_forward(model):
    model[0].forward = types.MethodType(lambda self, x: F.conv2d(x, self.weight), model[0])


def patched_inside(model):
    conv = model[0]
    conv._conv_forward = lambda x, weight, bias: F.conv2d(x, weight / 2, bias)


@pytest.mark.parametrize(
    ("change", "place", "what"),
    [
        (lambda m: m[6].register_forward_hook(doubling), "6", "forward hook (doubling)"),
        (lambda m: m[6].register_forward_hook(observing), "6", "forward hook (observing)"),
        (lambda m: m[0].register_forward_pre_hook(halving), "0", "forward pre-hook (halving)"),
        (
            lambda m: m[1].register_forward_hook(with_kwargs, with_kwargs=True),
            *("1", "forward hook (with_kwargs)"),
        ),
        (lambda m: m[4].register_forward_hook(doubling), "4", "Dropout with a forward hook"),
        (lambda m: m.register_forward_hook(doubling), "model", "Sequential with a forward hook"),
        (lambda m: setattr(m, "forward", torch.sigmoid), "model", "patched forward"),
        (patched_forward, "0", "Conv2d with a patched forward"),
        (patched_inside, "0", "Conv2d with a patched _conv_forward"),
        (lambda m: setattr(m[2], "forward", torch.tanh), "2", "ReLU with a patched forward"),
    ],
)
def test_what_no_graph_shows_is_refused_by_name(change, place, what):
    model = network()
    change(model)
    with pytest.raises(UnsupportedError) as error:
        compress(model, INT8, calibration=[X])
    assert error.value.found[0].path == place and what in error.value.found[0].type
    assert what in str(error.value) and place in str(error.value)


def test_hooks_of_containers_and_of_all_modules_and_of_classes(monkeypatch):
    model = Net()
    handle = model.inner.register_forward_hook(doubling)
    with pytest.raises(UnsupportedError, match="Sequential with a forward hook.*: inner"):
        compress(model, INT8, calibration=[X])
    handle.remove()  # the way out that the message names
    compress(model, INT8, calibration=[X])
    handle = nn.modules.module.register_module_forward_hook(observing)
    try:
        with pytest.raises(UnsupportedError, match="a forward hook of all modules"):
            compress(model, INT8, calibration=[X])
    finally:
        handle.remove()
    monkeypatch.setattr(nn.Linear, "forward", lambda self, x: F.linear(x, -self.weight, self.bias))
    with pytest.raises(UnsupportedError, match=r"Linear with a patched forward: inner\.1"):
        compress(model, INT8, calibration=[X])


def test_an_import_refuses_what_was_put_into_a_compressed_module():
    module = compress(network(), INT8, calibration=[X]).module
    handle = module.get_submodule("6").register_forward_hook(doubling)
    with pytest.raises(UnsupportedError, match=r"QuantLinear with a forward hook \(doubling\): 6"):
        import_torch(module, X)
    handle.remove()
    import_torch(module, X)
    layer = module.get_submodule("0")
    layer.forward = lambda x: -x
    with pytest.raises(UnsupportedError, match="QuantConv2d with a patched forward: 0"):
        import_torch(module, X)


def test_layers_compute_what_their_settings_say():
    """The graph, and with it the self-check, knows nothing of what hangs on the user's modules."""
    graph = float_graph_of(network().eval(), X)
    before = graph.run(X)
    theirs = [layer.module for layer in graph.layers if type(layer.module) in MEANINGS]
    assert len(theirs) > 3
    for module in theirs:
        module.register_forward_hook(doubling)
        module.forward = torch.sigmoid
    assert torch.equal(graph.run(X), before)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(2, 4, (3, 2), stride=2, padding=(1, 0), dilation=(1, 2), groups=2),
        nn.Conv2d(2, 3, 3, padding="same", bias=False),
        nn.BatchNorm2d(2, eps=0.1),
        nn.MaxPool2d((2, 3), 1, 1),
        nn.AvgPool2d(3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Sequential(nn.Flatten(), nn.Linear(98, 3), nn.BatchNorm1d(3, affine=False)),
    ],
)
def test_meanings_are_torchs(layer):
    x = torch.randn(2, 2, 7, 7)
    with torch.no_grad():
        for part in layer if isinstance(layer, nn.Sequential) else [layer.eval()]:
            y = part.eval()(x)
            assert torch.equal(run_layer(part, x), y)
            x = y


def test_every_layer_of_torchs_has_a_meaning():
    own = {kind for kind in KEPT if kind.__module__.startswith("torch")} | {Clamp, Elementwise}
    assert own - {*POOLS, *PADS} == set(MEANINGS)  # which become modules of ours
    assert set(OWNED) - set(TRANSPOSED) <= set(MEANINGS) and not set(DROPPED) & set(MEANINGS)

"""Every layer's stream against golden."""

import re
import shutil

import pytest

import hwgen
from hwgen.errors import SimulationError
from hwgen.network import Conv2d
from support.networks import GRAPH, random_input, random_network


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A residual network with a concatenation, its convolutions in arrays."""
    folder = tmp_path_factory.mktemp("trace") / "net"
    network = random_network(49, GRAPH)
    convolutions = [node.name for node in network.nodes if isinstance(node.op, Conv2d)]
    arrays = [f"{name}.{kind}=0" for name in convolutions for kind in ("parallel", "serial")]
    plan = hwgen.plan(network, target="ulx3s-85f", goal="200000 fps", overrides=arrays)
    return hwgen.generate(plan, folder)


def test_every_layer_is_compared(package):
    x = random_input(package.network, 2, 0)
    result = package.simulate(x, simulator="icarus", trace=True, stalls=0.2)
    assert result.ok
    assert [r.layer for r in result.layers] == [e.name for e in package.manifest.layers]
    for entry, found in zip(package.manifest.layers, result.layers, strict=True):
        size = 1
        for n in entry.shape:
            size *= n
        assert (found.compared, found.different) == (2 * size, 0)


def test_a_wrong_layer_is_named_and_counted(package, tmp_path):
    """A bias of an inner layer changed in the Verilog: that layer is the first to differ."""
    broken = tmp_path / "net"
    shutil.copytree(package.folder, broken)
    layer = package.manifest.layers[1]
    path = broken / package.manifest.verilog
    text = path.read_text()
    module = f"module {package.manifest.top}__{layer.path[0]}__array"
    start = text.index(module)
    end = text.index("endmodule", start)
    body = text[start:end]
    changed = re.sub(r"assign o__payload = (.*);", r"assign o__payload = ~\1;", body)
    assert changed != body
    path.write_text(text[:start] + changed + text[end:])
    x = random_input(package.network, 2, 0)
    result = hwgen.Package(broken, changed=True).simulate(x, simulator="icarus", trace=True)
    assert not result.ok
    assert result.first_difference.layer == layer.name
    assert result.layers[0].different == 0 and result.layers[1].different > 0


def test_netlists_have_no_layers(package):
    with pytest.raises(SimulationError, match="Trace must be of the RTL"):
        package.simulate(random_input(package.network, 1, 0), trace=True, stage="netlist")

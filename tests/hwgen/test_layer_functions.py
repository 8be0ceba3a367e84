"""Layers that end in a function of one value: what each becomes, golden == RTL == netlist."""

import pytest
import torch
from torch import nn

import hwgen
from hwgen.network import Table
from hwgen.planning.layers.dot_output import dot_output_of
from hwgen.planning.layers.find import find_layers
from hwgen.planning.lowering.epilogue import epilogues_for
from hwgen.targets import get_target
from hwgen_rtl_templates.requantize import RequantizerParameters
from hwgen_rtl_templates.threshold import ThresholdParameters
from support.exactness import assert_equal, made
from support.whole import check_simulated

pytestmark = pytest.mark.usefixtures("one_thread")
X = 2 * torch.randn(16, 2, 5, 5, generator=torch.Generator().manual_seed(5))
TARGETS = {"ulx3s-85f": {"logic", "block"}, "icebreaker": {"logic"}}  # styles of tables


def network_of(*layers, **settings):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 3, 2), *layers, nn.Conv2d(3, 2, 2)).eval()
    return assert_equal(made(model, X, **settings), X, str(layers))


def mixed():
    """Curves that rise, fall and do both, a slope a channel, behind sums, pools and alone."""
    slopes = nn.PReLU(3)
    with torch.no_grad():
        slopes.weight.copy_(torch.tensor([-0.5, 0.0, 0.3]))
    square = hwgen.elementwise(torch.square)
    return network_of(slopes, nn.MaxPool2d(2, 1), nn.Tanh(), nn.Conv2d(3, 3, 1), square)


@pytest.mark.parametrize("target", TARGETS)
def test_golden_equals_rtl(target, tmp_path):
    plan = hwgen.plan(mixed(), target=target, goal="min area")
    tables = [table for s in plan.stages if (table := getattr(s.core, "table", None))]
    assert {table.style for table in tables} == TARGETS[target]
    check_simulated(hwgen.generate(plan, tmp_path / "net"), plan, 3)


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_netlist(target, tmp_path):
    plan = hwgen.plan(mixed(), target=target, goal="min area")
    check_simulated(hwgen.generate(plan, tmp_path / "net"), plan, 2, stage="netlist")


def tables_of(network):
    return [node.op for node in network.nodes if isinstance(node.op, Table)]


def test_the_cheapest_is_chosen():
    """Few steps that rise are thresholds; what falls is a table, and so is what has many steps."""
    wanted = {
        (nn.Tanh, "uint3"): (ThresholdParameters, False),
        (nn.GELU, "uint3"): (ThresholdParameters, False),  # it falls by less than a step
        (nn.GELU, "uint8"): (RequantizerParameters, True),
        (nn.ReLU6, "uint8"): (RequantizerParameters, False),
    }
    target = get_target("ulx3s-85f")
    for (kind, activations), (unit, has_table) in wanted.items():
        network = network_of(kind(), activations=activations)
        assert bool(tables_of(network)) == (kind is not nn.ReLU6)
        layer = find_layers(network)[0]
        found = epilogues_for(layer, dot_output_of(layer), 1, target)
        costs = [epilogue.cost(target) for epilogue in found]
        assert costs == sorted(costs) and len(found) > 1
        assert (type(found[0].unit), bool(found[0].table)) == (unit, has_table), kind
        if has_table:  # both styles are weighed
            assert {each.table.style for each in found if each.table} == {"logic", "block"}

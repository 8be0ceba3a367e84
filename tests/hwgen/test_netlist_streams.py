"""What values meet in, change order in and go through, in one network: golden == netlist."""

import numpy as np
import pytest

import hwgen
from hwgen.formats import Fixed
from hwgen.network import (
    Add,
    Input,
    Maximum,
    Multiply,
    Network,
    Node,
    Permute,
    PositionScale,
    Requantize,
    Slice,
    Table,
)
from hwgen_rtl_templates.extreme import ExtremeParameters
from hwgen_rtl_templates.function_table import FunctionTableParameters
from hwgen_rtl_templates.join import SumParameters
from hwgen_rtl_templates.position_scale import PositionScaleParameters
from hwgen_rtl_templates.product import ProductParameters
from hwgen_rtl_templates.rearrange import RearrangeParameters
from hwgen_rtl_templates.replay import ReplayParameters
from hwgen_rtl_templates.sift import SiftParameters
from support.netlists import check_netlist

SCALE = np.array([1.0])
OF = Fixed(3, True)
PARTS = {
    *(ExtremeParameters, FunctionTableParameters, PositionScaleParameters, ProductParameters),
    *(RearrangeParameters, ReplayParameters, SiftParameters, SumParameters),
}


def network():
    """A factor a channel, and then a bit of everything."""
    squares = np.array([[9 - x * x // 2 for x in range(-4, 4)]]) // 2 - 2
    twice = Requantize([3 << 29, 7 << 28], [33, 32], OF, SCALE, rounding="double")
    nodes = [
        Node("x", Input((2, 3, 3), OF, SCALE)),
        Node("factor", Input((2, 1, 1), OF, SCALE)),
        Node("rows", Slice((0, 1, 0), (2, 2, 3), (1, 1, 1)), ("x",)),
        Node("product", Multiply(), ("rows", "factor")),
        Node("narrow", twice, ("product",)),
        Node("table", Table(squares, OF, SCALE, lo=-4), ("narrow",)),
        Node("larger", Maximum(), ("table", "rows")),
        Node("scaled", PositionScale(((1, 3), (2, 1, 3))), ("larger",)),
        Node("half", Requantize([1], [2], OF, SCALE), ("scaled",)),
        Node("sum", Add((3, -2), np.array([3.0, 2.0])), ("half", "rows")),
        Node("turned", Permute((0, 2, 1)), ("sum",)),
    ]
    return Network(tuple(nodes))


def parts(target):
    plan = hwgen.plan(network(), target=target, goal="min area")
    found = [placed.part for placed in plan.assembly.parts]
    return {type(part) for of in found for part in (of, *getattr(of, "behind", ()))}


@pytest.mark.slow
@pytest.mark.parametrize("target", ["ulx3s-25f", "ice40-hx8k"])
def test_every_part_of_a_stream(target, tmp_path):
    assert parts(target) >= PARTS
    check_netlist(network(), target, tmp_path / "net", 1, goal="min area")

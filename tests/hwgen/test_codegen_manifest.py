"""Figures of a stream in a manifest that contradict one another."""

import pytest

from hwgen.codegen.manifest import _agrees
from hwgen.codegen.package import _layer
from hwgen.codegen.project import _lpf, _sdc
from hwgen.errors import StoreError
from hwgen.formats import Binary, Fixed
from hwgen.network import Input, Linear, Threshold
from hwgen.planning.planner import plan
from support.networks import chain

STREAM = {"stream_shape": [5, 2, 3], "shape": [30], "lanes": 2, "bits": 3, "beats": 18}


@pytest.mark.parametrize("changes", [{}, {"tdata_bits": 6}, {"lanes": 5, "beats": 6}, {"bits": 9}])
def test_figures_that_agree(changes):
    """The last beat of a pixel, partly filled, is one as well."""
    _agrees({**STREAM, **changes}, "input")


@pytest.mark.parametrize(
    "changes",
    [
        {"beats": 12},
        {"beats": 17},
        {"shape": [31]},
        {"lanes": 3, "beats": 6},
        {"tdata_bits": 5},
        {"lanes": 6},
    ],
)
def test_figures_that_do_not(changes):
    with pytest.raises(StoreError, match="input contradicts itself in lanes, bits, beats"):
        _agrees({**STREAM, **changes}, "input")


def test_what_elements_of_a_layer_stand_for():
    """Binary values travel as 0 and 1: what is recorded of a layer has to be read so."""
    network = chain(
        Input((3,), Fixed(4), [1.0]),
        Linear([[1, -2, 1], [2, 1, 0]], [0, 1], Fixed(3), [1.0]),
        Threshold([[0]], Binary(), [1.0], base=-1),
        Linear([[1, -1]], [0], Fixed(2), [1.0]),
    )
    stored = tuple(f"{name}.{way}=0" for name in ("n1", "n3") for way in ("parallel", "serial"))
    made = plan(network, target="ulx3s-85f", goal="min area", overrides=stored)
    entries = [_layer(stage, stage.name, made) for stage in made.stages]
    assert [(entry["base"], entry["step"]) for entry in entries] == [(-1, 2), (0, 1)]


def test_the_clock_in_constraints():
    borders = {"input": {"tdata_bits": 8}, "output": {"tdata_bits": 16}}
    manifest = {"clock": "clk", "reset": "rst", "clock_hz": 25_000_000, **borders}
    assert '\nFREQUENCY PORT "clk" 25 MHZ;\n' in _lpf(manifest)
    assert "create_clock -name clk -period 40.000 [get_ports clk]" in _sdc(manifest)

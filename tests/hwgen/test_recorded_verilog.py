"""Verilog of recorded designs: code that moves changes no gate."""

import pytest

from support.recorded import DESIGNS, recorded
from support.selection import some


@pytest.mark.parametrize("name", some(DESIGNS, list(DESIGNS)[::8]))
def test_verilog_is_as_recorded(name):
    """After a change on purpose: `cd tests && python -m support.recorded`."""
    assert DESIGNS[name].digest() == recorded()[name]


def test_every_design_is_recorded():
    assert list(recorded()) == list(DESIGNS) and len(DESIGNS) == 40

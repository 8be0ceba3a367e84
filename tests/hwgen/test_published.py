"""Networks that people put on FPGAs, as published: torch == golden == RTL."""

import pytest

import hwgen
from support.idioms.trying import tried
from support.published import PUBLISHED
from support.whole import check_simulated, planned

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
IN_RTL = ("sensor fusion",)


@pytest.mark.parametrize("name", PUBLISHED)
def test_imports_as_published(name):
    tried(PUBLISHED[name]).check(name)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in IN_RTL else pytest.mark.slow) for name in PUBLISHED],
)
def test_golden_equals_rtl(name, tmp_path):
    network = tried(PUBLISHED[name]).network
    plan = planned(network, 20_000.0, "ulx3s-85f")
    check_simulated(hwgen.generate(plan, tmp_path / "p"), plan, 2)


@pytest.mark.slow
@pytest.mark.parametrize("name", ("jet tagger", "Deep Sets"))
def test_golden_equals_netlist(name, tmp_path):
    plan = planned(tried(PUBLISHED[name]).network, "min area", "ulx3s-85f")
    check_simulated(hwgen.generate(plan, tmp_path / "p"), plan, 1, stage="netlist")

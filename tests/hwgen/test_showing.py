"""Objects at a prompt, in a notebook, in pandas, and pickled."""

import html
import pickle
from html.parser import HTMLParser

import numpy as np
import pytest

import hwgen
from hwgen.errors import ToolError, bring
from hwgen.network.text import to_text
from hwgen.report.run import Row, Run
from hwgen.simulation import SimulationResult
from support.networks import random_input, random_network

LONGEST = 300  # characters of a line


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """One of each, by name of its class."""
    network = random_network(3)
    plan = hwgen.plan(network, target="ulx3s-85f", goal="10000 fps")
    package = hwgen.generate(plan, tmp_path_factory.mktemp("shown") / "net")
    y = network.run(random_input(network, 3, 0))
    none = (y, False, 27, 2, 1344, 825, (0,), (825,), 900, ("a rule",), None, (), None, 1.0, 2.0)
    rows = [
        Row("int4", "ulx3s-85f", "min area", luts=1000, accuracy=0.5),
        Row("<b>", "ice40", "min area", error="too small"),
    ]
    run = Run("two designs", "hwgen compare", "synth", tuple(rows), {})
    all_of_them = (network, plan, package, package.cost(), SimulationResult(*none), run)
    return {type(each).__name__: each for each in all_of_them}


LINES = {
    "Network": "<Network: 9 layers, 161 parameters, input 1x9x7 int7 -> requantize3 9 uint6>",
    "Plan": "<Plan: 5 layers on ulx3s-85f for 10000 fps; a frame every 1,344 clocks, latency",
    "Package": "net': 5 layers on ulx3s-85f for 10000 fps>",
    "Cost": "<Cost: estimate on ulx3s-85f; ",
    "SimulationResult": "<SimulationResult: 25 of 27 outputs equal, 1 stream rule broken, a frame "
    "every 1,344 clocks, latency 825 clocks>",
    "Run": "<Run: two designs, 2 designs at stage synth, 1 of them without a result>",
}


@pytest.mark.parametrize("name", LINES)
def test_a_line_at_a_prompt(shown, name):
    line = repr(shown[name])
    assert LINES[name] in line and len(line) < LONGEST and "\n" not in line


@pytest.mark.parametrize("name", LINES)
def test_pickled_it_is_the_same(shown, name):
    one = shown[name]
    other = pickle.loads(pickle.dumps(one))
    assert repr(other) == repr(one)
    if name == "Network":
        assert other == one and to_text(other) == to_text(one)
    if name == "Plan":
        assert other.to_json() == one.to_json() and other.timing == one.timing
    if name == "Package":
        assert other.network == one.network
    if name == "SimulationResult":
        assert np.array_equal(other.outputs, one.outputs)


class Cells(HTMLParser):
    """The texts of a table, and whether its tags are closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.texts = [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        if tag != "input":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def test_tables_in_a_notebook(shown):
    cells = {name: Cells(each._repr_html_()).texts for name, each in shown.items() if name in HTML}
    assert {"conv1", "Conv2d", "total"} <= {*cells["Network"]}
    assert {"conv1 *", "1,344", "of device"} <= {*cells["Plan"]}
    assert f"{shown['Cost'].luts:,}" in cells["Cost"]
    assert "<b> on ice40, min area" in cells["Run"] and "50.00%" in cells["Run"]
    assert "fmax_mhz" not in cells["Run"]  # which no design has
    assert html.escape("<b>") in shown["Run"]._repr_html_()


HTML = ("Network", "Plan", "Cost", "Run")


def test_pandas(shown):
    layers, designs = shown["Plan"].to_pandas(), shown["Run"].to_pandas()
    assert list(layers["name"]) == [stage.name for stage in shown["Plan"].stages]
    assert layers["luts"].sum() < shown["Plan"].resources.luts  # the borders are no layers
    assert list(designs["luts"].dropna()) == [1000] and len(designs) == 2


def test_without_pandas_it_says_what_to_install(shown, monkeypatch):
    def no_pandas(name, *rest):
        if name == "pandas":
            raise ModuleNotFoundError("No module named 'pandas'", name="pandas")
        return found(name, *rest)

    import hwgen.showing

    found = hwgen.showing.import_module
    monkeypatch.setattr(hwgen.showing, "import_module", no_pandas)
    with pytest.raises(ToolError, match="pip install pandas"):
        shown["Run"].to_pandas()


def test_what_there_is_is_listed():
    assert {*hwgen.__all__} <= {*dir(hwgen)}
    assert not {name for name in dir(hwgen) if name not in hwgen.__all__ and name[0] != "_"}
    assert all(hasattr(hwgen, name) for name in hwgen.__all__)


def test_an_extra_is_brought_from_an_index_or_from_the_clone(monkeypatch):
    class Found:
        def __init__(self, text):
            self.text = text

        def read_text(self, name):
            assert name == "direct_url.json"
            return self.text

    in_place = '{"dir_info": {"editable": true}, "url": "file:///home/me/hwgen"}'
    for text, line in (
        (None, "pip install 'hwgen[torch]'"),
        ('{"url": "file:///home/me/hwgen.whl"}', "pip install 'hwgen[torch]'"),
        (in_place, "pip install -e '/home/me/hwgen[torch]'"),
    ):
        monkeypatch.setattr("importlib.metadata.distribution", lambda name, t=text: Found(t))
        assert bring("torch") == line

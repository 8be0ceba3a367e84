"""Results and differences, without a simulator."""

import numpy as np
import pytest
from msgspec.structs import replace as with_fields

from hwgen.errors import SimulationError
from hwgen.package.stream_format import StreamFormat
from hwgen.simulation.compare import compare_layers, first_difference
from hwgen.simulation.harness import taps
from hwgen.simulation.result import read_measured
from support.toys import toy_manifest


def test_taps_hold_any_name():
    layer = with_fields(toy_manifest().layers[0], path=("a_b", "always"))
    text = taps((layer,))
    assert ".payload(dut.\\a_b .\\always .\\o__payload )" in text and ".BITS(10)" in text


def test_first_difference_is_first_in_the_order_of_the_shape():
    expected = np.zeros((2, 2, 2), dtype=np.int64)
    got = expected.copy()
    none = np.zeros(got.shape, dtype=bool)
    assert first_difference("conv", 3, expected, got, none) is None
    got[1, 0, 1], got[1, 1, 0] = 5, 6
    found = first_difference("conv", 3, expected, got, none)
    assert str(found) == "conv, frame 3, channel 1, y 0, x 1: expected 0, got 5"
    none[0, 1, 1] = True
    found = first_difference("conv", 3, expected, got, none)
    assert found is not None and (found.coordinate, found.got) == ((0, 1, 1), None)
    found = first_difference("fc", 0, expected.ravel(), got.ravel(), np.zeros(8, dtype=bool))
    assert str(found) == "fc, frame 0, feature 5: expected 0, got 5"


def test_a_layer_that_stops_early_differs():
    stream = StreamFormat(2, 4, True, 8, (3, 1, 2), (3, 1, 2))
    values = np.array([[[[1, -1]], [[2, -8]], [[3, 7]]]])
    beats = ["21", "03", "8f", "07"]

    def find(taps, node="a"):
        (result,) = compare_layers([("a", "a")], [stream], taps, {node: values}, 4)
        assert result.compared == values.size
        assert (result.different == 0) == (result.first_difference is None)
        return result.first_difference

    assert find({"0": beats}) is None
    found = find({"0": beats[:2]})
    assert (found.layer, found.frame, found.coordinate, found.got) == ("a", 4, (0, 0, 1), None)
    assert find({}).coordinate == (0, 0, 0)
    with pytest.raises(SimulationError, match="a: trace_layers must give"):
        find({"0": beats}, "b")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"cycles": 1}', "null", "\xff"])
def test_a_garbage_result_is_refused(tmp_path, text):
    path = tmp_path / "result.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(SimulationError, match="result cannot be read"):
        read_measured(path)
    with pytest.raises(SimulationError, match="ended without a result"):
        read_measured(tmp_path / "nothing.json")

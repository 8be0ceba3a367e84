"""Beats and tensors, results and differences, without a simulator."""

import json

import numpy as np
import pytest

from hwgen.beats import Stream
from hwgen.errors import SimulationError
from hwgen.simulation.compare import compare_layers, first_difference
from hwgen.simulation.package import read_package
from hwgen.simulation.result import read_measured

ENTRY = {
    "lanes": 2,
    "bits": 4,
    "signed": True,
    "tdata_bits": 16,
    "beats": 4,
    "shape": [3, 1, 2],
    "stream_shape": [3, 1, 2],
}


def test_beats_by_hand():
    values = np.array([[[[1, -1]], [[2, -8]], [[3, 7]]]])
    stream = Stream.from_manifest(ENTRY, "input")
    assert (stream.groups, stream.beats, stream.lo, stream.hi) == (2, 4, -8, 7)
    # First pixel: channels 0 and 1, then channel 2 and a lane of zero; high byte first.
    assert stream.pack(values).hex(" ", 2) == "0021 0003 008f 0007"
    got, unknown = stream.unpack(["0021", "0003", "ff8f", "00f7"])  # the rest is ignored
    assert np.array_equal(got, values) and not unknown.any()


def test_a_vector_is_the_flatten_of_its_stream():
    stream = Stream.from_manifest({**ENTRY, "shape": [6]}, "output")
    got, _ = stream.unpack(["0021", "0003", "008f", "0007"])
    assert got.tolist() == [[1, -1, 2, -8, 3, 7]]
    assert stream.pack(got).hex(" ", 2) == "0021 0003 008f 0007"


def test_beats_back_and_forth():
    for seed in range(40):
        rng = np.random.default_rng(seed)
        channels, height, width, lanes, bits = (int(n) for n in rng.integers(1, (14, 5, 5, 9, 17)))
        shape = (channels, height, width) if rng.integers(2) else (channels * height * width,)
        width_bits = lanes * bits + int(rng.integers(0, 12))
        signed = bool(rng.integers(2))
        stream = Stream(lanes, bits, signed, width_bits, shape, (channels, height, width))
        values = rng.integers(stream.lo, stream.hi + 1, (3, *shape))
        size = -(-width_bits // 8)
        packed = np.frombuffer(
            Stream(lanes, bits, signed, 8 * size, shape, stream.stream_shape).pack(values), np.uint8
        )
        beats = [row.tobytes().hex() for row in packed.reshape(-1, size)]
        got, unknown = stream.unpack(beats)
        assert np.array_equal(got, values) and not unknown.any(), f"seed {seed}"


def test_packing_in_pieces_is_packing(monkeypatch):
    stream = Stream.from_manifest(ENTRY, "input")
    values = np.random.default_rng(0).integers(-8, 8, (50, 3, 1, 2))
    whole = stream.pack(values)
    monkeypatch.setattr("hwgen.beats.BITS_AT_ONCE", 100)
    assert stream.pack(values) == whole


def test_unknown_bits_mark_their_values():
    stream = Stream.from_manifest(ENTRY, "output")
    _, unknown = stream.unpack(["002X", "00x3", "xx8f", "000z"])
    assert unknown[0, :, 0].tolist() == [[True, False], [False, False], [False, True]]
    with pytest.raises(SimulationError, match="must be hexadecimal"):
        stream.unpack(["00g1"])


@pytest.mark.parametrize(
    "change",
    [
        {"beats": 5},
        {"lanes": 0},
        {"tdata_bits": 7},
        {"shape": [3, 3, 2]},
        {"stream_shape": [6]},
        {"bits": "many"},
        {"shape": None},
    ],
)
def test_a_manifest_that_contradicts_itself(change):
    with pytest.raises(SimulationError, match="Manifest must describe input"):
        Stream.from_manifest({**ENTRY, **change}, "input")


def test_taps_hold_any_name(tmp_path):
    layer = {**ENTRY, "name": "always", "node": "n", "path": ["a.b", "always"]}
    layer |= {"payload": "o__payload", "valid": "o__valid", "ready": "o__ready"}
    manifest = {"top": "t", "verilog": "t.v", "input": ENTRY, "output": ENTRY, "layers": [layer]}
    (tmp_path / "t.v").touch()
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    taps = read_package(tmp_path).taps()
    assert ".payload(dut.\\a.b .\\always .\\o__payload )" in taps and ".BITS(8)" in taps
    layer["path"] = ["a b"]
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(SimulationError, match="no Verilog identifier"):
        read_package(tmp_path)


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
    stream = Stream.from_manifest({**ENTRY, "tdata_bits": 8}, "layer a")
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

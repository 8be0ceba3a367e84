"""Networks of mixed number formats: what ops take, ranges, padding, text, store and sizes."""

import itertools
import json

import numpy as np
import pytest

from hwgen.errors import HwgenError, NetworkError, StoreError
from hwgen.formats import Binary, Codebook, Fixed, PowerOfTwo, Ternary
from hwgen.network import (
    AvgPool2d,
    Concat,
    Conv2d,
    Flatten,
    Input,
    Linear,
    MaxPool2d,
    Network,
    Node,
    Requantize,
    Threshold,
    load,
    save,
)
from hwgen.network.inference import infer
from hwgen.network.text import from_text, to_text
from hwgen.passes import absorb
from support.networks import MIXED, chain, random_input, random_network
from support.stores import NASTY, join, loads_or_refuses, mutate, split

SIGNS = Input((2, 3, 3), Binary(), [0.5])
FORMATS = [
    "binary", "ternary", "pot4", "pot4x2", "pot6", "cb2:4", "cb0:4", "int4", "uint2", "fixed",
    {"name": "cb1:4", "entries": [-1, 1]}, {"name": "cb1:4", "entries": [1, 2, 3]},
    {"name": "cb1:4", "entries": []}, {"name": "cb2:4", "entries": [True, None]},
    {"name": "cb2:4", "entries": 3}, {"name": "cb2:4", "entries": [10**30]}, {"name": "cb2:4"},
    {"name": 3, "entries": [1]}, {"name": "binary", "entries": [1, -1]}, {"entries": []},
]  # fmt: skip


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.net"


@pytest.mark.parametrize(
    ("of", "held", "message"),
    [
        (Binary(), [[1, -1]], r"the range of binary: \{-1, 1\}"),
        (Ternary(), [[1, 0]], r"the range of ternary: \{-1, 0, 1\}"),
        (PowerOfTwo(3), [[4, -2]], r"the range of pot3: \{-4, -2, -1, 0, 1, 2, 4\}"),
        (PowerOfTwo(3, 2), [[6, -5]], r"range of pot3x2: \{-8, -6, -5, -4, ..., 4, 5, 6, 8\}"),
        (Codebook(1, 4, (7, -8)), [[-8, 7]], r"the range of cb1:4: \{-8, 7\}"),
    ],
)
def test_weights_must_be_held_by_their_format(of, held, message):
    assert Linear(held, [0], of, [1.0]).weight.tolist() == held
    for bad in (0 if of.hi == 7 else 7, 100, -100, 2**61) if of != Ternary() else (2, -2):
        with pytest.raises(NetworkError, match=message):
            Linear([[held[0][0], bad]], [0], of, [1.0])


def test_zeros_are_no_binary_weights_and_a_codebook_needs_entries():
    with pytest.raises(NetworkError, match="Weights must lie in the range of binary"):
        Conv2d(np.zeros((1, 1, 1, 1)), [0], Binary(), [1.0])
    with pytest.raises(NetworkError, match=r"range of cb4:8: none before with_entries\(\.\.\.\)"):
        Linear([[1]], [0], Codebook(4, 8), [1.0])


def test_activations_are_fixed_point_or_binary():
    for of in (Ternary(), PowerOfTwo(4), Codebook(1, 4, (1, 2)), "binary", None):
        for make in (
            lambda of: Input((1,), of, [1.0]),
            lambda of: Threshold([[0]], of, [1.0]),
            lambda of: Requantize([1], [0], of, [1.0]),
        ):
            with pytest.raises(NetworkError, match=r"format such as Fixed\(8\) .*, not"):
                make(of)
    with pytest.raises(NetworkError, match=r"format .* \(a binary output is a Threshold's\), not"):
        Requantize([1], [0], Binary(), [1.0])


def test_a_sign_steps_from_minus_one_to_one():
    network = chain(Input((2,), Fixed(4), [1.0], 3), Threshold([[0], [5]], Binary(), [1.0], 0, -1))
    x = np.array(list(itertools.product(range(-8, 8), repeat=2)))
    assert np.array_equal(network.run(x), np.where(x >= [0, 5], 1, -1))
    assert (network.output.lo, network.output.hi) == (-1, 1)
    never = infer(Threshold([[-8], [8]], Binary(), [1.0], base=-1), [network.input])
    assert never.lows.tolist() == [1, -1] and never.highs.tolist() == [1, -1]
    assert absorb(network) == network


@pytest.mark.parametrize(
    ("thresholds", "base", "ends"),
    [
        ([[0]], 0, r"\[0, 2\]"),
        ([[0]], 1, r"\[1, 3\]"),
        ([[0]], -3, r"\[-3, -1\]"),
        ([[0, 1]], -1, r"\[-1, 3\] \(base and 2 steps of 2\)"),
    ],
)
def test_a_sign_has_one_threshold_and_begins_at_minus_one(thresholds, base, ends):
    with pytest.raises(NetworkError, match=f"range of binary, not {ends}"):
        Threshold(thresholds, Binary(), [1.0], base=base)


def test_binary_values_have_no_zero_point():
    for zero in (-1, 1):
        for op, inputs in (
            (Input((1,), Binary(), [1.0], zero), []),
            (Threshold([[0]], Binary(), [1.0], zero, -1), [infer(SIGNS, [])]),
        ):
            with pytest.raises(NetworkError, match=f"Zero point of binary must be 0, not {zero}"):
                infer(op, inputs)


def test_errors_name_the_layer():
    sign = Threshold([[0]], Binary(), [1.0], 1, -1)
    with pytest.raises(NetworkError, match="act: Zero point of binary must be 0, not 1"):
        Network((Node("in", SIGNS), Node("act", sign, ("in",))))


def test_binary_inputs_are_padded_with_minus_one():
    rng = np.random.default_rng(0)
    by_hand = chain(
        Input((1, 1, 1), Binary(), [0.5]), Conv2d([[[[1, 4, 2]]]], [7], Fixed(4), [1.0], 1, (0, 1))
    )
    assert by_hand.run([[[[1]]], [[[-1]]]]).tolist() == [[[[7 - 1 + 4 - 2]]], [[[7 - 7]]]]
    weight = rng.integers(-8, 8, (3, 2, 3, 3))
    padded = chain(SIGNS, Conv2d(weight, [7] * 3, Fixed(4), [1.0], padding=(1, 2)))
    bare = chain(Input((2, 5, 7), Binary(), [0.5]), Conv2d(weight, [7] * 3, Fixed(4), [1.0]))
    x = random_input(padded, 20, 0)
    wide = np.pad(x, ((0, 0), (0, 0), (1, 1), (2, 2)), constant_values=-1)
    assert np.array_equal(padded.run(x), bare.run(wide))
    assert np.array_equal(padded.output.lows, bare.output.lows)


def test_range_of_a_padded_convolution_of_signs_is_reached():
    # The sign of the second channel is always +1: only padding makes it -1.
    weight = np.array([[[[2, -1]], [[3, 1]]]])
    ops = [Input((2, 1, 2), Binary(), [1.0]), Threshold([[0], [-1]], Binary(), [1.0], base=-1)]
    network = chain(*ops, Conv2d(weight, [1], PowerOfTwo(3, 2), [1.0], padding=(0, 2)))
    bare = chain(*ops, Conv2d(weight, [1], PowerOfTwo(3, 2), [1.0]))
    every = np.array(list(itertools.product([-1, 1], repeat=4))).reshape(-1, 2, 1, 2)
    assert (network.output.lo, network.output.hi) == (1 - 3 - 4, 1 + 3 + 4)
    assert (bare.output.lo, bare.output.hi) == (1 - 3 + 4, 1 + 3 + 4)
    assert (bare.run(every).min(), bare.run(every).max()) == (bare.output.lo, bare.output.hi)
    out = network.run(every)
    assert network.output.lo <= out.min() < bare.output.lo and out.max() == network.output.hi


def test_an_average_of_signs_takes_no_padding():
    x = infer(SIGNS, [])
    assert infer(AvgPool2d(2, 1), [x]).lows.tolist() == [-4, -4]
    with pytest.raises(NetworkError, match=r"average of binary values must be 0, not \(\(1, 1\)"):
        infer(AvgPool2d(2, 1, (1, 0)), [x])
    assert infer(MaxPool2d(2, 1, 1), [x]).format == Binary()


def test_signs_join_signs_only():
    x, same = infer(SIGNS, []), infer(Input((1, 3, 3), Binary(), [0.5]), [])
    assert infer(Concat(), [x, same]).format == Binary()
    with pytest.raises(NetworkError, match="not binary of scale 0.5 .* and int2 of scale 0.5"):
        infer(Concat(), [x, infer(Input((1, 3, 3), Fixed(2), [0.5]), [])])


def test_real_inputs_become_signs():
    network = chain(Input((5,), Binary(), [0.25]), Flatten())
    real = [[0.0, -0.0, 1e-300, -1e-300, -np.inf]]
    assert network.quantize(real).tolist() == [[1, 1, 1, -1, -1]]
    assert network.dequantize([[1, 1, 1, -1, -1]]).tolist() == [[0.25] * 3 + [-0.25] * 2]
    for seed in range(20):
        mixed = random_network(seed, MIXED)
        x = random_input(mixed, 3, seed)
        real = mixed.input.scale[0] * (x - mixed.input.zero_point)
        assert np.array_equal(mixed.quantize(real), x), f"seed {seed}"


@pytest.mark.parametrize("x", [[[0]], [[2]], [[-2]], np.array([[2**63]], dtype=np.uint64)])
def test_inputs_that_are_no_signs_are_refused(x):
    network = chain(Input((1,), Binary(), [1.0]), Flatten())
    with pytest.raises(NetworkError, match=r"lie in \{-1, 1\}, the range of binary, not \["):
        network.run(x)


def mixed_layers():
    """Return a sign, ternary weights, and weights from a codebook."""
    entries = Codebook(2, 6).with_entries([5, -1, 0])
    nodes = (
        Node("in", SIGNS),
        Node("conv", Conv2d(np.ones((4, 2, 3, 3)), [0] * 4, Ternary(), [0.25]), ("in",)),
        Node("sign", Threshold([[0]], Binary(), [1.0], base=-1), ("conv",)),
        Node("flat", Flatten(), ("sign",)),
        Node("out", Linear([[5, 0, -1, 5]], [3], entries, [0.25]), ("flat",)),
    )
    return Network(nodes)


def test_formats_are_written_by_their_names_and_codebooks_with_entries():
    network = mixed_layers()
    text = to_text(network)
    assert '"weight_format": "ternary"' in text and '"format": "binary"' in text
    assert '"weight_format": {"name": "cb2:6", "entries": [5, -1, 0]}' in text
    assert from_text(text) == network
    assert from_text(text.replace("[5, -1, 0]", "[5, -1, 0, 1]")) != network


def test_sizes_count_what_is_stored():
    network = mixed_layers()
    sizes = network.sizes
    assert list(sizes) == [node.name for node in network.nodes]
    conv, out = sizes["conv"], sizes["out"]
    assert (conv.macs, conv.weights, conv.biases, conv.parameters) == (72, 72, 4, 76)
    assert (conv.weight_bits, conv.table_bits, conv.storage_bytes) == (144, 0, 18)
    assert (out.macs, out.weights, out.weight_bits, out.table_bits) == (4, 4, 8, 24)
    assert out.storage_bits == 32 and out.storage_bytes == 4
    assert network.size == conv + out and network.size.parameters == 81
    assert sizes["in"].parameters == sizes["sign"].parameters == 0
    assert str(network).splitlines() == [
        "name   op         shape  range    format  weights  MACs  parameters  bytes",
        "in     Input      2x3x3  -1..1    binary",
        "conv   Conv2d     4x1x1  -18..18  6 bits  ternary    72          76     18",
        "sign   Threshold  4x1x1  -1..1    binary",
        "flat   Flatten    4      -1..1    binary",
        "out    Linear     1      -8..14   5 bits  cb2:6       4           5      4",
        "total                                                76          81     22",
    ]


def test_300_damaged_texts_end_in_one_of_our_errors_or_in_a_legal_network():
    texts = [to_text(random_network(seed, MIXED, channels=3, layers=1)) for seed in range(10)]
    words = ["binary", "ternary", "pot4", "pot4x2", "cb2:8", "int4", "uint3", "cb1:2", "pot9"]
    for seed in range(300):
        text = texts[seed % len(texts)]
        rng = np.random.default_rng(seed)
        there = [word for word in (*words, "int", "pot", "scale", "entries") if word in text]
        old, new = str(rng.choice(there)), str(rng.choice(words))
        changed = text.replace(old, new, int(rng.integers(1, 3)))
        try:
            assert from_text(changed).tensors
        except HwgenError:
            continue
        except Exception as error:
            raise AssertionError(f"seed {seed}: {old} -> {new}: {error!r}") from error


def test_300_stored_networks_with_a_wrong_field_end_in_one_of_our_errors_or_are_legal(path):
    files = []
    for seed in range(20):
        save(random_network(seed, MIXED, layers=1, channels=3), path)
        files.append(path.read_bytes())
    legal = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        header, body = split(files[seed % len(files)])
        graph = json.loads(header["__metadata__"]["hwgen"])
        if seed % 3:
            mutate(graph, rng, NASTY + FORMATS)
        else:  # the format of something
            every = [node["fields"] for node in graph["nodes"]]
            spots = [(fields, key) for fields in every for key in fields if "format" in key]
            fields, key = spots[int(rng.integers(len(spots)))]
            fields[key] = FORMATS[int(rng.integers(len(FORMATS)))]
        changed = {**header, "__metadata__": {"hwgen": json.dumps(graph)}}
        legal += loads_or_refuses(path, join(changed, body), f"seed {seed}")
    assert 0 < legal < 120


def test_entries_of_a_codebook_are_stored_and_not_believed(path):
    save(mixed_layers(), path)
    header, body = split(path.read_bytes())
    graph = json.loads(header["__metadata__"]["hwgen"])
    graph["nodes"][4]["fields"]["weight_format"]["entries"] = [5, -1, 1]
    path.write_bytes(join({**header, "__metadata__": {"hwgen": json.dumps(graph)}}, body))
    with pytest.raises(StoreError, match=r"a\.net: out: Weights .* cb2:6: \{-1, 1, 5\}"):
        load(path)

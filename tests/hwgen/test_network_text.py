import json
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hwgen.errors import HwgenError, NetworkError, StoreError
from hwgen.formats import Fixed
from hwgen.network import OPS, Flatten, Input, Linear, Network, Node
from hwgen.network.text import (
    _DECODERS,
    SPEC_VERSION,
    from_fields,
    from_text,
    parse_json,
    summary,
    to_fields,
    to_text,
)
from support.networks import GRAPH, graphs, mixed, networks, orders, random_network

INPUT = '"in" = Input() {"shape": [2], "format": "int4", "scale": [0.5], "zero_point": 0}'
LINEAR = (
    '"out" = Linear("in") {"weight": [[1, -2]], "bias": [3], '
    '"weight_format": "int4", "weight_scale": [0.25]}'
)
HEADER = f"hwgen network {SPEC_VERSION}"
TEXT = f"{HEADER}\n{INPUT}\n{LINEAR}\n"


def named(*names):
    """Return a network of flattens with these names."""
    ops = [Input((2, 1, 1), Fixed(4), [0.1]), *[Flatten()] * (len(names) - 1)]
    return Network(
        tuple(
            Node(n, op, names[i - 1 : i] if i else ())
            for i, (n, op) in enumerate(zip(names, ops, strict=True))
        )
    )


def test_the_form_is_the_documented_one():
    network = Network(
        (
            Node("in", Input((2,), Fixed(4), [0.5])),
            Node("out", Linear([[1, -2]], [3], Fixed(4), [0.25]), ("in",)),
        )
    )
    assert to_text(network) == TEXT
    assert from_text(TEXT) == network


@settings(max_examples=60, deadline=None, derandomize=True)
@given(networks | graphs | mixed | orders)
def test_random_networks_come_back_equal(network):
    text = to_text(network)
    assert from_text(text) == network
    assert to_text(from_text(text)) == text


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.text(min_size=1, max_size=200), min_size=2, max_size=4, unique=True))
@example(["always", "a.b c;"])
@example(['"', "\\", '\\"', "\n"])
@example(["\ud800", "\u2028", "\r", "\x00"])
@example(['x" = Flatten("y") {}', "# no comment", " ", "hwgen network 2"])
def test_a_name_may_be_any_text(names):
    network = named(*names)
    assert from_text(to_text(network)) == network
    assert to_text(network).isascii()
    assert summary(network)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.floats(min_value=0, exclude_min=True, allow_infinity=False))
def test_scales_come_back_in_every_bit(scale):
    network = Network(
        (Node("in", Input((2, 1, 1), Fixed(4), [scale])), Node("out", Flatten(), ("in",)))
    )
    assert from_text(to_text(network)).input.scale.tobytes() == np.float64(scale).tobytes()


def test_comments_blank_lines_and_carriage_returns_are_skipped():
    text = f"# by hand\r\n\r\n{HEADER}\r\n  \n # the input\n  {INPUT}\r\n{LINEAR}"
    assert from_text(text) == from_text(TEXT)


def test_every_field_of_every_op_has_a_decoder():
    assert {field.type for op in OPS for field in fields(op)} == set(_DECODERS)


def test_fields_come_back_as_lists_and_as_arrays():
    for seed in range(20):
        for node in random_network(seed).nodes:
            kind, values = type(node.op).__name__, to_fields(node.op)
            lists = json.loads(json.dumps(values, default=np.ndarray.tolist))
            for given_values in (values, lists):
                again = to_fields(from_fields(kind, given_values))
                assert json.dumps(again, default=np.ndarray.tolist) == json.dumps(lists)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (HEADER, "", r"line 2: text form must begin with 'hwgen network 4'"),
        (HEADER, "hwgen network 1", r"line 1: spec version must be one of 2, 3, 4, not 1; use"),
        (HEADER, "hwgen network 5", r"line 1: spec version must be one of 2, 3, 4, not 5; use the"),
        (HEADER, "hwgen network one", r"line 1: text form must begin"),
        (INPUT, "in = Input()", r"line 2: node must be written as"),
        ("Linear(", "Dense(", r"line 3: Op must be one of Input, Conv2d, .*, not 'Dense'"),
        ("[3]", "[3", r"line 3: not readable as JSON"),
        ("[3]", "[NaN]", r"line 3: NaN is not a number that hwgen stores"),
        ("[3]", "[3.5]", r"line 3: Field bias of Linear: must be an integer of 64 bits, not 3.5"),
        ("[3]", "[true]", r"line 3: Field bias of Linear: must be an integer"),
        ("[3]", '["3"]', r"line 3: Field bias of Linear: must be an integer"),
        ("[3]", "null", r"line 3: Field bias of Linear: must be an integer"),
        ("[3]", '{"a": 1}', r"line 3: Field bias of Linear: must be an integer"),
        ("[3]", f"[{2**63}]", r"line 3: Field bias of Linear: must be an integer of 64 bits"),
        ("[3]", "[" + "9" * 5000 + "]", r"line 3: not readable as JSON"),
        ("[3]", "[3, 4]", r"line 3: Bias must have 1 values, not 2"),
        ("[3]", "[]", r"line 3: Bias must have 1 values, not 0"),
        ("[3]", "[" * 100_000 + "]" * 100_000, r"line 3: not readable as JSON"),
        ("[[1, -2]]", "[[1], [2, 3]]", r"line 3: Field weight of Linear: must be an integer"),
        ("[[1, -2]]", "[1, -2]", r"line 3: Weight must have 2 dimensions, not 1"),
        ("[[1, -2]]", "[[1, 8]]", r"line 3: Weights must lie in the range of int4"),
        ("[0.25]", "[-1]", r"line 3: Weight scale must be positive and finite"),
        ("[0.25]", "[1e999]", r"line 3: Field weight_scale of Linear: must be an array of finite"),
        ("[0.25]", '["1"]', r"line 3: Field weight_scale of Linear: must be an array of finite"),
        ('"weight_format": "int4"', '"weight_format": "int17"', r"line 3: .* must be 2 to 16"),
        ('"weight_format": "int4"', '"weight_format": "ternary"', r"line 3: Weights .* of ternary"),
        ('"weight_format": "int4"', '"weight_format": "cb4:8"', r"line 3: Weights .*: none before"),
        ('"weight_format": "int4"', '"weight_format": "pot4x3"', r"must be 1 to 2, not 3"),
        ('"weight_format": "int4"', '"weight_format": {"name": "cb1:4"}', r"a codebook's name and"),
        (
            '"weight_format": "int4"',
            '"weight_format": {"name": "int4", "entries": [1]}',
            r"weight_format of Linear: must be a codebook such as cb4:8 where .*, not int4",
        ),
        (
            '"weight_format": "int4"',
            '"weight_format": {"name": "cb1:4", "entries": [1, true]}',
            r"line 3: Field weight_format of Linear: must be an integer",
        ),
        (
            '"weight_format": "int4"',
            '"weight_format": {"name": "cb1:4", "entries": [1, -2, 3]}',
            r"Number of entries of cb1:4 must be at most 2, not 3",
        ),
        (
            '"weight_format": "int4"',
            '"weight_format": {"name": "cb1:4", "entries": [1, 8]}',
            r"Entries of cb1:4 must be integers of \[-8, 7\]",
        ),
        ('"format": "int4"', '"format": "ternary"', r"line 2: Input format must be a"),
        ('"weight_format": "int4"', '"weight_format": 4', r"weight_format of Linear: must be a"),
        ('"bias": [3], ', "", r"line 3: Field bias of Linear is missing"),
        ('"bias": [3]', '"bias": [3], "more": 1', r"line 3: Field 'more' is not one of Linear: "),
        ('"bias": [3]', '"bias": [3], "bias": [3]', r"line 3: a key is given twice"),
        ('"shape": [2]', '"shape": 2', r"line 2: Field shape of Input: must be a list of integers"),
        ('"shape": [2]', '"shape": [0]', r"line 2: Input shape must be"),
        ('"shape": [2]', '"shape": [true]', r"line 2: Field shape of Input: must be an integer"),
        ('"shape": [2]', f'"shape": [{2**40}]', r"line 2: Input must have at most"),
        ('"zero_point": 0', '"zero_point": 0.0', r"line 2: Field zero_point of Input: must be an"),
    ],
)  # fmt: skip
def test_a_broken_line_is_named_with_what_is_wrong(old, new, message):
    assert TEXT.count(old) >= 1
    with pytest.raises(StoreError, match=message):
        from_text(TEXT.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"shape": [2]', '"shape": [3]', r"out: Input must have shape \(2,\), not \(3,\)"),
        ('Linear("in")', 'Linear("im")', r"out: input 'im' must be a node that comes before"),
        ('Linear("in")', "Linear()", r"out: Number of inputs must be 1, not 0"),
        ('"out"', '"in"', r"in: name is used twice"),
        ('"out"', '""', r"Name of a layer must be a text of 1 to 200 characters, not ''"),
        ('"zero_point": 0', '"zero_point": 8', r"in: Zero point must lie in the range of int4"),
        ("[0.25]", "[1e-320]", None),
        ("[0.5]", "[5e-324]", r"out: Scale must be positive and finite"),
        (LINEAR, "", r"in: network must have at least one op after its input"),
        (f"{INPUT}\n{LINEAR}", "", r"Network must have at least an input"),
    ],
)
def test_what_reads_well_is_still_verified(old, new, message):
    text = TEXT.replace(old, new, 1)
    if message is None:
        assert from_text(text)
        return
    with pytest.raises(NetworkError, match=message):
        from_text(text)


def test_600_damaged_texts_end_in_one_of_our_errors_or_in_a_legal_network():
    texts = [to_text(random_network(7, layers=2, channels=3))]
    texts += [to_text(random_network(seed, GRAPH, channels=3)) for seed in range(5)]
    for seed in range(600):
        text = texts[seed % len(texts)]
        rng = np.random.default_rng(seed)
        at, length = int(rng.integers(len(text))), int(rng.integers(0, 4))
        piece = "".join(rng.choice(list('{}[]",:=()-9e.tN\\\n '), int(rng.integers(0, 3))))
        try:
            assert from_text(text[:at] + piece + text[at + length :]).tensors
        except HwgenError:
            continue
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error!r}") from error


def test_json_refuses_what_is_not_json():
    for text in ("", "{", "NaN", "[Infinity]", "-Infinity", '{"a": 1, "a": 2}', "[" * 100_000):
        with pytest.raises(StoreError):
            parse_json(text)


def test_summary_is_a_table_for_people():
    network = from_text(TEXT)
    assert str(network) == summary(network)
    assert str(network).splitlines() == [
        "name   op      shape  range    format  weights  MACs  parameters  bytes",
        "in     Input   2      -8..7    int4",
        "out    Linear  1      -19..26  6 bits  int4        2           3      1",
        "total                                              2           3      1",
    ]


def test_summary_counts_a_convolution_over_its_pixels_and_escapes_names():
    network = random_network(3)
    conv = network["conv1"]
    pixels = network.tensors["conv1"].shape[1] * network.tensors["conv1"].shape[2]
    line = next(line for line in str(network).splitlines() if line.startswith("conv1 "))
    macs, parameters, size = (int(cell.replace(",", "")) for cell in line.split()[-3:])
    assert macs == conv.op.weight.size * pixels
    assert parameters == conv.op.weight.size + conv.op.bias.size
    assert size == -(-conv.op.weight.size * conv.op.weight_format.bits // 8)
    assert len(str(named("a\nb", "c")).splitlines()) == 4


def test_texts_of_version_2_are_read_as_they_were():
    assert from_text(TEXT.replace(HEADER, "hwgen network 2")) == from_text(TEXT)

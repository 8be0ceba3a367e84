"""Tables of functions: golden == reference, the thresholds that some are, text, store, refusals."""

from dataclasses import replace

import numpy as np
import pytest

import hwgen
from hwgen.errors import NetworkError
from hwgen.formats import Binary, Fixed
from hwgen.network import Add, Input, Network, Node, Requantize, Table, Threshold
from hwgen.network.inference import infer
from hwgen.network.thresholds import followed_by_table
from support.meanings import compare_text
from support.networks import CHAIN, TABLES, chain, random_input, random_network
from support.reference import REFERENCE, check
from support.selection import some

OF = Fixed(4, False)


def drawn(seed):
    return random_network(seed, (TABLES, replace(CHAIN, tables=0.7))[seed % 2], contains=[Table])


@pytest.mark.parametrize("seed", some(range(120), range(16)))
def test_random_networks_equal_the_reference(seed, tmp_path):
    network = drawn(seed)
    check(network, random_input(network, 3, seed), f"seed {seed}")
    compare_text(network)
    network.save(tmp_path / "tables.net")
    assert hwgen.load(tmp_path / "tables.net") == network


def before_tables(seed):
    """Yield each table of a network, with the value that enters what comes before it, and that."""
    network = drawn(seed)
    for node in network.nodes:
        if isinstance(node.op, Table):
            (source,) = (network[name] for name in node.inputs)
            yield node.op, network.tensors[source.name], None
            if isinstance(source.op, (Requantize, Threshold)):
                yield node.op, network.tensors[source.inputs[0]], source.op


def outputs(ops, x, values):
    """Return what ops one after another make of (values, channels)."""
    for op in ops:
        values = REFERENCE[type(op)](op, None, (values, x.zero_point, x.format == Binary()))
        x = infer(op, [x])
    return values


def test_thresholds_are_the_table_at_every_value_that_can_occur():
    counted = fallen = 0
    for seed in range(24):
        for table, x, first in before_tables(seed):
            ops = [op for op in (first, table) if op is not None]
            found = followed_by_table(first, table, x)
            span = x.hi - x.lo + 1
            every = np.arange(x.lo, x.hi + 1) if span < 2000 else np.linspace(x.lo, x.hi, 1000)
            every = np.rint(every).astype(np.int64)
            if found is not None and span >= 2000:
                edges = [found.thresholds.reshape(-1)[:500] + d for d in (-1, 0)]
                every = np.sort(np.concatenate([every, *edges]))
            values = every[:, None].repeat(x.channels, 1).clip(x.lows, x.highs)
            wanted = outputs(ops, x, values)
            if found is None:
                fallen += bool((np.diff(wanted, axis=0) < 0).any())
                continue
            counted += 1
            assert np.array_equal(outputs([found], x, values), wanted), f"seed {seed}: {ops}"
            assert (infer(found, [x]).lo, infer(found, [x]).hi) == (wanted.min(), wanted.max())
    assert counted > 10 and fallen > 10


def test_entries_that_never_change_are_no_thresholds():
    x = infer(Input((2,), Fixed(3), [1.0]), [])
    assert followed_by_table(None, Table([[5] * 8], OF, [1.0], lo=-4), x) is None


def test_what_cannot_be_reached_may_fall():
    x = infer(Input((1,), Fixed(2), [1.0]), [])
    table = Table([[9, 7, 1, 1, 3, 3, 0]], OF, [1.0], lo=-4)
    found = followed_by_table(None, table, x)
    assert found.thresholds.tolist() == [[0, 0]] and found.base == 1
    assert (infer(table, [x]).lo, infer(table, [x]).hi) == (1, 3)


def test_range_is_of_what_each_channel_reaches():
    x = infer(Input((2,), Fixed(3), [1.0]), [])
    x = infer(Requantize([1], [0], Fixed(3), [1.0], lo=0, hi=2), [x])
    y = infer(Table([[0, 9, 4, 8], [7, 5, 6, 1]], OF, [1.0]), [x])
    assert (y.lows.tolist(), y.highs.tolist()) == ([0, 5], [9, 7])


@pytest.mark.parametrize(
    ("entries", "of", "more", "message"),
    [
        ([[]], OF, {}, "must not be empty"),
        ([[0] * 1025], OF, {}, "at most 1024 a channel, not 1025; requantize"),
        ([[16]], OF, {}, r"integers of uint4, not in \[16, 16\]"),
        ([[0, 1]], Binary(), {}, r"integers of binary, not in \[0, 1\]"),
        ([[1]], OF, {"scale": [1.0, 2.0]}, "scale of a table must be a single number"),
        ([[1, 2.5]], OF, {}, "Entries"),
    ],
)
def test_refused(entries, of, more, message):
    with pytest.raises(NetworkError, match=message):
        Table(entries, of, **{"scale": [1.0], **more})


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (Table([[1] * 7], OF, [1.0], lo=-4), r"must lie in \[-4, 2\].*not in \[-4, 3\]"),
        (Table([[1] * 8], OF, [1.0], lo=-3), r"must lie in \[-3, 4\].*requantize it first"),
        (Table([[1] * 8] * 2, OF, [1.0], lo=-4), "of one channel or of 3, not of 2"),
        (Table([[1] * 8], OF, [1.0], 16, -4), "must lie in the range of uint4, not 16"),
        (Table([[1] * 8], Binary(), [1.0], 1, -4), "Zero point of binary must be 0"),
    ],
)
def test_refused_in_a_network(table, message):
    with pytest.raises(NetworkError, match=message):
        chain(Input((3,), Fixed(3), [1.0]), table)


def test_a_table_joins_and_ends():
    """A table of a value that is used elsewhere as well."""
    network = Network(
        (
            Node("x", Input((3,), Fixed(3), [1.0])),
            Node("size", Table([[4, 3, 2, 1, 0, 1, 2, 3]], Fixed(3, False), [1.0], lo=-4), ("x",)),
            Node("y", Add((1, 1)), ("x", "size")),
        )
    )
    assert network.run([[-4, -1, 3]]).tolist() == [[0, 0, 6]]

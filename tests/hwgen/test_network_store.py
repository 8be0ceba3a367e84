import json
import os
import subprocess
import sys

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

import hwgen.network.store as store
from hwgen.errors import StoreError
from hwgen.formats import Fixed
from hwgen.network import Conv2d, Input, Linear, Network, Node, load, save
from hwgen.network.text import to_text
from support.networks import (
    CHAIN,
    GRAPH,
    graphs,
    mixed,
    networks,
    orders,
    random_input,
    random_network,
)
from support.stores import join, loads_or_refuses, mutate, split


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.net"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The bytes of twenty small chains and forty small graphs."""
    path = tmp_path_factory.mktemp("files") / "a.net"
    found = []
    for seed in range(20):
        for network in (
            random_network(seed, layers=2, channels=3),
            random_network(seed, GRAPH, layers=2, channels=3),
            random_network(seed + 20, GRAPH, layers=1, channels=3),
        ):
            save(network, path)
            found.append(path.read_bytes())
    return found


@settings(max_examples=60, deadline=None, derandomize=True)
@given(networks | graphs | mixed | orders)
def test_random_networks_come_back_equal(tmp_path_factory, network):
    path = tmp_path_factory.mktemp("store") / "a.net"
    save(network, path)
    again = load(path)
    assert again == network
    assert to_text(again) == to_text(network)


def test_methods_and_strings_as_paths(path):
    network = random_network(3)
    network.save(str(path))
    assert load(str(path)) == network
    x = random_input(network, 2, 0)
    assert np.array_equal(load(path).run(x), network.run(x))


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.lists(st.text(min_size=1, max_size=200), min_size=2, max_size=2, unique=True))
def test_a_name_may_be_any_text(tmp_path_factory, names):
    source = random_network(12, layers=1)
    first, *_ = source.nodes
    nodes = (Node(names[0], first.op), Node(names[1], source.nodes[1].op, (names[0],)))
    path = tmp_path_factory.mktemp("store") / "a.net"
    save(Network(nodes), path)
    assert load(path) == Network(nodes)


def test_weights_take_the_bytes_they_need(path):
    network = random_network(1, layers=1)
    save(network, path)
    header, _ = split(path.read_bytes())
    assert {value["dtype"] for key, value in header.items() if key.endswith(".weight")} == {"I8"}


def test_loaded_arrays_are_int64_and_read_only(path):
    network = random_network(3)
    save(network, path)
    op = load(path)["conv1"].op
    assert isinstance(op, Conv2d) and op.weight.dtype == np.int64 and op.bias.dtype == np.int64
    with pytest.raises(ValueError, match="read-only"):
        op.weight[0] = 0


def test_equal_networks_make_equal_bytes_in_any_process(path):
    save(random_network(5), path)
    script = (
        "import sys; from hwgen.network import load, save; save(load(sys.argv[1]), sys.argv[2])"
    )
    for seed in ("1", "2"):
        other = path.with_name(f"b{seed}.net")
        subprocess.run(
            [sys.executable, "-c", script, str(path), str(other)],
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
        assert other.read_bytes() == path.read_bytes()


def test_a_save_replaces_the_old_file_and_leaves_nothing_else(path):
    save(random_network(1), path)
    save(random_network(2), path)
    assert load(path) == random_network(2)
    assert [p.name for p in path.parent.iterdir()] == ["a.net"]


def test_a_save_that_fails_keeps_the_old_file_and_leaves_nothing_else(path, monkeypatch):
    save(random_network(1), path)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store.os, "fsync", full)
    with pytest.raises(StoreError, match=r"a\.net: network cannot be written \(No space left"):
        save(random_network(2), path)
    assert load(path) == random_network(1)
    assert [p.name for p in path.parent.iterdir()] == ["a.net"]


def test_places_that_cannot_be_written_are_named(path):
    (path.parent / "folder").mkdir()
    for bad in (path.parent / "none" / "a.net", path.parent / "folder", path.parent / "\0"):
        with pytest.raises(StoreError, match="network cannot be written"):
            save(random_network(1), bad)
    assert [p.name for p in path.parent.iterdir()] == ["folder"]


def test_files_that_are_not_there_or_are_no_files(path):
    with pytest.raises(StoreError, match=r"a\.net: there is no such file"):
        load(path)
    for bad in (path.parent, "/dev/null"):
        with pytest.raises(StoreError, match="must be a file, not a (folder|device); a network is"):
            load(bad)
    for bad in (path.parent / ("x" * 300), f"{path}\0"):
        with pytest.raises(StoreError):
            load(bad)


def test_foreign_files_are_refused(path, tmp_path):
    foreign = {
        "empty": b"",
        "text": b"hwgen network 1\n",
        "pickle": b"\x80\x04\x8c\x08builtins\x8c\x04exit\x93)R.",
        "zip": b"PK\x03\x04" + bytes(100),
        "huge header": (2**62).to_bytes(8, "little") + b"{}",
        "other tensors": safetensors.numpy.save({"w": np.ones(3)}),
        "other metadata": safetensors.numpy.save({"w": np.ones(3)}, metadata={"format": "pt"}),
        "not json": safetensors.numpy.save({}, metadata={"hwgen": "{"}),
        "a list": safetensors.numpy.save({}, metadata={"hwgen": "[1]"}),
        "deep": safetensors.numpy.save({}, metadata={"hwgen": "[" * 10**6}),
    }
    for name, data in foreign.items():
        assert not loads_or_refuses(path, data, name), name


def test_other_versions_are_named(path):
    save(random_network(1), path)
    header, body = split(path.read_bytes())
    graph = json.loads(header["__metadata__"]["hwgen"])
    for version in (0, 1, 6, "3", True, None, 1.5, 3.0, [3], {"a": 3}, "9" * 300):
        graph["spec_version"] = version
        path.write_bytes(join({**header, "__metadata__": {"hwgen": json.dumps(graph)}}, body))
        with pytest.raises(StoreError, match="spec version must be one of 2, 3, 4, 5, not .*; use"):
            load(path)


@pytest.mark.parametrize("seed", range(2))
def test_every_truncation_is_refused(path, seed):
    save(random_network(seed, layers=1, channels=3), path)
    data = path.read_bytes()
    for length in range(0, len(data), 1 + len(data) // 500):
        assert not loads_or_refuses(path, data[:length], f"seed {seed} length {length}")
    assert not loads_or_refuses(path, data + b"\0", "one byte more")


def test_300_damaged_files_end_in_one_of_our_errors_or_in_a_legal_network(path):
    for seed in range(300):
        save(random_network(seed % 20, (CHAIN, GRAPH)[seed % 3 > 0], channels=4), path)
        data = path.read_bytes()
        rng = np.random.default_rng(seed)
        damaged = bytearray(data)
        end = len(data) if seed % 2 else 8 + int.from_bytes(data[:8], "little")
        for _ in range(int(rng.integers(1, 5))):
            damaged[int(rng.integers(end))] = int(rng.integers(256))
        if damaged != data:
            assert not loads_or_refuses(path, bytes(damaged), f"seed {seed}")
        loads_or_refuses(path, store.sealed(bytes(damaged)), f"seed {seed}, checksum made right")


def test_every_single_flipped_bit_is_refused(path):
    """Of 290 in each of two networks, spread over all of the file; and of the checksum's own."""
    for network in (random_network(1), random_network(2, GRAPH)):
        save(network, path)
        data = path.read_bytes()
        assert load(path) == network
        spread = range(0, 8 * len(data), 1 + 8 * len(data) // 290)
        seal = range(8 * store._SEAL.start, 8 * store._SEAL.stop, 5)
        for bit in (*spread, *(seal if network == random_network(1) else ())):
            flipped = bytearray(data)
            flipped[bit // 8] ^= 1 << bit % 8
            assert not loads_or_refuses(path, bytes(flipped), f"bit {bit}")


def test_1000_graphs_with_a_wrong_field_end_in_one_of_our_errors_or_in_a_legal_network(path, files):
    legal = 0
    for seed in range(1000):
        rng = np.random.default_rng(seed)
        header, body = split(files[seed % len(files)])
        graph = json.loads(header["__metadata__"]["hwgen"])
        mutate(graph, rng)
        changed = {**header, "__metadata__": {"hwgen": json.dumps(graph)}}
        legal += loads_or_refuses(path, join(changed, body), f"seed {seed}")
    assert legal < 333  # most of them are wrong; a few change a stride or a clamp


def test_files_of_before_checksums_are_read_as_they_were(path):
    save(random_network(3), path)
    header, body = split(path.read_bytes())
    graph = json.loads(header["__metadata__"]["hwgen"])
    assert graph.pop("sha256") and graph.pop("outputs") and graph["spec_version"] == 5
    for version in (2, 3):
        changed = {"hwgen": json.dumps({**graph, "spec_version": version})}
        text = json.dumps({**header, "__metadata__": changed}).encode()
        path.write_bytes(len(text).to_bytes(8, "little") + text + body)
        assert load(path) == random_network(3)


def test_files_of_before_outputs_are_read_as_they_were(path):
    save(random_network(3), path)
    header, body = split(path.read_bytes())
    graph = json.loads(header["__metadata__"]["hwgen"])
    del graph["outputs"]
    changed = {"hwgen": json.dumps({**graph, "spec_version": 4})}
    path.write_bytes(join({**header, "__metadata__": changed}, body))
    assert load(path) == random_network(3)


def test_300_wrong_tensors_end_in_one_of_our_errors_or_in_a_legal_network(path, files):
    for seed in range(300):
        rng = np.random.default_rng(seed)
        header, _ = split(files[seed % len(files)])
        tensors = dict(safetensors.numpy.load(files[seed % len(files)]))
        name = sorted(tensors)[int(rng.integers(len(tensors)))]
        array = tensors[name]
        special = rng.choice([np.nan, np.inf, -1.0, 0.0, 1e308, 5e-324])
        tensors[name] = [
            lambda a, v: a.astype(np.float64),
            lambda a, v: a.astype(np.float32),
            lambda a, v: a.astype(np.uint8),
            lambda a, v: a.astype(bool),
            lambda a, v: np.full(a.shape, v),
            lambda a, v: np.full(a.shape, np.iinfo(np.int64).min),
            lambda a, v: np.full(a.shape, np.iinfo(np.int64).max),
            lambda a, v: a.reshape(-1),
            lambda a, v: a[None],
            lambda a, v: a[:0],
            lambda a, v: np.zeros((3, 0, 7), dtype=np.int64),
        ][int(rng.integers(11))](array, special)
        if seed % 5 == 0:
            tensors[f"{name}x"] = tensors.pop(name)
        if seed % 7 == 0:
            tensors[["9.weight", "x.weight", "-1.a", "1", "²"][seed % 5]] = np.ones(2)
        data = store.sealed(safetensors.numpy.save(tensors, metadata=header["__metadata__"]))
        loads_or_refuses(path, data, f"seed {seed}: {name}")


def test_tensors_and_fields_that_belong_to_nothing_are_refused(path):
    save(random_network(1, layers=1), path)
    header, _ = split(path.read_bytes())
    tensors = safetensors.numpy.load(path.read_bytes())
    for name, message in (
        ("99.weight", "tensors of node 99 belong to no node"),
        ("0.more", "Field 'more' is not one of Input"),
        ("0.zero_point", "fields must be given once"),
        ("weight", "must be named like '3.weight'"),
    ):
        more = {**tensors, name: np.ones(1, dtype=np.int8)}
        data = safetensors.numpy.save(more, metadata=header["__metadata__"])
        path.write_bytes(store.sealed(data))
        with pytest.raises(StoreError, match=message):
            load(path)


def test_shapes_and_offsets_that_lie_are_refused(path):
    save(random_network(1, layers=1), path)
    header, body = split(path.read_bytes())
    name = next(key for key in header if key.endswith(".weight"))
    for changes in (
        {"shape": [2**62, 4]},
        {"shape": [2**64, 1]},
        {"shape": [-1]},
        {"shape": "x"},
        {"data_offsets": [0, 2**60]},
        {"data_offsets": [8, 0]},
        {"dtype": "F4"},
        {"dtype": "BF16"},
        {"dtype": "object"},
    ):
        data = join({**header, name: {**header[name], **changes}}, body)
        assert not loads_or_refuses(path, data, str(changes))


def test_files_of_the_version_before_groups_are_named_as_such(path):
    save(random_network(3), path)
    header, body = split(path.read_bytes())
    graph = json.loads(header["__metadata__"]["hwgen"])
    for node in graph["nodes"]:
        node["fields"].pop("groups", None)
    changed = {**header, "__metadata__": {"hwgen": json.dumps(graph)}}
    path.write_bytes(join(changed, body))
    with pytest.raises(StoreError, match="Field groups of Conv2d is missing"):
        load(path)
    changed["__metadata__"]["hwgen"] = json.dumps({**graph, "spec_version": 1})
    path.write_bytes(join(changed, body))
    with pytest.raises(StoreError, match="spec version must be one of 2, 3, 4, 5, not 1; use"):
        load(path)


def test_the_layer_is_named(path):
    save(random_network(3), path)
    header, body = split(path.read_bytes())
    graph = json.loads(header["__metadata__"]["hwgen"])
    node = next(node for node in graph["nodes"] if node["op"] == "Conv2d")
    node["fields"]["stride"] = [0, 0]
    path.write_bytes(join({**header, "__metadata__": {"hwgen": json.dumps(graph)}}, body))
    with pytest.raises(StoreError, match=rf"a\.net: {node['name']}: Stride must be one or two"):
        load(path)


@pytest.mark.parametrize("bits", [8, 16, 32])
@pytest.mark.parametrize("more", [-1, 0, 1])
def test_integers_at_the_ends_of_stored_types(bits, more, tmp_path):
    """What needs a bit more is stored in the next wider type, and nothing wraps."""
    ends = [-(1 << (bits - 1)) - more, (1 << (bits - 1)) - 1 + more]
    for end in ends:
        node = Node("fc", Linear([[1]], [end], Fixed(4), [1.0]), ("x",))
        network = Network((Node("x", Input((1,), Fixed(4), [1.0])), node))
        network.save(tmp_path / "ends.net")
        assert load(tmp_path / "ends.net") == network
        stored = safetensors.numpy.load_file(tmp_path / "ends.net")["1.bias"]
        assert stored.dtype.itemsize == (bits // 8 if more <= 0 else bits // 4), end

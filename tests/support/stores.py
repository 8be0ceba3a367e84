"""Files of networks, taken apart, damaged and put together."""

import json
import warnings

from hwgen.errors import HwgenError
from hwgen.network import Network, load
from hwgen.network.store import sealed

NASTY = [
    None, True, False, -1, 0, 1, 2, 3, 17, 2**24, 2**31, 2**40, 2**62, 2**63, -(2**63), 10**30, 0.5,
    -0.0, 1e308, 1e-320, "", "x", "input", "int4", "int17", "Conv2d", "Requantize", "half_odd",
    [], [0], [1, 2], [2**40, 1, 1], [[1]], [[[[1]]]], [None], {}, {"a": 1}, "9" * 300,
]  # fmt: skip


def split(data):
    """Return the header (a dictionary) and the rest of a file."""
    length = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def join(header, body):
    """Return a file with these parts, its checksum being right."""
    text = json.dumps(header, separators=(",", ":")).encode()
    return sealed(len(text).to_bytes(8, "little") + text + body)


def loads_or_refuses(path, data, label):
    """Load mutated bytes; anything but one of our errors or a legal network is a bug."""
    path.write_bytes(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            network = load(path)
            assert network.tensors and Network(network.nodes, network.ends) == network
    except HwgenError as error:
        assert str(path) in str(error)
        return False
    except Exception as error:
        raise AssertionError(f"{label}: {error!r}") from error
    return True


def places(value, path=()):
    """Yield every place inside nested JSON."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        yield (*path, key)
        if isinstance(inner, (dict, list)):
            yield from places(inner, (*path, key))


def mutate(graph, rng, nasty=NASTY):
    """Change, remove, double or add something somewhere."""
    spots = list(places(graph))
    *way, last = spots[int(rng.integers(len(spots)))]
    parent = graph
    for key in way:
        parent = parent[key]
    action = int(rng.integers(6))
    if action == 0:
        del parent[last]
    elif action == 1 and isinstance(parent, list):
        parent.insert(last, parent[last])
    elif action == 2 and isinstance(parent, dict):
        parent["more"] = nasty[int(rng.integers(len(nasty)))]
    else:
        parent[last] = nasty[int(rng.integers(len(nasty)))]

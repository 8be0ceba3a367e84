"""TFLite files that are damaged: one clear error, or a network that passes the verifier."""

import random
import resource

import pytest

from hwgen.errors import HwgenError
from hwgen.importers.tflite import import_tflite
from hwgen.network import Network
from support.tflite_networks import OPERATORS, operator_file

GIB = 1 << 30


def mutated(data, rng):
    """Return a file with bits flipped, numbers made huge, or parts cut off or said twice."""
    data = bytearray(data)
    kind = rng.randrange(5)
    if kind == 0:
        return bytes(data[: rng.randrange(len(data))])
    if kind == 1:
        start = rng.randrange(len(data))
        return bytes(data[:start] + data[rng.randrange(start, len(data)) :])
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        place = rng.randrange(len(data) - 8)
        if kind == 2:
            data[place] ^= 1 << rng.randrange(8)
        elif kind == 3:
            huge = rng.choice((0, 1, 0xFF, 0x7FFFFFFF, 0xFFFFFFFF, 0x80000000, 1 << 30))
            place -= place % 4
            data[place : place + 4] = huge.to_bytes(4, "little")
        else:
            other = rng.randrange(len(data) - 8)
            data[place : place + 8] = data[other : other + 8]
    return bytes(data)


def ends_well(path):
    """Import a file; what is not an `HwgenError` is a failure."""
    try:
        network = import_tflite(path)
    except HwgenError as error:
        assert str(error), path
        return False
    assert isinstance(network, Network)
    return True


def check(kinds, count, tmp_path):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    path = tmp_path / "hostile.tflite"
    well = 0
    for seed in range(count):
        kind = kinds[seed % len(kinds)]
        made = operator_file(kind, 0, tmp_path / f"{kind}.tflite").path.read_bytes()
        path.write_bytes(mutated(made, random.Random(seed)))
        try:
            well += ends_well(path)
        except BaseException as error:
            raise AssertionError(f"{kind}, seed {seed}") from error
    assert 0 < well < count  # some mutations do no harm, and some do
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown * 1024 < GIB


def test_damaged_files_end_in_one_error(tmp_path):
    check(sorted(OPERATORS), 300, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_many_damaged_files_end_in_one_error(tmp_path):
    check(sorted(OPERATORS), 6000, tmp_path)


def test_what_is_no_such_file(tmp_path):
    for name, data in {"empty": b"", "text": b"not a model at all", "zeros": bytes(4096)}.items():
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(HwgenError, match=name):
            import_tflite(path)
    with pytest.raises(HwgenError, match="missing"):
        import_tflite(tmp_path / "missing")

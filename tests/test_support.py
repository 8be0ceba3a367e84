"""Helpers of the tests: random networks hold what they are asked for; every file has a level."""

import pytest

from hwgen.formats import Binary, Codebook
from hwgen.network import AvgPool2d, Concat
from support.levels import TESTS, level_of, levels
from support.networks import CHAIN, GRAPH, MIXED, contents, random_network

CONTRIBUTING = (TESTS.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("seed", range(4))
def test_a_network_contains_what_was_asked_for(seed):
    wanted = {Concat, AvgPool2d, Codebook, Binary}
    network = random_network(seed, MIXED, contains=wanted, layers=2)
    assert wanted <= contents(network)
    assert network == random_network(seed, MIXED, contains=wanted, layers=2)
    assert random_network(seed, GRAPH, contains=()) == random_network(seed, GRAPH)


def test_what_no_network_of_a_kind_contains_is_refused():
    with pytest.raises(ValueError, match="Seed 1: none of 200 networks of .* contains"):
        random_network(1, CHAIN, contains=(Concat,))


def test_every_test_file_has_a_level():
    files = [str(path.relative_to(TESTS)) for path in TESTS.rglob("test_*.py")]
    assert len(files) > 100
    assert not [file for file in files if level_of(file) is None]


def test_every_level_has_files():
    found = {level_of(str(path.relative_to(TESTS))) for path in TESTS.rglob("test_*.py")}
    assert found == {level.name for level in levels()}
    assert all(f"| {level.name} | {level.promise} |" in CONTRIBUTING for level in levels())

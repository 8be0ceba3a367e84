"""The maker of random networks holds what it is asked for."""

import pytest

from hwgen.formats import Binary, Codebook
from hwgen.network import AvgPool2d, Concat
from support.networks import CHAIN, GRAPH, MIXED, contents, random_network


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

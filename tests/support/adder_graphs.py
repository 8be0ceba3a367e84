"""Random graphs of adders, and vectors for them."""

from hwgen_rtl_templates.adder_graph import Adder, AdderGraph, Tap


def random_vectors(rng, inputs, bits, is_signed):
    """Return vectors of so many elements, the last two of extremes."""
    low = -(1 << (bits - 1)) if is_signed else 0
    high = low + (1 << bits) - 1
    x = [[rng.randint(low, high) for _ in range(inputs)] for _ in range(40)]
    return [*x, [low] * inputs, [high] * inputs]


def random_adder_graph(rng):
    inputs = rng.randint(1, 4)
    adders = tuple(
        Adder(
            rng.randrange(inputs + n),
            rng.randrange(inputs + n),
            rng.choice((0, 0, 1, 2, 3, 9, -1, -2)),
            rng.random() < 0.5,
        )
        for n in range(rng.randint(0, 7))
    )
    terms = inputs + len(adders)
    taps = [Tap(rng.randrange(terms), rng.randint(0, 2), rng.random() < 0.3) for _ in range(4)]
    return AdderGraph(inputs, adders, (*taps, Tap(None)))

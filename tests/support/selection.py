"""Which of many cases `make test` runs; `make test-slow` runs the others."""

from collections.abc import Container, Iterable, Sequence
from itertools import product
from typing import Any

import pytest


def some(cases: Iterable[Any], chosen: Container[Any]) -> list[Any]:
    """Return pytest's parameters of all cases, those that are not chosen marked slow."""
    found = []
    for case in cases:
        values = case if isinstance(case, tuple) else (case,)
        found.append(pytest.param(*values, marks=[] if case in chosen else [pytest.mark.slow]))
    return found


def crossed(*kinds: Sequence[Any]) -> list[Any]:
    """Return the parameters of all combinations, of which few are chosen: each value of each kind
    is in one, and no two kinds go through theirs in step."""

    def nth(values: Sequence[Any], n: int, place: int) -> Any:
        return values[(n + n // len(values) * place) % len(values)]

    rounds = range(max(map(len, kinds)))
    chosen = [tuple(nth(values, n, place) for place, values in enumerate(kinds)) for n in rounds]
    return some(product(*kinds), chosen)

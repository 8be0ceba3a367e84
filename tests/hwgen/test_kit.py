"""Every op, format, class of folding and kind of sparsity through the kit."""

from heapq import heappop, heappush
from itertools import combinations

import pytest

from support.kit import FOLDINGS, FORMATS, OPS, SPARSITIES, Subject, check, subjects

ALL = list(subjects())
CHUNKS = 40


def cross_section(together: int, count: int = len(ALL)) -> list[Subject]:
    """Return subjects in which kinds meet each other, so many together: as many meetings as `count`
    subjects have, at most all."""
    found: list[Subject] = []
    met: set = set()

    def meetings(subject: Subject) -> set:
        kinds = {name: getattr(subject, name) for name in ("op", "format", "folding", "sparsity")}
        sizes = range(1, together + 1)
        return {each for size in sizes for each in combinations(kinds.items(), size)}

    # What a subject adds only falls: one that adds the most by what was known of it, and still
    # does, is a best one.
    left = [(-(1 << 30), number, meetings(subject)) for number, subject in enumerate(ALL)]
    while left and len(found) < count:
        _, number, its = heappop(left)
        adds = -len(its - met)
        if left and (adds, number) > left[0][:2]:
            heappush(left, (adds, number, its))
        elif not adds:
            break
        else:
            met |= its
            found.append(ALL[number])
    return found


SOME = cross_section(2, 24)
MANY = cross_section(3)

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("subject", SOME, ids=str)
def test_some(subject: Subject, tmp_path):
    check(subject, tmp_path)


def test_some_are_of_every_kind():
    for what, kinds in {
        "op": OPS,
        "format": FORMATS,
        "folding": FOLDINGS,
        "sparsity": SPARSITIES,
    }.items():
        assert {getattr(subject, what) for subject in SOME} == set(kinds), what


def test_many_hold_all_that_meets_in_threes():
    def threes(subjects: list[Subject]) -> set:
        kinds = [(("o", s.op), ("f", s.format), ("d", s.folding), s.sparsity) for s in subjects]
        return {three for each in kinds for three in combinations(each, 3)}

    assert threes(MANY) == threes(ALL) and len(MANY) < len(ALL) / 2


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_many(chunk: int, tmp_path):
    """Over two thousand there are; those in which any three kinds that can meet do, whatever the
    fourth is."""
    assert len(ALL) > 2000
    for number, subject in enumerate(MANY[chunk::CHUNKS]):
        folder = tmp_path / str(number)
        folder.mkdir()
        try:
            check(subject, folder)
        except Exception as error:
            raise AssertionError(f"{subject}: {type(error).__name__}: {error}") from error

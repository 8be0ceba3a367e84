"""Every op, format, class of folding and kind of sparsity through the kit."""

from itertools import combinations

import pytest

from support.kit import FOLDINGS, FORMATS, OPS, SPARSITIES, Subject, check, subjects

ALL = list(subjects())
CHUNKS = 40


def cross_section(count: int) -> list[Subject]:
    """Return subjects in which as many kinds as possible meet each other."""
    found: list[Subject] = []
    met: set = set()

    def meetings(subject: Subject) -> set:
        kinds = {name: getattr(subject, name) for name in ("op", "format", "folding", "sparsity")}
        return set(combinations(kinds.items(), 2)) | set(kinds.items())

    left = {subject: meetings(subject) for subject in ALL}
    while len(found) < count:
        best = max(left, key=lambda subject: len(left[subject] - met))
        met |= left.pop(best)
        found.append(best)
    return found


SOME = cross_section(24)

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


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_all(chunk: int, tmp_path):
    """All of them: over two thousand."""
    assert len(ALL) > 2000
    for number, subject in enumerate(ALL[chunk::CHUNKS]):
        folder = tmp_path / str(number)
        folder.mkdir()
        try:
            check(subject, folder)
        except Exception as error:
            raise AssertionError(f"{subject}: {type(error).__name__}: {error}") from error

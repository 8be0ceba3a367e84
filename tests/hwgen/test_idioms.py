"""Models as users write them, imported as written: torch == golden in every bit."""

import pytest

from hwgen.errors import UnsupportedError
from support.idioms import IDIOMS, REFUSED
from support.idioms.trying import compressed, tried

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.mark.parametrize("name", [name for name in IDIOMS if name not in REFUSED])
def test_imports_as_written(name):
    tried(IDIOMS[name]).check(name)


@pytest.mark.parametrize("name", REFUSED)
def test_is_refused_with_a_way_out(name):
    with pytest.raises(UnsupportedError) as error:
        compressed(IDIOMS[name])
    assert all(part.instead for part in error.value.found), str(error.value)


def test_nearly_all_of_them_import():
    assert len(IDIOMS) >= 160
    assert len(REFUSED) <= 0.05 * len(IDIOMS)

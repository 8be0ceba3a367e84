"""Engines that sum up inputs by their weight's entry, against loops over the definition: values
under stalls, and every clock without; and what the arrays are made of."""

import pytest

from hwgen_rtl_templates.encodings import TwosComplement
from hwgen_rtl_templates.mac import Banks, MacParameters
from hwgen_rtl_templates.weights import WeightParameters
from support.arrays import pasm_case
from support.engine_runs import check_entering, check_reset
from support.engines import check, check_full_rate
from support.selection import some

SEEDS = (*range(10), 14)  # the last has one column


@pytest.mark.parametrize("seed", some(SEEDS, (0, 2, 4, 6, 8, 14)))
def test_engine(seed):
    check(pasm_case, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3000, 3060))
def test_engine_at_length(seed):
    check(pasm_case, seed)


@pytest.mark.parametrize("seed", some(range(60), range(20)))
def test_no_clock_is_idle_at_full_rate(seed):
    check_full_rate(pasm_case(seed)[0], f"seed {seed}")


def test_cases_are_of_every_kind():
    seen = set()
    for seed in SEEDS:
        path = pasm_case(seed)[0].datapath
        seen |= {("signed", path.x_signed), ("columns", path.weights.simd > 1)}
        seen |= {("narrow", path.banks.bits < path.x_bits + 2), ("book", path.rest > 4)}
        seen.add(("beats", max(path.folds) > 1))
    assert len(seen) == 10


def test_messages():
    weights = WeightParameters(2, 1, TwosComplement(4), (0,))
    with pytest.raises(ValueError, match="must be indices into a book .* not TwosComplement"):
        MacParameters(weights, 4, True, 9, True, (1,), banks=Banks(4, 4))


def test_words_enter_as_the_schedule_says():
    check_entering(pasm_case, 8)


@pytest.mark.parametrize("seed", [0, 3, 8])
def test_a_reset_in_mid_frame(seed):
    """Registers hold sums of what was before until they are cleared."""
    check_reset(pasm_case, seed)

"""Engines whose products come from DSP blocks, against loops over the definition: values under
stalls, and every clock without."""

from dataclasses import replace

import pytest
from amaranth.hdl import Instance, Module

from hwgen_rtl_templates.counts import counts_of
from hwgen_rtl_templates.dsp_array import DspArray
from hwgen_rtl_templates.encodings import Ternary, TwosComplement
from hwgen_rtl_templates.mac import MacParameters
from hwgen_rtl_templates.multiplier import DspBlocks, Multiplier
from hwgen_rtl_templates.weights import WeightParameters
from support.arrays import dsp_case
from support.engines import check
from support.selection import some
from support.word_level import word_level


class Outside(Multiplier):
    """A block whose inside is not counted."""

    def elaborate(self, platform):
        ports = {name: getattr(self, name) for name in self.signature.members}
        ways = {name: "i" if name[0] in "xw" else "o" for name in ports}
        m = Module()
        m.submodules.block = Instance("BLOCK", **{f"{ways[n]}_{n}": p for n, p in ports.items()})
        return m


@pytest.mark.parametrize("seed", some(range(16), range(7)))
def test_engine(seed):
    check(dsp_case, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2000, 2300))
def test_engine_at_length(seed):
    check(dsp_case, seed)


def test_cases_are_of_every_kind():
    """Blocks of one, two and three rows, with a rest and without, that borrow and that do not."""
    seen = set()
    for seed in range(16):
        datapath = dsp_case(seed)[0].datapath
        rows = datapath.blocks.rows
        seen |= {("rows", rows), ("rest", datapath.weights.pe % rows > 0)}
        seen.add(("signed", datapath.weights.encoding.signed, datapath.x_signed))
    assert {("rows", 1), ("rows", 2), ("rows", 3), ("rest", True), ("rest", False)} <= seen
    assert {("signed", a, b) for a in (True, False) for b in (True, False)} <= seen


def test_messages():
    weights = WeightParameters(2, 1, TwosComplement(4), (0,))
    with pytest.raises(ValueError, match="Rows that share a block must be 1 in a depthwise array"):
        MacParameters(weights, 4, True, 9, True, (1,), True, blocks=DspBlocks(Multiplier, 2))
    weights = replace(weights, encoding=Ternary())
    with pytest.raises(ValueError, match="must be written in two's complement .* not as Ternary"):
        MacParameters(weights, 4, True, 9, True, (1,), blocks=DspBlocks(Multiplier))


@pytest.mark.parametrize("seed", range(6))
def test_counts(seed):
    """Adders and registers of the parameters are those of the word-level netlist."""
    path = dsp_case(seed)[0].datapath
    path = replace(path, blocks=replace(path.blocks, kind=Outside))
    counted, found = counts_of(path), word_level(DspArray(path))
    assert (counted.adders, counted.registers) == (found.adders, found.registers)

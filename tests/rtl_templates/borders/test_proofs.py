"""Rules of the border's protocols hold, whatever comes and on which clocks: proven, not tried.

`EVER` is a proof for all clocks, by induction over invariants that ABC finds; a number is one for
so many clocks, in which as many frames go through as `FRAMES` says, two of bursts. Queues are
shorter than they are built, but where that is said.
"""

import pytest

from hwgen_rtl_templates.axi import AxiInput, AxiOutput, BorderParameters
from hwgen_rtl_templates.borders import axi_master, mover
from hwgen_rtl_templates.borders.axi_lite import AxiLite
from hwgen_rtl_templates.borders.axi_master import AxiMaster
from hwgen_rtl_templates.borders.bursts import BurstMaker, BurstParameters
from hwgen_rtl_templates.borders.mover import FrameMover, MoverParameters
from hwgen_rtl_templates.borders.wishbone import WishboneRegisters
from hwgen_rtl_templates.borders.wishbone_master import WishboneMaster
from support.proofs.bursts import burst_rules
from support.proofs.managers import axi_master_rules, wishbone_master_rules
from support.proofs.movers import mover_rules
from support.proofs.planted import planted
from support.proofs.prover import Broken, is_reached, prove
from support.proofs.registers import axi_lite_rules, wishbone_registers_rules
from support.proofs.streams import input_rules, output_rules

EVER = None
PLAIN, BYTES = BorderParameters(2, 8, False, 3), BorderParameters(2, 8, False, 3, last_bytes=1)
ONE_BEAT = BorderParameters(1, 3, True, 1)
RESULTS = BorderParameters(2, 8, False, 3, frames=2)
OF_TWO = BorderParameters(2, 8, False, 3, frames=2, inputs=2, last_bytes=1)
ONE_BEAT_RESULTS = BorderParameters(1, 3, True, 1, frames=1)
BURSTS = BurstParameters(12, 3, 2)  # with words of 16 bits: addresses beyond 4 KB
FEW = BurstParameters(4, 3, 2)


def mover_of(bus):
    return MoverParameters(bus, 8, 8, words_in=3, words_out=2, last_bytes=1, burst=2)


def few_frames(p, kind=BurstMaker):
    """Bursts of at most two frames: for more, a proof for ever takes too long."""
    bench = burst_rules(p, kind)
    bench.assume(bench.dut.frames <= 2)
    return bench


PROOFS = {
    "axi input": (EVER, lambda: input_rules(PLAIN)),
    "axi input, TKEEP": (EVER, lambda: input_rules(BYTES)),
    "axi input, frames of a beat": (EVER, lambda: input_rules(ONE_BEAT)),
    "axi output": (EVER, lambda: output_rules(RESULTS)),
    "axi output, TKEEP, two inputs": (EVER, lambda: output_rules(OF_TWO)),
    "axi output, frames of a beat": (EVER, lambda: output_rules(ONE_BEAT_RESULTS)),
    "axi lite": (EVER, axi_lite_rules),
    "wishbone registers": (EVER, wishbone_registers_rules),
    "bursts of few frames": (EVER, lambda: few_frames(BurstParameters(2, 3, 2))),
    "bursts of a word": (EVER, lambda: few_frames(BurstParameters(2, 2, 1))),
    "bursts": (12, lambda: burst_rules(BurstParameters(5, 5, 4))),
    "axi master": (EVER, lambda: axi_master_rules(BURSTS, 16, 1)),
    "wishbone master": (EVER, lambda: wishbone_master_rules(FEW, 16, 1)),
    "mover, axi": (20, lambda: mover_rules(mover_of("axi"))),
    "mover, wishbone": (17, lambda: mover_rules(mover_of("wishbone"))),
}
LONG = {  # two frames; words in order; queues as they are built
    "mover, axi, two frames": (27, PROOFS["mover, axi"][1]),
    "mover, wishbone, two frames": (21, PROOFS["mover, wishbone"][1]),
    "mover, axi, in order": (14, lambda: mover_rules(mover_of("axi"), follows=True)),
    "mover, wishbone, in order": (14, lambda: mover_rules(mover_of("wishbone"), follows=True)),
}
WHOLE = {name: (14, PROOFS[name][1]) for name in ("axi master", "mover, axi", "mover, wishbone")}
FRAMES = [  # that go through in the clocks of a proof
    *((1, PROOFS[name]) for name in ("mover, axi", "mover, wishbone")),
    *((2, LONG[name]) for name in ("mover, axi, two frames", "mover, wishbone, two frames")),
]


def ends_of_frames(dut):
    """High for the clock in which a frame is through."""
    if isinstance(dut, BurstMaker):
        return dut.o.valid & dut.o.ready & dut.o.payload.last
    return dut.left


FAULTS = {  # the rule that finds it, and the fault
    "a frame that is too long goes on as another": (
        *("and_nowhere_else", input_rules, (PLAIN,), AxiInput),
        *("drop.eq(found & last)", "drop.eq(0)"),
    ),
    "a result leaves before its frame entered": (
        *("entered_before_0", output_rules, (RESULTS,), AxiOutput),
        *("(~self.axis.tlast | all_entered)", "1"),
    ),
    "an access before the last was answered": (
        *("one_at_a_time", axi_lite_rules, (), AxiLite),
        *("(waits | answered | ResetSignal())", "(waits | ResetSignal())"),
    ),
    "ERR beside ACK": (
        *("ack_or_err", wishbone_registers_rules, (), WishboneRegisters),
        *("bus.done & ~bus.known", "bus.done"),
    ),
    "a burst across a boundary": (
        *("within_a_boundary", burst_rules, (FEW,), BurstMaker),
        *("p.most - place[: p.edge_bits]", "p.most"),
    ),
    "a word too many": (
        *("wlast", axi_master_rules, (BURSTS, 16, 1), AxiMaster),
        *("(self.writes.payload.words - 1)[", "self.writes.payload.words["),
    ),
    "idle before a word came": (
        *("idle", axi_master_rules, (BURSTS, 16, 1), AxiMaster),
        *("return asked.any()", "return C(0)"),
    ),
    "a burst ends with the frame only": (
        *("last", wishbone_master_rules, (FEW, 16, 1), WishboneMaster),
        *("Mux(last, END_OF_BURST", "Mux(last & now.last, END_OF_BURST"),
    ),
    "words without room": (
        *("no_word_is_lost", mover_rules, (mover_of("wishbone"),), FrameMover),
        *("room + pops - asked", "room"),
    ),
    "TLAST a word too soon": (
        *("tlast", mover_rules, (mover_of("wishbone"),), FrameMover),
        *("at == p.words_in - 1", "at == p.words_in - 2"),
    ),
}


@pytest.fixture
def short_queues(monkeypatch):
    monkeypatch.setattr(axi_master, "UNDER_WAY", 1)
    monkeypatch.setattr(mover, "AHEAD", 2)


@pytest.mark.parametrize("name", PROOFS)
def test_rules_hold(name, tmp_path, short_queues):
    clocks, make = PROOFS[name]
    prove(make(), tmp_path, clocks)


def check_frames(proof, frames, folder):
    """Hold that so many frames go through in the clocks of a proof."""
    clocks, make = proof
    bench = make()
    ends = ends_of_frames(bench.dut)
    before = bench.count("before", 2, ends)
    assert is_reached(bench, ends & (before == frames - 1), folder, clocks)


def test_clocks_are_enough_for_bursts(tmp_path):
    check_frames(PROOFS["bursts"], 2, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("frames, proof", FRAMES)
def test_clocks_are_enough(frames, proof, tmp_path, short_queues):
    check_frames(proof, frames, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", LONG)
def test_rules_hold_for_long(name, tmp_path, short_queues):
    clocks, make = LONG[name]
    prove(make(), tmp_path, clocks, timeout=1500)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", WHOLE)
def test_rules_hold_with_whole_queues(name, tmp_path):
    clocks, make = WHOLE[name]
    prove(make(), tmp_path, clocks, timeout=1500)


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_found(name, tmp_path, short_queues):
    rule, rules, parameters, component, right, wrong = FAULTS[name]
    constants = {"UNDER_WAY": 1} if component is AxiMaster else {}
    kind = planted(component, right, wrong, **constants)
    with pytest.raises(Broken) as broken:
        prove(rules(*parameters, kind=kind), tmp_path, 18, only=(rule,))
    assert rule in broken.value.rules

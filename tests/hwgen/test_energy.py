"""Energy of an inference: what is counted, and what a count is worth."""

import math
from typing import get_args

import numpy as np
import pytest

import hwgen
from hwgen.formats import Binary, Codebook, Fixed
from hwgen.network import Input, Linear, Node, Requantize
from hwgen.network.graph import Network
from hwgen.planning.estimate.array_parts import DATAPATHS
from hwgen.planning.estimate.energy import energy_of, work_of
from hwgen.planning.estimate.parts import PARTS
from hwgen.planning.estimate.work import Work
from hwgen_rtl_templates.engine import Datapath
from support.networks import GRAPH, random_network
from support.whole import planned

SIGNS = np.array([[1, -1, 1, 1], [1, 1, -1, 1]])


def dense(weight, of, *, narrow=None, bias=None):
    """Return a network of one dense layer of four unsigned inputs of 4 bits."""
    weight = np.asarray(weight)
    bias = np.zeros(len(weight), int) if bias is None else bias
    layer = Linear(weight, bias, of, np.ones(len(weight)))
    nodes = [Node("x", Input((4,), Fixed(4, False), [1.0])), Node("dense", layer, ("x",))]
    if narrow:
        nodes.append(Node("narrow", narrow, ("dense",)))
    return Network(tuple(nodes))


def folded(network, *choices, target="osu018"):
    overrides = [f"dense.{choice}" for choice in choices]
    return planned(network, "min area", target, overrides)


def test_work_of_a_small_network_is_what_a_hand_counts():
    """One row and two columns: two outputs take two beats each."""
    plan = folded(dense(SIGNS, Binary()), "pe=1", "simd=2")
    core = plan.stages[0].core
    assert (core.window.depth, core.depth) == (16, 7)
    # a beat: two inputs of 4 bits are added, and the accumulator, up to 60, has 6 bits;
    # behind, a bias gives 7 bits
    adder_bits = 4 * (4 + 6) + 2 * 7
    memory_bits = {
        4 * 2: 4 * 2,  # four words of two signs, each read once
        16 * 8: (2 + 4) * 8,  # words of two inputs: two enter, each is read for each output
        7 * 7: (2 + 2) * 7,  # results enter the queue and leave it
    }
    assert work_of(plan.assembly, plan.beats_in) == Work(adder_bits, 0, memory_bits)
    pj = adder_bits * 0.03 / 8
    pj += sum(n * 10 / 64 * math.sqrt(size / 8 / 8192) for size, n in memory_bits.items())
    assert plan.energy.nj == pytest.approx(pj / 1e3)


def test_published_figures_are_met():
    assert energy_of(Work(adder_bits=8)).add_nj == pytest.approx(0.03e-3)
    assert energy_of(Work(adder_bits=32)).add_nj == pytest.approx(0.1e-3, rel=0.25)
    assert energy_of(Work(product_bits=64)).multiply_nj == pytest.approx(0.2e-3)
    assert energy_of(Work(product_bits=32 * 32)).multiply_nj == pytest.approx(3.1e-3, rel=0.05)
    for kilobytes, pj in ((8, 10), (32, 20), (1024, 100)):
        work = Work(memory_bits={kilobytes * 1024 * 8: 64})
        assert energy_of(work).memory_nj == pytest.approx(pj / 1e3, rel=0.14)


def test_a_requantizer_multiplies():
    plain = folded(dense(SIGNS, Binary(), bias=np.array([100, 100])), "pe=2", "simd=4")
    narrow = Requantize([5], [3], Fixed(8, False), [1.0])
    network = dense(SIGNS, Binary(), narrow=narrow, bias=np.array([100, 100]))
    scaled = folded(network, "pe=2", "simd=4")
    epilogue = scaled.stages[0].core.epilogue
    before, after = (work_of(p.assembly, p.beats_in) for p in (plain, scaled))
    assert before.product_bits == 0
    # two outputs a frame, of sums of 85 to 145 by the three bits of 5
    assert epilogue.x_shape.width == 8 and after.product_bits == 2 * 8 * 3


def test_products_in_blocks_and_sums_by_entry():
    weight = [[7, -3, 5, 1], [2, 6, -7, 4]]
    blocks = folded(dense(weight, Fixed(4)), "pe=1", "simd=2", "dsp=1", target="ulx3s-85f")
    work = work_of(blocks.assembly, blocks.beats_in)
    assert work.product_bits == 4 * 2 * (4 * 4)  # four beats of two products of 4 by 4 bits
    book = Codebook(1, 8, (-90, 77))
    weight = np.where(np.array(weight) > 2, 77, -90)
    plans = [
        folded(dense(weight, book), "pe=1", "simd=2", f"pasm={pasm}", target="ulx3s-85f")
        for pasm in (0, 1)
    ]
    each, summed = (work_of(plan.assembly, plan.beats_in) for plan in plans)
    banks = plans[1].stages[0].core.datapath.banks
    assert banks is not None and banks.bits * 2 not in each.memory_bits
    # four beats, two columns: a register is read and written each time
    assert summed.memory_bits[banks.bits * 2] == 4 * 2 * 2 * banks.bits


def test_zeros_cost_nothing_in_constants():
    half = folded(dense([[3, 0, 0, 5]], Fixed(4)), "parallel=1", target="ulx3s-85f")
    full = folded(dense([[3, 7, 3, 5]], Fixed(4)), "parallel=1", target="ulx3s-85f")
    serial = folded(dense([[3, 7, 3, 5]], Fixed(4)), "serial=1", target="ulx3s-85f")
    works = [work_of(plan.assembly, plan.beats_in) for plan in (half, full, serial)]
    assert 0 < works[0].adder_bits < works[1].adder_bits
    values = serial.stages[0].core.datapath.values
    assert works[2].adder_bits == values.adders * values.interval


@pytest.mark.parametrize("seed", range(2))
def test_every_frame_moves_its_inputs_and_outputs(seed):
    """Whatever the network: each layer's queue takes in and gives out all its beats."""
    small = random_network(seed, layers=2, channels=4)
    for network in (small, random_network(seed, GRAPH, layers=1, channels=4)):
        plan = hwgen.plan(network, target="icebreaker", goal="10 fps")
        work = work_of(plan.assembly, plan.beats_in)
        moved = sum(
            2 * stage.output.beats * stage.output.lanes * stage.output.bits
            for stage in plan.stages
            if hasattr(stage.core, "fifo")
        )
        assert sum(work.memory_bits.values()) >= moved, f"seed {seed}"
        assert plan.energy.nj > 0 and plan.energy.to_json()["nj"] == plan.energy.nj


def test_every_part_has_its_work():
    assert all(counted.work for counted in PARTS.values())
    assert all(kind in DATAPATHS for kind in get_args(Datapath))

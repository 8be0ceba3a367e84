"""Memories as the plan says, and as yosys makes them: blocks counted on the netlist."""

import random

import pytest

import hwgen
from hwgen.codegen.verilog import to_verilog
from hwgen.cost import synthesise
from hwgen.families.memories import block_rams, lut_memory, ring_style, weight_style
from hwgen.targets import get_target
from hwgen_rtl_templates.encodings import Binary, TwosComplement
from hwgen_rtl_templates.fifo import Fifo, FifoParameters
from hwgen_rtl_templates.weights import WeightMemory, WeightParameters
from hwgen_rtl_templates.window import Window, WindowParameters
from support.known import digits
from support.networks import random_network
from support.selection import some

TARGET = get_target("ulx3s-85f")


BLOCKS = [  # width, depth, how many
    (37, 512, 2),
    (18, 1024, 1),
    (96, 54, 3),
    (36, 512, 1),
    (9, 2048, 1),
    (4, 4096, 1),
    (4, 5000, 2),
    (64, 2000, 8),
]


@pytest.mark.parametrize(("width", "depth", "blocks"), some(BLOCKS, BLOCKS[:3]))
def test_weights_take_the_fewest_blocks(width, depth, blocks):
    assert block_rams(width, depth, TARGET) == blocks
    rng = random.Random(width)
    words = tuple(rng.getrandbits(width) for _ in range(depth))
    memory = WeightMemory(WeightParameters(1, width, Binary(), words, "block"))
    found = synthesise(to_verilog(memory, "memory"), "memory", TARGET)
    assert found.block_rams == blocks
    assert found.luts < 60  # an address, and what chooses between blocks


def test_small_weights_are_tables():
    assert weight_style(12, 16, TARGET) == "logic"
    assert weight_style(4, 640, TARGET) == "block"
    rng = random.Random(1)
    words = tuple(rng.getrandbits(12) for _ in range(16))
    memory = WeightMemory(WeightParameters(3, 1, TwosComplement(4), words, "logic"))
    found = synthesise(to_verilog(memory, "memory"), "memory", TARGET)
    assert found.block_rams == 0 and found.luts <= 12 + 20


@pytest.mark.parametrize(("channels", "size"), [(8, 4), (8, 8), (16, 16), (3, 28)])
def test_line_buffers(channels, size):
    window = WindowParameters(
        channels, size, size, (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), channels, 4, False
    )
    style = ring_style(window.word * window.bits, window.depth, TARGET)
    styled = WindowParameters(
        channels,
        size,
        size,
        (3, 3),
        (1, 1),
        ((1, 1), (1, 1)),
        (1, 1),
        channels,
        4,
        False,
        style=style,
    )
    found = synthesise(to_verilog(Window(styled), "buffer"), "buffer", TARGET)
    wanted = block_rams(styled.word * 4, styled.depth, TARGET) if style == "block" else 0
    assert found.block_rams == wanted
    assert (found.luts_memory > 0) == (style == "distributed")


def test_deep_queues_are_block_memories():
    found = synthesise(to_verilog(Fifo(FifoParameters(4, 8, False, 512)), "q"), "q", TARGET)
    assert found.block_rams == 1 and found.luts_memory == 0
    found = synthesise(to_verilog(Fifo(FifoParameters(1, 8, False, 16)), "q"), "q", TARGET)
    assert found.block_rams == 0 and found.luts_memory > 0


SMALL = (6, "30000 fps")


@pytest.mark.parametrize(
    ("channels", "goal"), some([SMALL, (13, "2000 fps"), (13, "30000 fps")], [SMALL])
)
def test_plan_counts_every_block_of_the_netlist(channels, goal, tmp_path):
    plan = hwgen.plan(digits(channels=channels), target=TARGET, goal=goal)
    package = hwgen.generate(plan, tmp_path / "digits")
    found = package.cost("synth")
    assert found.block_rams == plan.resources.block_rams > 0
    assert found.dsps == plan.resources.dsps


@pytest.mark.slow
@pytest.mark.parametrize("seed", [*range(9), 10])  # what 9 computes is a constant
def test_plans_count_every_block_of_the_netlist(seed, tmp_path):
    plan = hwgen.plan(random_network(seed), target=TARGET, goal="1000 fps")
    package = hwgen.generate(plan, tmp_path / "net")
    found = package.cost("synth")
    # yosys drops a memory or a multiplier whose every bit turns out to be constant
    spared = (
        plan.resources.block_rams - found.block_rams,
        plan.resources.dsps - found.dsps,
    )
    assert set(spared) <= {0, 1}, f"seed {seed}"


@pytest.mark.parametrize(
    ("target", "width", "depth", "tables", "choices"),
    [
        ("ulx3s-85f", 4, 16, 4, 0),  # a bank of TRELLIS_DPR16X4: nothing is chosen
        ("ulx3s-85f", 5, 17, 16, 5),
        ("ulx3s-85f", 8, 48, 24, 16),
        ("tangnano9k", 4, 16, 4, 0),
    ],
)
def test_small_memories_in_tables(target, width, depth, tables, choices):
    assert lut_memory(width, depth, get_target(target)) == (tables, choices)


@pytest.mark.parametrize(
    ("target", "width", "depth", "blocks"),
    [
        ("ulx3s-85f", 36, 513, 2),
        ("ulx3s-85f", 1, 16385, 2),
        ("ulx3s-85f", 19, 1024, 2),
        ("icebreaker", 16, 257, 2),
        ("icebreaker", 3, 1024, 1),
    ],
)
def test_blocks_of_a_word_too_many(target, width, depth, blocks):
    assert block_rams(width, depth, get_target(target)) == blocks

"""The fuzzer itself: cases hold, a fault is found and shrunk, what is saved is replayed."""

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from itertools import islice
from multiprocessing import active_children
from pathlib import Path

import numpy as np
import pytest

import hwgen
from hwgen.errors import PlanError
from hwgen.formats import Fixed
from hwgen.network import Conv2d, Flatten, Input, Linear, Network, Node
from hwgen.network.text import to_text
from hwgen.planning.implementations import mac_array
from support.caches import fresh_cache
from support.ends import random_ends
from support.fuzz.campaign import (
    Options,
    Summary,
    campaign,
    check_index,
    due,
    indices,
    netlist_due,
    save_failure,
)
from support.fuzz.case import (
    EASIEST,
    KINDS,
    MODELS,
    SOURCES,
    Case,
    Settings,
    draw,
    draw_frames,
    plan_for,
    source_of,
)
from support.fuzz.found import FOUND, load, save
from support.fuzz.legs import (
    DifferenceError,
    Failure,
    check_case,
    check_network,
    compare_clocks,
    compare_torch,
)
from support.fuzz.refit import refit
from support.fuzz.shrink import candidates, shrink, size
from support.networks import CHAIN, GRAPH, MIXED, chain, random_input, random_network
from support.selection import some


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of each test's own."""
    monkeypatch.setenv("HWGEN_CACHE", str(fresh_cache(tmp_path / "cache")))


@pytest.mark.parametrize("source", some(KINDS, ("torch ends", "orders")))
def test_a_network_of_each_kind(source, tmp_path):
    """Three or two ways; clock for clock too where torch is not one of them."""
    case = draw(5, SOURCES.index(source))
    failure = check_case(case, tmp_path, clocks=source not in MODELS, netlist=False)
    assert failure is None, f"{case.name}: {failure}"
    assert case.source == source


def test_a_case_depends_on_nothing_but_seed_and_index():
    for index in (0, SOURCES.index("network")):
        one, other = draw(3, index), draw(3, index)
        assert to_text(one.network) == to_text(other.network) and one.settings == other.settings
        assert np.array_equal(draw_frames(one)[0], draw_frames(other)[0])
    assert to_text(one.network) != to_text(draw(4, index).network)


def test_how_many_of_each():
    """300 networks from torch, and more from elsewhere; of each kind one or more synthesised."""
    options = Options(300, 1, FOUND)
    found = list(indices(options))
    assert sum(source_of(index) in MODELS for index in found) == 300 and len(found) >= 370
    assert {source_of(index) for index in found if netlist_due(options, index)} == {*KINDS}
    assert not any(due(index, 0) for index in found)
    few = replace(options, count=5, kinds=("torch ends", "orders"))
    kinds = [source_of(index) for index in indices(few)]
    assert kinds.count("torch ends") == 5 and {*kinds} == {"torch ends", "orders"}


def test_extremes_are_fed():
    case = draw(3, 0)
    of = case.network.input.format
    frames, reals = draw_frames(case)
    assert frames.shape == (4, *case.network.input.shape) == tuple(reals.shape)
    assert set(np.unique(frames[2])) <= {of.lo, of.hi}


def test_settings_give_way():
    network = random_network(5)
    wishes = Settings(target="icebreaker", goal="9e11 fps", overrides=("no such layer.pe=3",))
    made = plan_for(network, wishes)
    assert made.frames_per_second > 0
    nothing = chain(Input((2, 2, 2), Fixed(4), [1.0]), Flatten())
    with pytest.raises(PlanError, match="output is the input n0 as it came"):
        plan_for(nothing, wishes)


@pytest.fixture
def flipped(monkeypatch):
    """Lowering that flips the sign of the last weight of convolutions of 2 x 2 and more."""
    right = mac_array.padded_matrix

    def wrong(layer, pe):
        if layer.weight.shape[1] > 1:
            weight = layer.weight.copy()
            weight.flat[-1] = -weight.flat[-1]
            layer = replace(layer, weight=weight)
        return right(layer, pe)

    monkeypatch.setattr(mac_array, "padded_matrix", wrong)


def test_a_flipped_weight_is_found_shrunk_saved_and_replayed(flipped, tmp_path, monkeypatch):
    options = Options(1, 2, tmp_path / "found", netlist_every=0, clocks_every=0)
    outcome = next(
        found for index in range(20) if (found := check_index(options, index)).failure is not None
    )
    assert outcome.failure.leg == "rtl" and "FAIL: lane" in outcome.failure.text
    assert outcome.legs == ()
    path = save_failure(options, outcome.index, outcome.failure, 6.0)
    found, case = load(path), draw(2, outcome.index)
    assert size(found.network) < size(case.network) / 2, "seed 2"
    assert any(isinstance(node.op, Conv2d | Linear) for node in found.network.nodes)
    assert found.failure.like(outcome.failure)
    again = check_network(found.network, found.settings, tmp_path / "again")
    assert again == found.failure
    monkeypatch.undo()
    assert check_network(found.network, found.settings, tmp_path / "mended") is None


def test_a_bias_that_differs_from_torch_is_named():
    case = draw(5, 0)
    _, reals = draw_frames(case)
    compare_torch(case.model, case.network, reals)
    name = next(node.name for node in case.network.nodes if isinstance(node.op, Conv2d))

    def more(node: Node) -> Node:
        return (
            replace(node, op=replace(node.op, bias=node.op.bias + 1)) if node.name == name else node
        )

    with pytest.raises(DifferenceError, match=f"^{re.escape(name)}, .0, 0, 0, 0.: torch has"):
        compare_torch(case.model, case.network.map(more), reals)


def test_clocks_of_another_plan_are_found(tmp_path):
    network = random_network(2, layers=1)
    slow, fast = (plan_for(network, Settings(goal=goal)) for goal in ("min area", "min latency"))
    assert slow.timing.frame_ends != fast.timing.frame_ends
    package, x = hwgen.generate(slow, tmp_path / "net"), random_input(network, 2, 0)
    compare_clocks(package, slow, x, Settings())
    with pytest.raises(DifferenceError, match="not as planned"):
        compare_clocks(package, fast, x, Settings())


@pytest.mark.parametrize("seed", some(range(8), (0, 1, 3)))
def test_candidates_are_legal_and_some_are_smaller(seed):
    network = random_network(seed, (GRAPH, CHAIN)[seed % 2])
    assert refit(network.nodes) and Network(refit(network.nodes)) == network
    sizes = [size(candidate) for candidate in candidates(network)]
    assert min(sizes) < size(network), f"seed {seed}"


@pytest.mark.parametrize("seed", range(6))
def test_shrinking_goes_to_the_cause(seed):
    """Whatever the network, what remains is one convolution with a tap."""
    network = random_network(seed, GRAPH)

    def fails(candidate: Network) -> bool:
        return any(isinstance(node.op, Conv2d) for node in candidate.nodes)

    if not fails(network):
        pytest.skip("no convolution")
    small = shrink(network, fails, seconds=20)
    assert len(small.nodes) == 2, f"seed {seed}: {small}"
    assert small.nodes[1].op.weight.size == 1 and small.input.shape == (1, 1, 1), f"seed {seed}"


@pytest.mark.parametrize("seed", some(range(3), (0,)))
def test_shrinking_knows_several_ends(seed):
    """What remains of two inputs and outputs, and of layers of a length."""

    def fails(candidate: Network) -> bool:
        return len(candidate.ends) > 1 and len(candidate.inputs) > 1

    network = random_ends(seed, 2, 2, MIXED, length=True, layers=1)
    small = shrink(network, fails, seconds=20)
    assert fails(small) and len(small.ends) == 2, f"seed {seed}"
    assert len(small.nodes) < 6 < len(network.nodes), f"seed {seed}: {small}"


def test_no_time_no_shrinking():
    network = random_network(1, GRAPH)
    assert shrink(network, lambda candidate: True, seconds=0) is network


def test_what_is_saved_is_read_back(tmp_path):
    case = Case(
        5, 3, "graph", random_network(3, GRAPH), Settings(target=EASIEST, overrides=("a.pe=1",))
    )
    path = save(case, case.network, Failure("rtl", "DifferenceError", 'lane 0: "é"\nx'), tmp_path)
    found = load(path)
    assert found.network == case.network and found.settings == case.settings
    assert (found.seed, found.index, found.source) == (5, 3, "graph")
    assert found.failure == Failure("rtl", "DifferenceError", 'lane 0: "é"\nx')
    path.write_text(to_text(case.network))
    with pytest.raises(ValueError, match="must have one line that begins with '# about '"):
        load(path)


@pytest.mark.parametrize("path", sorted(FOUND.glob("*.txt")), ids=lambda path: path.stem)
def test_what_failed_once(path, tmp_path):
    found = load(path)
    assert check_network(found.network, found.settings, tmp_path, clocks=True) is None


LONG = ("--count", "500", "--seed", "5", "--kinds", "network")  # of the cheapest kind


def command(*arguments: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-u", str(Path(__file__).parent), *arguments],
        cwd=folder,
        env=os.environ | {"TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.slow
def test_the_command_replays_and_counts(tmp_path):
    case = Case(5, 0, "network", random_network(2, layers=1), Settings())
    path = save(case, case.network, Failure("rtl", "DifferenceError", ""), tmp_path)
    replaying = command("--replay", str(path), folder=tmp_path)
    running = command("--count", "1", "--seed", "5", "--netlist-every", "0", folder=tmp_path)
    assert (replaying.communicate(timeout=100)[0].strip(), replaying.returncode) == ("equal", 0)
    text = running.communicate(timeout=100)[0]
    assert running.returncode == 0, text
    counts = dict(line.strip("│ ").split("│") for line in text.splitlines() if line[:1] == "│")
    counts = {what.strip(): count.strip() for what, count in counts.items()}
    assert counts["three ways: torch == golden == RTL"] == "1" and counts["failed"] == "0"


@pytest.mark.parametrize("number", some([signal.SIGINT, signal.SIGTERM], [signal.SIGTERM]))
def test_ctrl_c_ends_it_with_a_summary(number, tmp_path):
    running = command(*LONG, folder=tmp_path)
    try:
        assert "500 networks" in running.stdout.readline()
        time.sleep(3)
        running.send_signal(number)
        text = running.communicate(timeout=60)[0]
    finally:
        running.kill()
    assert running.returncode == 130, text
    assert "Ended before all was done" in text and "Traceback" not in text


@pytest.mark.slow
def test_a_process_that_dies_is_a_failure(tmp_path):
    """Whatever runs then is named, and the campaign ends with a summary."""
    options, seen = Options(50, 5, tmp_path / "found", kinds=("network",)), list[int]()

    def report(summary: Summary) -> None:
        if not seen:
            seen.append(1)
            max(active_children(), key=lambda process: process.pid).kill()

    summary = campaign(options, report)
    assert [outcome.failure.leg for outcome in summary.failed] == ["process", "process"]
    first = list(islice(indices(options), 4))
    assert {o.index for o in summary.failed} <= {*first} and len(summary.outcomes) < 10
    assert not active_children()


@pytest.mark.slow
def test_no_process_outlives_a_killed_command(tmp_path):
    running = command(*LONG, folder=tmp_path)
    running.stdout.readline()
    time.sleep(3)
    running.kill()
    assert running.stdout.read() is not None  # ends when the last process that holds it does

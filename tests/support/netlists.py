"""Whole packages as netlists: golden == netlist."""

import hwgen
from hwgen.api import choose_frames
from support.networks import random_network


def small_network(seed):
    """Return one that synthesis takes little time for."""
    return random_network(seed, layers=2, channels=4, bits=4)


def check_netlist(network, target, folder, seed, goal="20000 fps", simulator="icarus", count=3):
    """Compare the netlist's outputs and clocks; return the types of its cells."""
    plan = hwgen.plan(network, target=target, goal=goal)
    package = hwgen.generate(plan, folder)
    x = choose_frames(network, count, seed)
    where = f"seed {seed}, {target}"
    result = package.simulate(x, stage="netlist", simulator=simulator, timeout=600)
    assert result.equal, f"{where}: {result.first_difference}"
    assert result.ok, f"{where}: {result.violations}"
    assert result.frame_ends == plan.timing_of(count).frame_ends, where
    stalled = package.simulate(
        x, stage="netlist", simulator=simulator, stalls=0.3, seed=seed, timeout=600
    )
    assert stalled.ok, f"{where}, stalled: {stalled.first_difference}"
    return set(package.cost("synth").detail["cells"])

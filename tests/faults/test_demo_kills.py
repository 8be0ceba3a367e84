"""`hwgen demo`, killed and interrupted: the next run goes on where it was."""

import json
import signal
import time

import numpy as np
import pytest

from support.shell import World, check_cache, check_package, finish, kill

DEMO = ("demo", "-o", "out", "--json", "figures.json")


def figures(world):
    return json.loads((world.root / "figures.json").read_text())


def plain(found):
    """Return the figures that do not depend on when things were run."""
    cost = {stage: {**each, "seconds": 0, "detail": 0} for stage, each in found["cost"].items()}
    return {**found, "seconds": 0, "cached": 0, "cost": cost}


def wait_for(process, world, entries):
    """Wait until the demo has kept so many results."""
    deadline = time.monotonic() + 300
    while len([p for p in world.cache.glob("??/*") if p.is_dir()]) < entries:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_a_killed_demo_goes_on(tmp_path, seed):
    rng = np.random.default_rng(seed)
    world = World(tmp_path)
    for entries in range(6):  # three trainings, the simulation, synthesis
        process = world.start(*DEMO)
        wait_for(process, world, entries)
        time.sleep(rng.uniform(0, 3))
        kill(process, bool(rng.integers(2)))
        assert world.is_quiet(), f"seed {seed}: {world.processes()}"
        check_package(world.root / "out")
        assert check_cache(world.cache) >= entries
        assert not (world.root / "figures.json").exists()
    done = world.run(*DEMO)
    assert done.returncode == 0, done.stderr
    assert "seconds, train" in done.stdout and "(cached)" in done.stdout
    first = figures(world)
    assert {"train", "prune, fine-tune", "quantize, train on"} <= set(first["cached"])
    assert first["seconds"]["train"] > 1 > first["seconds"]["golden"]
    assert world.run(*DEMO).returncode == 0
    second = figures(world)
    assert plain(first) == plain(second)
    assert {"synthesise", "place and route"} <= set(second["cached"])
    assert second["seconds"]["total"] < 60
    assert world.leftovers() == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_an_interrupted_demo_is_quiet(tmp_path, seed):
    world = World(tmp_path)
    rng = np.random.default_rng(seed)
    for entries in range(5):
        process = world.start(*DEMO)
        time.sleep(8)  # the imports, during which Python says more
        if process.poll() is None:
            wait_for(process, world, entries)
            time.sleep(rng.uniform(0, 2))
            process.send_signal(signal.SIGINT)
        done = finish(process)
        where = f"seed {seed}, {entries} results: {done.stdout}\n{done.stderr}"
        assert done.returncode == 130 and "Traceback" not in done.stderr, where
        assert done.stderr.endswith("hwgen: interrupted\n") or not done.stderr.strip(), where
        assert world.is_quiet() and world.leftovers() == [], where


@pytest.mark.slow
def test_fresh_trains_again(tmp_path):
    world = World(tmp_path)
    assert world.run(*DEMO).returncode == 0
    first = figures(world)
    assert first["cached"] == []
    done = world.run(*DEMO, "--fresh")
    second = figures(world)
    assert done.returncode == 0 and set(second["cached"]) == {"synthesise", "place and route"}
    assert plain(first) == plain(second)

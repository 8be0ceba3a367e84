"""`hwgen demo`, killed and interrupted: the next run goes on where it was.

The demo is a small one: as many steps, of which each takes a fraction of the time.
"""

import json
import signal
import time

import numpy as np
import pytest

from support import small_demo
from support.caches import fresh_cache
from support.shell import World, check_cache, check_package, finish, kill

DEMO = ("demo", "-o", "out", "--json", "figures.json")
# without the folder of the program among those that Python imports from
PROGRAM = ("-P", small_demo.__file__)


def world_of(folder):
    world = World(folder, PROGRAM)
    fresh_cache(world.cache)
    return world


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A world in which a demo ran undisturbed."""
    world = world_of(tmp_path_factory.mktemp("whole"))
    done = world.run(*DEMO)
    assert done.returncode == 0, done.stderr
    return world


def figures(world):
    return json.loads((world.root / "figures.json").read_text())


def plain(found):
    """Return the figures that do not depend on when things were run."""
    cost = {stage: {**each, "seconds": 0, "detail": 0} for stage, each in found["cost"].items()}
    return {**found, "seconds": 0, "cached": 0, "cost": cost}


def start(world):
    """Start a demo, and wait until it is about to train: before, Python says more of an end."""
    started = world.root / small_demo.STARTED
    started.unlink(missing_ok=True)
    process = world.start(*DEMO)
    deadline = time.monotonic() + 300
    while not started.exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    return process


def wait_for(process, world, entries):
    """Wait until the demo has kept so many results."""
    deadline = time.monotonic() + 300
    while len([p for p in world.cache.glob("??/*") if p.is_dir()]) < entries:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
def test_a_killed_demo_goes_on(tmp_path, whole):
    rng = np.random.default_rng(0)
    world = world_of(tmp_path)
    # three trainings, the simulation that was built and how it is started, synthesis
    for entries in range(7):
        process = world.start(*DEMO)
        wait_for(process, world, entries)
        time.sleep(rng.uniform(0, 1))
        kill(process, bool(rng.integers(2)))
        assert world.is_quiet(), world.processes()
        check_package(world.root / "out")
        assert check_cache(world.cache) >= entries
        assert not (world.root / "figures.json").exists()
    done = world.run(*DEMO)
    assert done.returncode == 0, done.stderr
    assert "seconds, train" in done.stdout and "(cached)" in done.stdout
    first = figures(world)
    kept = {"train", "prune, fine-tune", "quantize, train on", "synthesise"}
    assert kept <= set(first["cached"])
    assert plain(first) == plain(figures(whole))
    assert world.run(*DEMO).returncode == 0
    second = figures(world)
    assert plain(first) == plain(second)
    assert kept | {"place and route"} == set(second["cached"])
    for name in kept:  # what it took once, not what it took to find it
        assert second["seconds"][name] == first["seconds"][name] > 0
    assert second["seconds"]["total"] < 60
    assert world.leftovers() == []


@pytest.mark.slow
def test_an_interrupted_demo_is_quiet(tmp_path):
    world = world_of(tmp_path)
    rng = np.random.default_rng(1)
    for entries in range(5):
        process = start(world)
        wait_for(process, world, entries)
        time.sleep(rng.uniform(0, 1))
        process.send_signal(signal.SIGINT)
        done = finish(process)
        where = f"{entries} results: {done.stdout}\n{done.stderr}"
        assert done.returncode == 130 and "Traceback" not in done.stderr, where
        assert "the same command goes on where it was\n" in done.stderr, where
        assert "Demo: train\n" in done.stderr, where
        assert world.is_quiet() and world.leftovers() == [], where


@pytest.mark.slow
def test_fresh_trains_again(whole):
    first = figures(whole)
    assert first["cached"] == []
    done = whole.run(*DEMO, "--fresh")
    second = figures(whole)
    assert done.returncode == 0 and set(second["cached"]) == {"synthesise", "place and route"}
    assert plain(first) == plain(second)

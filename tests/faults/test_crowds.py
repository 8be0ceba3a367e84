"""Two processes at once: one output folder, one cache."""

import json

import pytest

from support.shell import VERBS, check_cache, check_package, finish, result


def crowd(world, count, *arguments):
    """Run a command several times at once."""
    return [finish(process) for process in [world.start(*arguments) for _ in range(count)]]


def test_one_output_folder(world):
    done = crowd(world, 2, *VERBS["generate"])
    assert [each.returncode for each in done] == [0, 0], done
    check_package(world.root / "out")
    assert world.leftovers() == []


# what a simulation is built to, and how it is started
@pytest.mark.parametrize(("verb", "entries"), [("simulate", 2), ("synth", 1)])
def test_one_cache(world, verb, entries):
    done = crowd(world, 2, *VERBS[verb])
    first, second = (result(world, verb, each) for each in done)
    assert first == second
    assert check_cache(world.cache) == entries
    assert world.leftovers() == []
    if verb == "synth":  # one of them ran the tool, and both know how long it took
        assert len({json.loads(each.stdout)["seconds"] for each in done}) == 1


@pytest.mark.slow
@pytest.mark.parametrize("verb", VERBS)
def test_a_larger_crowd(world, verb):
    done = crowd(world, 5, *VERBS[verb])
    results = [result(world, verb, each) for each in done]
    assert all(each == results[0] for each in results)
    assert world.leftovers() == []

"""Recurrences: as they are, simplified, and followed by compiled code, all find the same clocks."""

import random
from array import array

import pytest

from hwgen_rtl_templates.fifo import FifoParameters
from hwgen_rtl_templates.join import ConcatParameters, SumParameters
from hwgen_rtl_templates.recurrence import NEVER, After, Recurrence, no_clocks, simplified
from hwgen_rtl_templates.streams import ForkParameters, NarrowParameters, WidenParameters
from hwgen_rtl_templates.timing import DeadlockError, Link, evaluate, source
from support.engines import array_case, pool_case
from support.timed_parts import ONE_STREAM


def found(build, compiled, every):
    """Return the wanted clocks, as far as they go, and whether they come to their ends.

    build : makes recurrences and wanted clocks anew
    every : whether all other clocks are wanted too, so that nothing is simplified
    """
    recurrences, wanted = build()
    others = [recurrence.clocks for recurrence in recurrences] if every else []
    try:
        evaluate(recurrences, [*wanted, *others], compiled=compiled)
    except DeadlockError:
        return [list(clocks) for clocks in wanted], False
    return [list(clocks) for clocks in wanted], True


def check(build, where):
    """Compare all ways; return whether the clocks come to their ends."""
    expected = found(build, compiled=False, every=True)
    for compiled, every in ((False, False), (True, True), (True, False)):
        assert found(build, compiled, every) == expected, f"{where}, {compiled=}, {every=}"
    return expected[1]


def random_system(seed):
    """Return what builds recurrences of any kind: patterns, delays, forward and backward."""

    def build():
        rng = random.Random(seed)
        events = rng.randint(1, 40)
        given = array("q", sorted(rng.randint(0, 60) for _ in range(events)))
        all_clocks = [given, *(no_clocks() for _ in range(rng.randint(1, 8)))]
        recurrences = []
        for number, own in enumerate(all_clocks[1:], 1):
            terms = []
            for _ in range(rng.randint(1, 4)):
                of = rng.randrange(len(all_clocks))
                back = 0 if of < number else rng.randint(0 if rng.random() < 0.02 else 1, 6)
                size = rng.choice((1, 1, 1, 2, 3))
                places = [n - back - rng.choice((0, 0, 1)) for n in range(size)]
                if size > 1 and rng.random() < 0.3:
                    places[rng.randrange(size)] = NEVER
                terms.append(After(all_clocks[of], tuple(places), size, rng.choice((0, 1, 4, 9))))
            delays = tuple(rng.randint(0, 5) for _ in range(rng.choice((1, 1, 1, 2, 3))))
            least = rng.choice((0, 0, 0, 7))
            recurrences.append(Recurrence(own, events, tuple(terms), delays, least))
        rng.shuffle(recurrences)
        return recurrences, rng.sample(all_clocks[1:], rng.randint(1, len(all_clocks) - 1))

    return build


def test_random_systems():
    """All come to an end or none does, wherever what is wanted depends on all."""
    ended = 0
    for seed in range(300):
        build = random_system(seed)
        plain = found(build, compiled=False, every=True)
        ended += plain[1]
        for compiled, every in ((False, False), (True, True), (True, False)):
            got = found(build, compiled, every)
            assert got[0] == plain[0], f"seed {seed}, {compiled=}, {every=}"
            assert got[1] == plain[1] or not every, f"seed {seed}"
    assert 30 < ended < 300


PARTS = {
    **ONE_STREAM,
    "fork": ForkParameters(1, 4, False, 3),
    "sum": SumParameters(1, 1, (4,) * 3, (False,) * 3, (1,) * 3, 0, 0, 45, 30, None, 2),
    "concat": ConcatParameters((2, 1, 3), 1, 4, False),
}


def alone(p, beats, outputs, seed):
    """Return what builds a component with late arrivals and late sinks."""

    def build():
        rng = random.Random(seed)
        ins, outs = [Link() for _ in beats], [Link() for _ in range(outputs)]
        parts = p.processes(ins, outs, beats[0])
        for i, count in zip(ins, beats, strict=True):
            most = rng.choice((0, 1, 5))
            parts.append(source(i, sorted(rng.randint(0, most * count) for _ in range(count))))
        for o in outs:
            count = p.departures(beats[0])
            ready = array("q", sorted(rng.randint(0, 6 * count) for _ in range(count)))
            parts.append(Recurrence(o.taken, count, (After(o.offered), After(ready))))
        held = [clocks for o in outs for clocks in (o.entered, o.left) if clocks is not None]
        return parts, [*(link.taken for link in (*ins, *outs)), *held]

    return build


@pytest.mark.parametrize("name", PARTS)
def test_parts(name):
    p = PARTS[name]
    beats = {"sum": (30,) * 3, "concat": (20, 10, 30)}.get(name, (150,))
    for seed in range(6):
        assert check(alone(p, beats, 3 if name == "fork" else 1, seed), f"seed {seed}, {p}")


@pytest.mark.parametrize("seed", range(12))
def test_engines(seed):
    engine = (array_case, pool_case)[seed % 2](seed)[0]
    short = engine.with_depth(max(engine.drain.pieces))
    for p in (engine, short):
        assert check(alone(p, (p.beats_in * 3,), 1, seed), f"seed {seed}")


@pytest.mark.parametrize("depth", [1, 2, 3, 70])
def test_a_queue_beside_a_slower_way(depth):
    """A stream forks, one way gathers pixels of three beats, and both join again: the queue on the
    other way must hold what is gathered."""

    def build():
        links = [Link() for _ in range(7)]
        x, a, b, queued, wide, narrow, y = links
        parts = [
            source(x, [0] * 30),
            *ForkParameters(1, 4, False, 2).processes([x], [a, b], 30),
            *FifoParameters(1, 4, False, depth).processes([a], [queued], 30),
            *WidenParameters(3, 1, 3, 4, False).processes([b], [wide], 30),
            *NarrowParameters(3, 3, 1, 4, False).processes([wide], [narrow], 10),
            *SumParameters(1, 1, (4, 4), (False, False), (1, 1), 0, 0, 30, 30, None, 1).processes(
                [queued, narrow], [y], 30
            ),
            Recurrence(y.taken, 30, (After(y.offered),)),
        ]
        return parts, [x.taken, y.taken]

    assert check(build, f"{depth=}") == (depth > 1)


def test_what_is_only_offered_goes():
    i, o = Link(), Link()
    queue = FifoParameters(1, 4, False, 3).processes([i], [o], 9)
    parts = [source(i, [0] * 9), *queue, Recurrence(o.taken, 9, (After(o.offered),))]
    fewer = simplified(parts, [i.taken, o.taken])
    assert [id(part.clocks) for part in fewer] == [id(i.taken), id(o.taken)]


def test_a_shorter_sequence_does_not_stand_for_a_longer_one():
    """Six events that wait for five stop at the fifth."""

    def build():
        given, few, many = array("q", range(9)), no_clocks(), no_clocks()
        return [
            Recurrence(few, 5, (After(given),)),
            Recurrence(many, 6, (After(few),), (1,)),
        ], [many]

    assert not check(build, "")
    assert found(build, compiled=True, every=False)[0] == [[1, 2, 3, 4, 5]]


@pytest.mark.parametrize(("least", "expected"), [(7, [0, 7, 7]), (0, [0, 1, 2])])
def test_a_least_clock_is_kept(least, expected):
    """A sequence that is another's, but for its least clock, is waited for an event later."""

    def build():
        given, first, same, late = array("q", [1, 2, 20]), *(no_clocks() for _ in range(3))
        return [
            Recurrence(first, 3, (After(given),)),
            Recurrence(same, 3, (After(first),), least=least),
            Recurrence(late, 3, (After(same, (-1,)),)),
        ], [first, late]

    assert check(build, f"{least=}")
    assert found(build, compiled=True, every=False)[0] == [[1, 2, 20], expected]

"""Recurrences: the clocks of a sequence of events, from those of others.

An event happens as soon as others have happened, some clocks after them: `max` and `+` (max-plus
algebra, Baccelli et al. 1992). A component's timing is some sequences of events, and which event
of which sequence each of them waits for is a pattern that repeats, so that a component is described
by data, which is followed here in Python and in `clock_machine` by compiled code.
"""

__all__ = ["NEVER", "After", "Clocks", "Process", "Recurrence", "no_clocks", "simplified"]

from array import array
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count, cycle, islice
from typing import TypeAlias

Clocks: TypeAlias = "array[int]"  # of 64 bits
Process = Generator[None, None, None]
NEVER = -(1 << 60)  # a place that no event takes


def no_clocks() -> Clocks:
    """Return a sequence of events of which no clock is known yet."""
    return array("q")


@dataclass(frozen=True, slots=True)
class After:
    """What each event of a sequence waits for: one event of some sequence, perhaps its own.

    clocks : of those events
    places : where the event stands that is waited for: entry `n % len(places)` of these, and
        `stride` further for each time that they have been gone through. Below 0, event n waits for
        none.
    delay : clocks to let pass after it
    """

    clocks: Clocks
    places: Sequence[int] = (0,)
    stride: int = 1
    delay: int = 0

    @property
    def same(self) -> bool:
        """Whether it is the event of the same number."""
        return self.stride == 1 and len(self.places) == 1 and self.places[0] == 0

    def indices(self) -> Iterator[int]:
        """Which event it is, for one event after the other."""
        if len(self.places) == 1:
            return count(self.places[0], self.stride)
        steps = count(0, self.stride)
        return chain.from_iterable([place + step for place in self.places] for step in steps)


@dataclass(frozen=True, slots=True)
class Recurrence:
    """A sequence of events, each on the first clock that all it waits for allows.

    clocks : of its events, which are found one after the other; from 0 on
    events : how many
    after : what they wait for
    delays : clocks after that, which repeat
    least : the clock, before a delay, of an event that waits for nothing
    """

    clocks: Clocks
    events: int
    after: tuple[After, ...]
    delays: tuple[int, ...] = (0,)
    least: int = 0

    @property
    def alias(self) -> bool:
        """Whether each event follows that of the same number of another sequence, and no more."""
        return len(self.after) == 1 and self.after[0].same and self.least <= self.after[0].delay

    def follow(self) -> Process:
        """Find the clocks; pause where one is needed that is not known yet."""
        terms = [(term.clocks, term.delay, term.indices()) for term in self.after]
        found = self.clocks
        for delay in islice(cycle(self.delays), self.events):
            clock = self.least
            for clocks, more, places in terms:
                if (place := next(places)) >= 0:
                    while len(clocks) <= place:
                        yield
                    if (then := clocks[place] + more) > clock:
                        clock = then
            found.append(clock + delay)

    def without(self, other: "Recurrence") -> "Recurrence":
        """Return the same clocks from those that another recurrence has its own from."""
        (more,) = other.delays
        least, terms = self.least, []
        for term in self.after:
            if term.clocks is not other.clocks:
                terms.append(term)
                continue
            if term.same:
                least = max(least, other.least + more + term.delay)
            for inner in other.after:
                places, stride = inner.places, inner.stride
                if inner.same:
                    places, stride = term.places, term.stride
                delay = inner.delay + more + term.delay
                terms.append(After(inner.clocks, places, stride, delay))
        latest: dict[tuple[int, ...], After] = {}  # of several after the same event
        for term in terms:
            size = len(term.places)
            place = term.places[0] if size == 1 else id(term.places)
            key = (id(term.clocks), size, place, term.stride)
            if key not in latest or term.delay > latest[key].delay:
                latest[key] = term
        return replace(self, after=tuple(latest.values()), least=least)


def simplified(recurrences: Iterable[Recurrence], wanted: Iterable[Clocks]) -> list[Recurrence]:
    """Return fewer recurrences with the same clocks, as far as they are wanted.

    Most streams are offered to one process that takes a beat on the first clock that it can, and
    is only then offered another. To follow both in turn, beat by beat, takes most of the time; a
    stream that is found without the clocks of its offers is followed at once as far as it goes.
    """
    kept = {id(clocks) for clocks in wanted}
    found = {id(recurrence.clocks): recurrence for recurrence in recurrences}
    events = {key: recurrence.events for key, recurrence in found.items()}
    users: dict[int, set[int]] = {key: set() for key in found}
    for key, recurrence in found.items():
        for term in recurrence.after:
            users.setdefault(id(term.clocks), set()).add(key)
    for key in events:
        recurrence = found[key]
        if key in kept or key in users[key] or len(recurrence.delays) > 1:
            continue
        # nor may a sequence end before the one that shall stand for it
        alone = all(
            term.same and events[user] <= events[key]
            for user in users[key]
            for term in found[user].after
            if id(term.clocks) == key
        )
        alias = recurrence.alias and events.get(id(recurrence.after[0].clocks)) == events[key]
        if not (alone or alias):
            continue
        del found[key]
        for term in recurrence.after:
            users[id(term.clocks)].discard(key)
            users[id(term.clocks)] |= users[key]
        for user in users[key]:
            found[user] = found[user].without(recurrence)
    return list(found.values())

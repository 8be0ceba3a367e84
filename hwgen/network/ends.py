"""Where values leave a network: outputs by the names that the user knows."""

__all__ = ["MAX_NAME", "Output", "by_name", "check_name", "one_or_all"]

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hwgen.errors import NetworkError
from hwgen.network.host_steps import HostStep

MAX_NAME = 200


@dataclass(frozen=True)
class Output:
    """A value that leaves.

    name : that the user knows, such as a key of what the model returns
    node : whose value it is; "" that of the name
    steps : what the host makes of its real numbers, one after another
    """

    name: str
    node: str = ""
    steps: tuple[HostStep, ...] = ()

    def __post_init__(self) -> None:
        check_name(self.name, "output")
        object.__setattr__(self, "node", self.node or self.name)
        object.__setattr__(self, "steps", tuple(self.steps))
        if not all(isinstance(step, HostStep) for step in self.steps):
            raise NetworkError(f"Output {self.name!r}: steps must be HostStep, not {self.steps!r}")


def check_name(name: object, what: str) -> None:
    """Refuse what is no name.

    Raises
    ------
    NetworkError : it is none
    """
    if not isinstance(name, str) or not name or len(name) > MAX_NAME:
        raise NetworkError(
            f"Name of {'an' if what[0] in 'aio' else 'a'} {what} must be a text of 1 to {MAX_NAME} "
            f"characters, not {name!r}"
        )


def by_name(given: object, names: Iterable[str], what: str) -> dict[str, Any]:
    """Return what is given for several ends by their names: a mapping, or a sequence in order.

    Parameters
    ----------
    what : "input" or "output", in messages

    Raises
    ------
    NetworkError : something else, or other names
    """
    names = tuple(names)
    listed = ", ".join(map(repr, names))
    if isinstance(given, Mapping):
        if set(given) != set(names):
            found = ", ".join(repr(name)[:40] for name in given)
            raise NetworkError(f"{what.capitalize()}s must be {listed}, not {found or 'none'}")
        return {name: given[name] for name in names}
    if not isinstance(given, tuple | list) or len(given) != len(names):
        raise NetworkError(
            f"Network has {len(names)} {what}s: {listed}; give a dict of arrays by these names, or "
            "a tuple in this order"
        )
    return dict(zip(names, given, strict=True))


def one_or_all(values: dict[str, Any]) -> Any:
    """Return values by name, or the one that there is."""
    return values if len(values) > 1 else next(iter(values.values()))

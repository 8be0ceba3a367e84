"""What a forward returns: one tensor, or several in a tuple, list, dict or NamedTuple."""

__all__ = ["is_opened", "opened", "parts_of", "returns_of"]

from collections.abc import Mapping
from typing import Any

from torch import fx

from hwgen.torch_graph.batches import Returns


def returns_of(given: Any, values: Mapping[fx.Node, str]) -> Returns:
    """Return what a graph returns, as its output has it.

    Parameters
    ----------
    values : the path of each node's value
    """
    names, nodes, kind = parts_of(given)
    return Returns(tuple(names), tuple(values[node] for node in nodes), kind)


def parts_of(given: Any) -> tuple[list[str], list[Any], type | None]:
    """Return the names and the values of what a forward returns, and what puts them together."""
    if isinstance(given, dict):
        return [str(name) for name in given], list(given.values()), dict
    if isinstance(given, tuple | list):
        fields = getattr(given, "_fields", None)
        names = list(fields or (f"output_{n}" for n in range(len(given))))
        plain = tuple if isinstance(given, tuple) else list
        return names, list(given), type(given) if fields else plain
    return ["output"], [given], None


def is_opened(node: fx.Node) -> bool:
    """Say whether a call puts a NamedTuple together that is returned."""
    made = isinstance(node.target, type) and hasattr(node.target, "_fields")
    return made and all(user.op == "output" for user in node.users)


def opened(given: Any) -> Any:
    """Return what a forward returns, a NamedTuple as one of nodes."""
    if isinstance(given, fx.Node) and is_opened(given):
        make: Any = given.target
        return make(*given.args, **given.kwargs)
    return given

"""Components with a fault that was planted on purpose."""

__all__ = ["planted"]

import inspect
import sys
from types import ModuleType


def planted(component: type, right: str, wrong: str, **constants: int) -> type:
    """Return a component like another, in whose module a text that is there once became another,
    and constants have other values."""
    module = sys.modules[component.__module__]
    source = inspect.getsource(module)
    assert source.count(right) == 1, f"{module.__name__} holds {source.count(right)} of {right!r}"
    copy = ModuleType(f"{module.__name__}_with_a_fault")
    exec(compile(source.replace(right, wrong), copy.__name__, "exec"), copy.__dict__)
    copy.__dict__.update(constants)
    return getattr(copy, component.__name__)

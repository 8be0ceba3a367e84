"""What modules do besides their forward, which no graph shows."""

__all__ = ["find_hidden"]

from torch import nn
from torch.nn.modules import module as torch_module

from hwgen.errors import FoundUnsupported
from hwgen.torch_graph.support import DROPPED, KEPT

HOOKS = {
    "_forward_hooks": "forward hook",
    "_forward_pre_hooks": "forward pre-hook",
}
REMOVE = "take it off, with the remove() of the handle that registering it returned"
UNPATCH = "write a module of its own that computes it, from layers that are supported"


def find_hidden(model: nn.Module) -> list[FoundUnsupported]:
    """Return forward hooks, pre-hooks and patched methods of a model, each with its path."""
    found = [
        FoundUnsupported("torch", f"a {what} of all modules", REMOVE)
        for name, what in HOOKS.items()
        if getattr(torch_module, f"_global{name}")
    ]
    for path, module in model.named_modules():
        kind = type(module).__name__
        for name, what in HOOKS.items():
            for hook in getattr(module, name).values():
                named = getattr(hook, "__qualname__", type(hook).__name__).rpartition(".")[2]
                what_it_is = f"{kind} with a {what} ({named})"
                found.append(FoundUnsupported(path or "model", what_it_is, REMOVE))
        for patched in _patched(module):
            what_it_is = f"{kind} with a patched {patched}"
            found.append(FoundUnsupported(path or "model", what_it_is, UNPATCH))
    return found


def _patched(module: nn.Module) -> list[str]:
    """Return the methods that are not those of the module's class, or of torch's class."""
    own = vars(module)
    if type(module) not in (*KEPT, *DROPPED):
        return ["forward"] if "forward" in own else []
    names = [name for name, value in own.items() if callable(value) and hasattr(nn.Module, name)]
    names += [name for name in vars(type(module)) if callable(own.get(name)) and name not in names]
    for name in ("forward", "_conv_forward"):
        method = getattr(type(module), name, None)
        if not getattr(method, "__module__", "torch.").startswith(("torch.", "hwgen.")):
            names.append(name)
    return names

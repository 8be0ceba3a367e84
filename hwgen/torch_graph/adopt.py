"""From a user's module to a plain copy of it: float32, on the CPU, of ordinary layers.

Wrappers come off, and weights that are computed from others (pruned by `torch.nn.utils.prune`,
`weight_norm`, `spectral_norm`, any parametrization) become what they are in evaluation mode. Of
transposed convolutions the weights are turned to stand as those of others do.
Everything here is exact; what cannot be is refused.
"""

__all__ = ["Adopted", "adopt", "unwrapped"]

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.parallel import DataParallel, DistributedDataParallel
from torch.nn.parameter import is_lazy
from torch.nn.utils import parametrize, prune
from torch.nn.utils.spectral_norm import SpectralNorm, remove_spectral_norm
from torch.nn.utils.weight_norm import WeightNorm, remove_weight_norm
from torch.optim.swa_utils import AveragedModel

from hwgen.errors import HwgenError
from hwgen.torch_graph.modules.transposed import TRANSPOSED, filters_first, transposed_of
from hwgen.torch_graph.support import WEIGHTED
from hwgen.torch_graph.trace import evaluating

UNMASK: Callable[[nn.Module, str], object] = prune.remove
WRAPPERS = ("module", "_orig_mod")  # where they keep what they wrap


@dataclass(frozen=True)
class Adopted:
    """A copy of a user's module that hwgen can work on.

    Attributes
    ----------
    module : float32, on the CPU
    masks : by path of a Conv2d or Linear, False where its weight was masked
    unheld : names of other parameters that were masked, of which no mask is kept
    device : where the user has the module
    cast : whether the user's module is of another type than float32
    """

    module: nn.Module
    masks: dict[str, Tensor]
    unheld: tuple[str, ...]
    device: torch.device
    cast: bool


def adopt(model: nn.Module) -> Adopted:
    """Return a plain copy of a module; the module itself is left as it is.

    Raises
    ------
    HwgenError : it is no module, has no weights yet, or has some that float32 cannot hold
    """
    module = _copied(unwrapped(model))
    tensors = [*module.parameters(), *module.buffers()]
    device = tensors[0].device if tensors else torch.device("cpu")
    floats = {t.dtype for t in tensors if t.is_floating_point()}
    masks: dict[str, Tensor] = {}
    unheld: list[str] = []
    with evaluating(module):
        for path, layer in list(module.named_modules()):
            for name, mask in _plain(layer).items():
                if name == "weight" and type(layer) in TRANSPOSED:
                    masks[path] = filters_first(mask.cpu(), layer.groups)
                elif name == "weight" and isinstance(layer, WEIGHTED):
                    masks[path] = mask.cpu()
                else:
                    unheld.append(f"{path}.{name}")
            if type(layer) in TRANSPOSED:
                transposed_of(layer)
    _convert(module)
    found = Adopted(module, masks, tuple(unheld), device, not floats <= {torch.float32})
    return found if list(module.children()) else _inside(found)


def unwrapped(model: object, path: str = "model") -> nn.Module:
    """Return the module inside `DataParallel`, `torch.compile` and the like.

    Parameters
    ----------
    path : of the module in messages

    Raises
    ------
    HwgenError : there is no module inside, or it is TorchScript
    """
    while _is_wrapper(model):
        model = next(part for name in WRAPPERS if (part := vars(model)["_modules"].get(name)))
    if isinstance(model, torch.jit.ScriptModule):
        raise HwgenError(
            f"{path}: TorchScript keeps no layers; pass the nn.Module that it was made from"
        )
    if not isinstance(model, nn.Module):
        kind = f"the class {model.__name__}" if isinstance(model, type) else type(model).__name__
        raise HwgenError(
            f"{path}: must be a torch.nn.Module, not {kind}; make the model, and load weights into "
            "it with load_state_dict"
        )
    return model


def _is_wrapper(module: object) -> bool:
    """Say whether a module only runs another one."""
    if isinstance(module, DataParallel | DistributedDataParallel | AveragedModel):
        return True
    return isinstance(module, nn.Module) and "_orig_mod" in module._modules  # torch.compile


def _copied(model: nn.Module) -> nn.Module:
    """Return a copy without wrappers; tensors that are results become plain ones."""
    memo: dict[int, object] = {}
    for path, module in reversed(list(model.named_modules())):
        for name, tensor in (*module.named_parameters(path, False), *module.named_buffers(path)):
            if is_lazy(tensor) or tensor.is_meta:
                raise HwgenError(
                    f"{name}: has no values yet; run the model once, or load its weights"
                )
        for value in vars(module).values():
            if isinstance(value, Tensor) and not value.is_leaf:
                memo[id(value)] = value.detach().clone()
        if _is_wrapper(module) or isinstance(module, torch.jit.ScriptModule):
            memo[id(module)] = copy.deepcopy(unwrapped(module, path or "model"), memo)
    return copy.deepcopy(model, memo)


def _plain(layer: nn.Module) -> dict[str, Tensor]:
    """Make parameters of what a layer computes its parameters from; return masks by their name."""
    masks: dict[str, Tensor] = {}
    if parametrize.is_parametrized(layer):
        masks = _unparametrized(layer)
    removers: dict[type, Callable[[str], object]] = {
        prune.BasePruningMethod: lambda name: UNMASK(layer, name),
        WeightNorm: lambda name: remove_weight_norm(layer, name),
        SpectralNorm: lambda name: remove_spectral_norm(layer, name),
    }
    for hook in list(layer._forward_pre_hooks.values()):
        for kind, remove in removers.items():
            if isinstance(hook, kind):
                name = str(getattr(hook, "name", None) or getattr(hook, "_tensor_name", ""))
                if isinstance(hook, prune.BasePruningMethod):
                    masks[name] = getattr(layer, f"{name}_mask") != 0
                remove(name)
    return masks


def _unparametrized(layer: nn.Module) -> dict[str, Tensor]:
    """Take all parametrizations off; those with a mask, such as torch.ao's, leave it.

    `remove_parametrizations` would change the class that the copy shares with the user's module.
    """
    masks: dict[str, Tensor] = {}
    chains = layer.parametrizations
    assert isinstance(chains, nn.ModuleDict)
    values = {name: getattr(layer, name).detach().clone() for name in chains}
    for name, chain in chains.items():
        for step in chain.children():
            mask = getattr(step, "mask", None)
            if isinstance(mask, Tensor) and mask.shape == values[name].shape:
                masks[name] = masks.get(name, True) & (mask != 0)
    layer.__class__ = type(layer).__bases__[0]
    del layer.parametrizations
    for name, value in values.items():
        layer.register_parameter(name, nn.Parameter(value))
    return masks


def _convert(module: nn.Module) -> None:
    """Bring parameters and buffers to float32 on the CPU.

    Raises
    ------
    HwgenError : that would change one of them
    """
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        if tensor.is_complex():
            raise HwgenError(f"{name}: must be real numbers, not {tensor.dtype}")
        if tensor.dtype == torch.float64:
            changed = tensor.float().double() != tensor
            if bool((changed & ~torch.isnan(tensor)).any()):
                raise HwgenError(
                    f"{name}: {tensor.dtype} has numbers that float32 has not; pass model.float()"
                )
    module.to("cpu", torch.float32)


def _inside(found: Adopted) -> Adopted:
    """Put a single layer into a model, where it has a path."""
    masks = dict(zip(("0",), found.masks.values(), strict=False))
    unheld = tuple(f"0{name}" for name in found.unheld)
    return replace(found, module=nn.Sequential(found.module), masks=masks, unheld=unheld)

"""The pruning part of a recipe, as validated data."""

__all__ = ["IMPORTANCES", "KINDS", "PruneRecipe", "PruneTarget", "check_epochs"]

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from hwgen.errors import HwgenError

KINDS = ("channels", "shapes", "stripes", "weights")  # in the order in which they are pruned
IMPORTANCES = ("l1", "l2", "norm_scale", "taylor", "median", "reconstruction")
SCOPES = ("layer", "global")
GROWTHS = ("linear", "cubic")


def check_epochs(epochs: object) -> None:
    """Refuse what is no number of epochs."""
    if isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < 0:
        raise HwgenError(f"Number of epochs must be an integer of at least 0, not {epochs!r}")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _check_share(share: object, what: str, most: float) -> None:
    if not isinstance(share, (int, float)) or isinstance(share, bool) or not 0 <= share <= most:
        raise HwgenError(f"Share of {what} to prune must lie in [0, 1), not {share!r}")


def _check_count(value: object, what: str, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise HwgenError(f"{what} must be an integer of at least {least}, not {value!r}")


@dataclass(frozen=True)
class PruneTarget:
    """Where pruning stops before its shares are reached; None: no such target.

    parameters, macs : stop once the history counts so many or fewer
    sparsity : stop once this share of the original weights is gone or zero
    cost : stop once `measure(module)`, handed to `compress`, returns so much or less
    accuracy : undo the step after which `evaluate` returns less, and stop

    Raises
    ------
    HwgenError : a value that is no number
    """

    parameters: int | None = None
    macs: int | None = None
    sparsity: float | None = None
    cost: float | None = None
    accuracy: float | None = None

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value is not None and not _is_number(value):
                raise HwgenError(f"Target of pruning, {name}, must be a number, not {value!r}")
        if self.sparsity is not None and not 0 < self.sparsity < 1:
            raise HwgenError(f"Target sparsity must lie in (0, 1), not {self.sparsity!r}")


@dataclass(frozen=True)
class PruneRecipe:
    """What to prune, how much of it, in how many steps.

    channels : share of the output channels (filters, neurons) to remove for real, of every layer
        but the last
    epochs : of fine-tuning after each step, where `train` is given
    shapes : share of the taps (channel, kh, kw) to zero in every filter of a layer
    stripes : share of the stripes (filter, kh, kw) of convolutions to zero
    weights : share of single weights to zero
    blocks : how many residual blocks to remove, those that change the output least
    importance : of channels: "l1", "l2", "norm_scale", "taylor", "median", "reconstruction"
    scope : "layer", the same share of each layer; or "global", all layers in one ranking
    layers : shares of single layers, by path, in place of the common one; 0 leaves one alone
    multiple : channels left are rounded up to a multiple of it
    group : stripes go in groups of so many neighbouring filters: the `pe` of the MAC array
    skeleton : strength of the L1 norm on learned stripe weights (Filter Skeleton), which are
        trained for `epochs` before stripes go; 0: stripes go by their L1 norm
    steps : prune and fine-tune so many times, to growing shares
    growth : of the shares from step to step: "linear", evenly; "cubic", most of it at first and
        ever less then, when what is left matters (Zhu and Gupta, 2017)
    sensitivity : how much accuracy each layer may cost, pruned alone and without training after
        it: its share becomes the largest that does not, up to the common one. None: all alike
    target : where to stop earlier

    Raises
    ------
    HwgenError : a value is out of its range
    """

    channels: float = 0.0
    epochs: int = 10
    shapes: float = 0.0
    stripes: float = 0.0
    weights: float = 0.0
    blocks: int = 0
    importance: str = "l1"
    scope: str = "layer"
    layers: Mapping[str, float] = field(default_factory=dict)
    multiple: int = 1
    group: int = 1
    skeleton: float = 0.0
    steps: int = 1
    growth: str = "linear"
    sensitivity: float | None = None
    target: PruneTarget = PruneTarget()

    def __post_init__(self) -> None:
        _check_share(self.channels, "channels", 1.0)  # of 1.0 the error names the layer
        for kind in KINDS[1:]:
            _check_share(getattr(self, kind), kind, math.nextafter(1.0, 0.0))
        if not isinstance(self.layers, Mapping):
            raise HwgenError(
                f"Layers must be shares by path, such as {{'conv1': 0.5}}, not {self.layers!r}"
            )
        object.__setattr__(self, "layers", dict(self.layers))
        for path, share in self.layers.items():
            _check_share(share, f"layer {path}", math.nextafter(1.0, 0.0))
        check_epochs(self.epochs)
        _check_count(self.blocks, "Number of blocks to remove", 0)
        for name, least in (("multiple", 1), ("group", 1), ("steps", 1)):
            _check_count(getattr(self, name), f"PruneRecipe.{name}", least)
        if self.importance not in IMPORTANCES:
            known = ", ".join(IMPORTANCES)
            raise HwgenError(f"Importance must be one of {known}, not {self.importance!r}")
        if self.scope not in SCOPES:
            raise HwgenError(f"Scope must be one of {', '.join(SCOPES)}, not {self.scope!r}")
        if self.growth not in GROWTHS:
            raise HwgenError(f"Growth must be one of {', '.join(GROWTHS)}, not {self.growth!r}")
        if not _is_number(self.skeleton) or self.skeleton < 0:
            raise HwgenError(f"Strength of skeleton must be at least 0, not {self.skeleton!r}")
        if self.skeleton and not self.stripes:
            raise HwgenError("Skeleton needs stripes to remove; give PruneRecipe(stripes=0.5, ...)")

        if not isinstance(self.target, PruneTarget):
            raise HwgenError(f"Target of pruning must be a PruneTarget, not {self.target!r}")
        if self.sensitivity is not None:
            self._check_sensitivity()

    def _check_sensitivity(self) -> None:
        if not _is_number(self.sensitivity) or not 0 <= float(self.sensitivity or 0) < 1:
            raise HwgenError(f"Sensitivity must lie in [0, 1), not {self.sensitivity!r}")
        kinds = [kind for kind in KINDS if getattr(self, kind)]
        if len(kinds) != 1 or self.scope != "layer":
            raise HwgenError(
                "Sensitivity chooses a share for each layer, of one kind of pruning, with scope "
                f"'layer', not of {' and '.join(kinds) or 'none'} with scope {self.scope!r}; "
                f"give one of {', '.join(KINDS)}"
            )

    def share(self, kind: str, path: str) -> float:
        """Return the share of a kind to prune of a layer, 0 where the kind is not pruned."""
        common = float(getattr(self, kind))
        return float(self.layers.get(path, common)) if common else 0.0

    def progress(self, step: int) -> float:
        """Return what part of the shares is pruned after a step, the first being 1."""
        part = step / self.steps
        return part if self.growth == "linear" else 1 - (1 - part) ** 3

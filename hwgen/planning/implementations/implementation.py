"""Implementation: a way to compute a layer, as one record."""

__all__ = ["Bound", "Conditions", "Core", "Implementation", "no_details", "nothing_known"]

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from hwgen.planning.estimate.resources import Resources
from hwgen.planning.layers.folding import Folding
from hwgen.planning.layers.layer import Layer
from hwgen.targets import Target
from hwgen_rtl_templates.recurrence import Recurrence
from hwgen_rtl_templates.timing import Link

if TYPE_CHECKING:
    from hwgen.planning.implementations.bounds import Bounds


class Core(Protocol):
    """The parameters of a component that computes a layer, as all of them are.

    word : elements of a beat that enters
    lanes, element : of a beat that leaves, and (bits, signed) of one of its elements
    busy : clocks of a frame on which its busiest part works, those of its beats aside
    departures : beats that leave for those of whole frames that enter
    processes : its timing; see `rtl_templates.recurrence`
    create : the component
    """

    @property
    def word(self) -> int: ...
    @property
    def lanes(self) -> int: ...
    @property
    def element(self) -> tuple[int, bool]: ...
    @property
    def busy(self) -> int: ...
    def departures(self, beats: int, /) -> int: ...
    def processes(
        self, inputs: Sequence[Link], outputs: Sequence[Link], beats: int, /
    ) -> list[Recurrence]: ...
    def create(self) -> Any: ...


@dataclass(frozen=True)
class Conditions:
    """What candidates of a layer depend on besides it.

    target, clock_hz : the device and its clock
    wanted : the user's own choices for the layer, such as {"pe": 4, "dsp": 1}
    """

    target: Target
    clock_hz: int
    wanted: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Bound:
    """What a way takes at the least.

    cost : in LUTs, by which ways are compared
    needs : of each resource
    """

    cost: float
    needs: Resources


def _as_it_is(core: Any, layer: Layer, target: Target) -> Core:
    found: Core = core
    return found


def nothing_known(bounds: "Bounds", folding: Folding, close: bool) -> Bound:
    """Return no bound: where there are few foldings, which are built."""
    return Bound(0.0, Resources())


def no_details(made: Any, layer: Layer, target: Target) -> Mapping[str, Any]:
    """Say nothing of a component or datapath."""
    return {}


@dataclass(frozen=True)
class Implementation:
    """A way to compute a layer. Functions of one take the components that it makes.

    Attributes
    ----------
    name : in foldings, in the user's choices (`conv1.dsp=1`) and in manifests
    title : in words
    candidates : the foldings worth looking at
    min_cycles : a lower bound of the clocks of a frame, without building anything
    lower : the component of a folding
    least : what a folding takes at the least, by widths and numbers alone, or closely by tables
        and weights; never more than what it is estimated to take once it is built
    drains : the lanes through which results can leave, the fewest first; None where these are
        part of the shape
    with_lanes : the component with results that leave through other lanes
    with_low_latency : the component with what takes the fewest clocks behind its sums
    finished : the component with buffers as large as they have to be, once its lanes are settled
    details : what is special about a component, as plain values, in plans and manifests
    describe : the same as a sentence, or ""
    stored : whether weights, where there are any, are words in a memory
    apart : whether several adders stand between registers, which synthesis may have to keep apart
    """

    name: str
    title: str
    candidates: Callable[[Layer, Conditions], Iterable[Folding]]
    min_cycles: Callable[[Layer, Folding], int]
    lower: Callable[[Layer, Folding, Target], Core]
    least: Callable[["Bounds", Folding, bool], Bound] = nothing_known
    drains: Callable[[Any, Layer], Sequence[int]] | None = None
    with_lanes: Callable[[Any, Layer, int, Target], Core] = lambda core, layer, lanes, target: core
    with_low_latency: Callable[[Any, Layer, Target], Core] = _as_it_is
    finished: Callable[[Any, Layer, Target], Core] = _as_it_is
    details: Callable[[Any, Layer, Target], Mapping[str, Any]] = no_details
    describe: Callable[[Mapping[str, Any]], str] = lambda details: ""
    stored: bool = True
    apart: bool = False

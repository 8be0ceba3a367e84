"""Cases: random whole networks, and the settings each is implemented with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from hwgen import api
from hwgen.compression import PruneRecipe, QuantizeRecipe, Recipe
from hwgen.errors import HwgenError, PlanError
from hwgen.network import Network
from hwgen.planning import Plan, plan
from hwgen.planning.implementations import plain_foldings
from hwgen.planning.layers.find import find_layers
from hwgen.planning.search.planner import MIN_AREA, MIN_LATENCY
from hwgen.targets import get_target
from support.ends import random_ends
from support.exactness import train_on
from support.meanings import Reals, arrays_of, parts_of
from support.networks import GRAPH, MIXED, ORDERS, TABLES, random_input, random_network
from support.shaped_models import random_shapes
from support.torch_models import random_module

IntArray = npt.NDArray[np.int64]
Frames = IntArray | Mapping[str, IntArray]  # of several inputs by name

MODELS: dict[str, Callable[[np.random.Generator], tuple[nn.Module, Reals]]] = {
    "torch cnn": random_module,
    "torch branched": partial(random_module, branches=True),
    "torch functions": partial(random_module, branches=True, functions=True),
    "torch shapes": random_shapes,
    "torch lengths": partial(random_shapes, rank=2),
    "torch ends": partial(random_shapes, ends=True),
}
NETWORKS: dict[str, Callable[[int], Network]] = {
    "network": random_network,
    "graph": partial(random_network, kind=GRAPH),
    "mixed": partial(random_network, kind=MIXED),
    "tables": partial(random_network, kind=TABLES),
    "orders": partial(random_network, kind=ORDERS),
    "lengths": partial(random_network, kind=MIXED, length=True, unequal=0.5),
    "uneven": partial(random_network, kind=MIXED, unequal=0.7),
    "ends": partial(random_ends, kind=MIXED),
}
KINDS = (*MODELS, *NETWORKS)
SOURCES = (*MODELS, *MODELS, *MODELS, *MODELS, *NETWORKS)  # in turn: most come from torch
WEIGHTS = (*(f"int{bits}" for bits in range(2, 9)), "binary", "ternary", "pot4", "pot3x2", "cb3:7")
ATTEMPTS = 30  # of a draw; what hwgen refuses to compress or implement is no case
EASIEST = "ulx3s-85f"
TARGETS = (EASIEST, EASIEST, "ulx3s-45f", "ulx3s-25f", "icebreaker", "ice40-hx8k")
SYNTHESISED = ("ulx3s-25f", "icebreaker")
SLOWER = 16  # times, where a network does not reach a rate


@dataclass(frozen=True)
class Settings:
    """How a network is implemented and what it is fed.

    target, goal, clock_hz, overrides : as `hwgen.plan` takes them; wishes, see `plan_for`
    frames : random frames fed, after those of the model
    stall : chance of a stall, in per cent, of the second run
    seed : of frames and stalls
    """

    target: str = EASIEST
    goal: str = MIN_AREA
    clock_hz: int | None = None
    overrides: tuple[str, ...] = ()
    frames: int = 2
    stall: int = 30
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Case:
    """A network to be compared.

    seed, index : what `draw` makes it from
    source : one of `SOURCES`
    plan : of the network, where it is made already
    model, x : the torch module and real inputs for it, of several a tuple; None where the network
        has none
    refused : what hwgen said of the draws before this one
    """

    seed: int
    index: int
    source: str
    network: Network
    settings: Settings
    plan: Plan | None = None
    model: nn.Module | None = None
    x: Reals | None = None
    refused: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Such as seed1-17."""
        return f"seed{self.seed}-{self.index}"


def source_of(index: int) -> str:
    """Return where a case comes from."""
    return SOURCES[index % len(SOURCES)]


def draw(seed: int, index: int, *, synthesised: bool = False) -> Case:
    """Return the case that seed and index determine.

    Parameters
    ----------
    synthesised : make it of a kind that synthesis takes little time for

    Raises
    ------
    HwgenError : every attempt was refused
    """
    source, refused = source_of(index), list[str]()
    for attempt in range(ATTEMPTS):
        rng = np.random.default_rng([seed, index, attempt])
        try:
            model, x = None, None
            if source in MODELS:
                model, x, network = draw_model(source, rng)
            else:
                network = NETWORKS[source](int(rng.integers(2**32)))
            settings = draw_settings(network, rng, synthesised)
            made = plan_for(network, settings)
        except HwgenError as error:
            refused.append(f"{type(error).__name__}: {error}")
            continue
        return Case(seed, index, source, network, settings, made, model, x, tuple(refused))
    raise HwgenError(f"seed {seed}, index {index}: every draw was refused; first {refused[0]}")


def draw_model(source: str, rng: np.random.Generator) -> tuple[nn.Module, Reals, Network]:
    """Return a compressed module, inputs, and its network."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**31)))
        model, x = MODELS[source](rng)
        pruned = PruneRecipe(0.4, epochs=0) if rng.random() < 0.2 else None
        parts = parts_of(x)
        example = tuple(part[:1] for part in parts) if len(parts) > 1 else parts[0][:1]
        returned = model(*parts)
        trains = (
            rng.random() < 0.3 and isinstance(returned, torch.Tensor) and returned.requires_grad
        )
        done = api.compress(
            model,
            Recipe(pruned, draw_recipe(rng)),
            example=example,
            calibration=[x],
            train=train_on(*parts) if trains else None,
        )
    return done.module, x, api.import_torch(done.module, example)


def draw_recipe(rng: np.random.Generator) -> QuantizeRecipe:
    """Return a random way to quantize."""
    return QuantizeRecipe(
        weights=str(rng.choice(WEIGHTS)),
        activations=f"uint{rng.integers(2, 9)}" if rng.random() < 0.9 else "binary",
        input=[None, "int8", "uint5", "int3"][rng.integers(4)],
        output=["int8", "uint6", "int4", None][rng.integers(4)],
        asymmetric=bool(rng.integers(2)),
        scales=["free", "power_of_two"][rng.integers(2)],
        per_channel=rng.random() < 0.7,
        equalize=rng.random() < 0.2,
        epochs=1,
    )


def draw_settings(network: Network, rng: np.random.Generator, synthesised: bool) -> Settings:
    """Return random settings; small designs where they will be synthesised."""
    goals = [f"{10.0 ** rng.uniform(4, 6.5):.0f} fps", MIN_AREA, MIN_LATENCY]
    chances = [0.9, 0.1, 0.0] if synthesised else [0.9, 0.05, 0.05]
    return Settings(
        target=str(rng.choice(SYNTHESISED if synthesised else TARGETS)),
        goal=str(rng.choice(goals, p=chances)),
        clock_hz=int(10.0 ** rng.uniform(6, 8.3)) if rng.random() < 0.3 else None,
        overrides=() if synthesised or rng.random() < 0.6 else draw_overrides(network, rng),
        stall=int(rng.choice([10, 30, 60])),
        seed=int(rng.integers(1, 2**31)),
    )


def draw_overrides(network: Network, rng: np.random.Generator) -> tuple[str, ...]:
    """Return the folding of one random layer, as a user would choose it."""
    layers = find_layers(network)
    layer = layers[rng.integers(len(layers))]
    found = list(plain_foldings(layer, get_target(EASIEST)))
    folding = found[rng.integers(len(found))]
    return (f"{layer.name}.pe={folding.pe}", f"{layer.name}.simd={folding.simd}")


def plan_for(network: Network, settings: Settings) -> Plan:
    """Return a plan as close to the settings as the network allows.

    What it cannot reach gives way in this order: overrides, the rate, the target.

    Raises
    ------
    PlanError : the network has no hardware, or does not fit the largest target
    """
    find_layers(network)  # without hardware nothing below helps
    target, goal = settings.target, settings.goal
    easy = f"{float(goal.split()[0]) / SLOWER} fps" if goal.endswith("fps") else MIN_AREA
    wishes = [
        (target, goal, settings.overrides),
        (target, goal, ()),
        (target, easy, ()),
        (EASIEST, easy, ()),
        (EASIEST, MIN_AREA, ()),
    ]
    refusal: PlanError | None = None
    for target, goal, overrides in dict.fromkeys(wishes):
        try:
            return plan(
                network,
                target=target,
                goal=goal,
                clock_hz=settings.clock_hz,
                overrides=overrides,
            )
        except PlanError as error:
            refusal = error
    raise refusal or PlanError("No plan was found")


def draw_frames(case: Case) -> tuple[Frames, Reals | None]:
    """Return the integer frames fed to every leg, and the reals that the module sees for them.

    Reals of the model's own kind, of which some exceed the range, and then frames over the whole
    range of each input, the first of which holds extremes only.
    """
    network = case.network
    whole = random_input(network, case.settings.frames, case.settings.seed)
    if case.x is None:
        return whole, None
    reals = []
    for part, (name, q) in zip(parts_of(case.x), network.given(whole).items(), strict=True):
        of = network.inputs[name]
        own = torch.tensor(of.scale[0] * (q - of.zero_point)).float()
        reals.append(torch.cat([part[:1], 3 * part[1:2], own]))
    x = tuple(reals) if len(reals) > 1 else reals[0]
    return network.quantize(arrays_of(x)), x


def count_of(frames: Frames) -> int:
    """Return how many frames there are."""
    return len(next(iter(frames.values())) if isinstance(frames, Mapping) else frames)


def of_each(call: Callable[[IntArray], IntArray], frames: Frames) -> Frames:
    """Return what a function makes of the frames of each input."""
    if isinstance(frames, Mapping):
        return {name: call(values) for name, values in frames.items()}
    return call(frames)

"""What the planner's refusals say can be done instead, done."""

import re
from dataclasses import replace

import numpy as np
import pytest

from hwgen.errors import PlanError
from hwgen.formats import Fixed
from hwgen.network import Conv2d, Flatten, Input, Linear, Network, Node, Requantize
from hwgen.planning import plan
from hwgen.targets import get_target

TARGET = "ulx3s-85f"


def weights(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(-8, 8, shape)


def linear(inputs: int = 12, outputs: int = 10) -> Network:
    op = Linear(weights(outputs, inputs), np.zeros(outputs, int), Fixed(8), np.array([0.1]))
    return Network(
        (
            Node("input", Input((inputs,), Fixed(8), np.array([0.1])), ()),
            Node("fc", op, ("input",)),
        )
    )


def convolution(stride: int = 4) -> Network:
    """Few outputs of many inputs: the clocks are those in which a frame comes in."""
    op = Conv2d(
        weights(4, 8, 1, 1), np.zeros(4, int), Fixed(8), np.array([0.1]), stride=(stride, stride)
    )
    return Network(
        (
            Node("input", Input((8, 8, 8), Fixed(8), np.array([0.1])), ()),
            Node("conv", op, ("input",)),
        )
    )


def deep() -> Network:
    shift = Requantize(np.array([1]), np.array([6]), Fixed(8), np.array([0.1]))
    conv = convolution(1)
    fc = Linear(weights(5, 256), np.zeros(5, int), Fixed(8), np.array([0.1]))
    return Network(
        (
            *conv.nodes,
            *(Node("quant", shift, ("conv",)), Node("flatten", Flatten(), ("quant",))),
            Node("fc", fc, ("flatten",)),
        )
    )


def refusal(network: Network, goal: str = "min area", *overrides: str, target=TARGET) -> str:
    with pytest.raises(PlanError) as error:
        plan(network, target=target, goal=goal, overrides=overrides)
    return str(error.value)


@pytest.mark.parametrize(
    "wanted",
    [
        {"pe": 4, "simd": 5},  # 5 goes with nothing
        {"pe": 7, "simd": 4},
        {"pe": 5, "parallel": 1},
        {"pe": 3, "serial": 2},
        {"pe": 7, "simd": 5},
        {"pe": 4, "skip": 1},
        {"dsp": 1, "parallel": 1},
        {"pe": 2, "simd": 7, "dsp": 1},
    ],
)
def test_choices_that_are_listed_go_together(wanted):
    """Each value that the message lists is legal beside what it says that it goes with."""
    texts = [f"fc.{what}={value}" for what, value in wanted.items()]
    message = refusal(linear(), "min area", *texts)
    listed = re.search(r"folding must have (.*?)(, and no choice of .*)?; others only", message)
    assert listed, message
    tried = 0
    for part in listed[1].split(", or "):
        found = re.fullmatch(r"(\w+) one of ([\d, ]+)( with (.*))?", part)
        assert found, part
        beside = [f"fc.{text}" for text in (found[4] or "").split(" and ") if text]
        assert all(text in texts for text in beside)
        values = found[2].split(", ")
        for value in {values[0], values[len(values) // 2], values[-1]}:
            plan(
                linear(),
                target=TARGET,
                goal="min area",
                overrides=[f"fc.{found[1]}={value}", *beside],
            )
            tried += 1
    assert tried


def test_lanes_that_are_listed_are_legal():
    message = refusal(linear(), "min area", "fc.lanes=9")
    for value in re.search(r"lanes must be one of ([\d, ]+)", message)[1].strip().split(", "):
        plan(linear(), target=TARGET, goal="min area", overrides=[f"fc.lanes={value}"])


OVERHEAD = 3  # clocks between frames
CLOCK = get_target(TARGET).clock_hz


@pytest.mark.parametrize(
    ("network", "overrides"),
    [
        *((convolution(), ()), (convolution(1), ()), (deep(), ("fc.unrolled=0",))),
        *((convolution(), ("conv.simd=2",)), (linear(), ("fc.pe=2", "fc.simd=4"))),
        (deep(), ("fc.serial=2",)),
    ],
)
def test_the_clocks_that_are_needed_are_enough_and_one_fewer_is_not(network, overrides):
    message = refusal(network, f"{CLOCK} fps", *overrides)  # a clock a frame
    found = re.search(
        r"at least (\d+) clocks a frame, (?:however|with)|and (\d+) are needed", message
    )
    assert found, message
    clocks = int(found[1] or found[2])
    assert re.search(r"leaves 1( clocks a frame|;)", message), message
    if len(network.nodes) == 2:  # of one layer, what it needs is what all needs
        goal = f"{CLOCK / (clocks + OVERHEAD)} fps"
        made = plan(network, target=TARGET, goal=goal, overrides=overrides)
        assert made.busy == clocks
    message = refusal(network, f"{CLOCK / (clocks - 0.5)} fps", *overrides)
    assert "ask for fewer frames a second or a faster clock" in message


def test_what_fits_when_it_is_slower_is_said_only_where_it_does():
    """On devices of as many LUTs as half-way between the smallest and the quickest design, and of
    fewer than the smallest one takes."""
    device, network, fast = get_target("icebreaker"), linear(), "20000000 fps"
    least, most = (plan(network, target=device, goal=goal) for goal in ("min area", fast))
    between = (least.resources.luts + most.resources.luts) / 2
    target = replace(device, luts=int(between), ffs=10**6)
    message = refusal(network, fast, target=target)
    fit = re.search(r"ask for fewer frames a second \((\d+) fit\), prune", message)
    assert fit, message
    plan(network, target=target, goal=f"{fit[1]} fps")
    tiny = replace(device, luts=int(least.resources.luts / 2))
    for goal in ("min area", "min latency", "10 fps"):
        message = refusal(network, goal, target=tiny)
        assert "does not fit" in message and "fewer frames" not in message

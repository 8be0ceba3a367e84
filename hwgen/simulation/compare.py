"""Where two tensors first differ, and which layer's fault it is."""

__all__ = ["FirstDifference", "LayerResult", "compare_layers", "first_difference"]

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hwgen.errors import SimulationError
from hwgen.package.stream_format import BoolArray, IntArray, StreamFormat


@dataclass(frozen=True)
class FirstDifference:
    """The first value that is not golden's.

    Attributes
    ----------
    layer : name of the first layer that differs, "output" if none but the package itself does
    frame : number of the frame
    coordinate : (channel, y, x), or (feature,)
    expected : golden's value
    got : the simulated value; None when it is unknown (X) or missing
    netlist_only : whether the RTL gives the expected value here, and only the netlist does not
    """

    layer: str
    frame: int
    coordinate: tuple[int, ...]
    expected: int
    got: int | None
    netlist_only: bool = False

    def __str__(self) -> str:
        names = ("channel", "y", "x") if len(self.coordinate) == 3 else ("feature",)
        where = "".join(f", {name} {at}" for name, at in zip(names, self.coordinate, strict=False))
        got = "nothing or unknown bits" if self.got is None else str(self.got)
        text = f"{self.layer}, frame {self.frame}{where}: expected {self.expected}, got {got}"
        return f"{text}; netlist differs from RTL" if self.netlist_only else text


def first_difference(
    layer: str, frame: int, expected: IntArray, got: IntArray, unknown: BoolArray
) -> FirstDifference | None:
    """Return the first difference of one frame, in the order of its shape, or None."""
    wrong = np.flatnonzero((expected != got) | unknown)
    if not wrong.size:
        return None
    at = tuple(int(n) for n in np.unravel_index(wrong[0], expected.shape))
    return FirstDifference(
        layer, frame, at, int(expected[at]), None if unknown[at] else int(got[at])
    )


@dataclass(frozen=True)
class LayerResult:
    """How the stream of one layer compares with golden.

    Attributes
    ----------
    layer : its name
    compared, different : numbers of values
    first_difference : the first value that is not golden's, or None
    """

    layer: str
    compared: int
    different: int
    first_difference: FirstDifference | None

    def __add__(self, other: "LayerResult") -> "LayerResult":
        """Return the result over the frames of both, those of `self` first."""
        return LayerResult(
            self.layer,
            self.compared + other.compared,
            self.different + other.different,
            self.first_difference or other.first_difference,
        )


def compare_layers(
    names: Sequence[tuple[str, str]],
    streams: Sequence[StreamFormat],
    taps: Mapping[str, Sequence[str]],
    golden: Mapping[str, npt.NDArray[np.int64]],
    frame: int,
) -> Iterator[LayerResult]:
    """Yield what the stream of each layer held in a frame against golden.

    Parameters
    ----------
    names : (layer, node whose value its stream carries) of each tapped layer, in order
    streams : what each carries
    taps : beats recorded of the frame, by the layer's number
    golden : value of each node for this frame

    Raises
    ------
    SimulationError : golden has no value for a layer, or one of another size
    """
    for number, ((layer, node), stream) in enumerate(zip(names, streams, strict=True)):
        if node not in golden or np.size(golden[node]) != np.prod(stream.shape):
            raise SimulationError(
                f"{layer}: trace_layers must give the {stream.shape} values of node {node!r}"
            )
        expected = np.asarray(golden[node], dtype=np.int64).reshape(stream.shape)
        beats = list(taps.get(str(number), ()))
        missing = stream.beats - len(beats)  # a layer that stops early ends in unknown beats
        got, unknown = stream.unpack(beats + ["x" * (-(-stream.tdata_bits // 4))] * missing)
        wrong = (expected != got[0]) | unknown[0]
        found = first_difference(layer, frame, expected, got[0], unknown[0])
        yield LayerResult(layer, wrong.size, int(wrong.sum()), found)

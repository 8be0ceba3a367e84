"""Curves: functions of one value between two grids, as tables of integers.

    entry = clamp(zero_point + floor(f(scale of the input * (q - its zero point)) / scale + 1/2))

for every integer q of the input; of a binary output the sign of f. Where f is NaN or infinite, the
entry is that of the nearest integer for which it is neither, of two as near that of the lower one.
"""

__all__ = ["QuantTable"]

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from hwgen.compression.quantize.layers.integers import ends_of
from hwgen.compression.quantize.learned_scales import LearnedScale
from hwgen.compression.quantize.quantizers import Quantizer, Source
from hwgen.errors import FormatError
from hwgen.formats import Activation, Binary
from hwgen.torch_graph.meaning import run_layer
from hwgen.torch_graph.one_value import Interval

MAX_ENTRIES = 1 << 10


class QuantTable(Quantizer):
    """A curve and the quantizer behind it.

    Attributes
    ----------
    curve : the function, a module that `run_layer` has a meaning for; the weights of a PReLU train
    """

    def __init__(
        self,
        path: str,
        format: Activation,
        zero_point: int,
        step: LearnedScale,
        clamp: Interval,
        curve: nn.Module,
        source: Source,
    ):
        super().__init__(path, format, zero_point, step, clamp)
        self.curve = curve
        self._source = (source,)  # in a tuple: not a child

    @property
    def first(self) -> int:
        """The integer of the input whose output is the first entry."""
        return ends_of(self._source[0])[0]

    @torch.no_grad()
    def entries(self) -> npt.NDArray[np.int64]:
        """Return (1, entries), or (channels, entries) of a PReLU with a slope a channel.

        Raises
        ------
        FormatError : the input has too many integers, or the curve is defined for none of them
        """
        values = self._values()
        values = values.gather(0, self._nearest(values))
        if isinstance(self.format, Binary):
            found = torch.where(values >= 0, 1.0, -1.0)
        else:
            steps = torch.floor(values / self.output_scale() + 0.5)
            found = torch.clamp(self.zero_point + steps, self.lo, self.hi)
        rows: npt.NDArray[np.int64] = found.T.cpu().to(torch.int64).numpy()
        return rows[:1] if (rows == rows[:1]).all() else rows

    def forward(self, x: Tensor) -> Tensor:
        """Return the curve of (batch, channels, ...): fake in training, exact in evaluation."""
        if self.training:
            return self._fake(run_layer(self.curve, self._defined(x)))
        rows = torch.from_numpy(self.entries()).to(x.device)
        return self._real(rows[_channels(x, len(rows)), self._places(x)])

    def _inputs(self) -> Tensor:
        """Return the real numbers that enter, (entries,) float64."""
        (source,) = self._source
        lo, hi = ends_of(source)
        if hi - lo >= MAX_ENTRIES:
            raise FormatError(
                f"{self.path}: what enters a table must have at most {MAX_ENTRIES} values, not "
                f"{hi - lo + 1}; give what comes before it a format of 10 bits or fewer"
            )
        scale = source.output_scale()
        q = torch.arange(lo, hi + 1, dtype=torch.float64, device=scale.device)
        return (q - source.zero_point) * scale

    def _values(self) -> Tensor:
        """Return the curve of all that enters, (entries, 1 or channels) float64."""
        rows = self.curve.num_parameters if isinstance(self.curve, nn.PReLU) else 1
        x = self._inputs()[:, None].repeat(1, rows)
        values = run_layer(self.curve, x)
        if values.shape != x.shape:
            raise FormatError(
                f"{self.path}: a function of one value must make a tensor of the shape of its "
                f"input, not {tuple(values.shape)} of {tuple(x.shape)}"
            )
        return values.double()

    def _nearest(self, values: Tensor) -> Tensor:
        """Return of each of (entries, rows) the nearest place at which the curve is defined."""
        known = torch.isfinite(values)
        places = torch.arange(len(values), device=values.device)
        if known.all():
            return places[:, None].expand_as(values)
        if not known.any(0).all():
            raise FormatError(
                f"{self.path}: function must be finite for some of what enters it, not NaN or "
                "infinite for all of it; calibrate with data for which it is defined"
            )
        apart = (places[:, None] - places).abs().double()
        columns = [torch.where(row, apart, torch.inf).argmin(1) for row in known.T]
        return torch.stack(columns, 1)

    def _places(self, x: Tensor) -> Tensor:
        """Return which entry each value of the input has."""
        (source,) = self._source
        lo, hi = ends_of(source)
        steps = torch.round(x.detach().double() / source.output_scale())  # never near a tie
        return (steps.long() + source.zero_point - lo).clamp(0, hi - lo)

    @torch.no_grad()
    def _replacement(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return where the curve is not defined, and values beside that for which it is."""
        nearest = self._nearest(self._values()).T
        places = self._places(x)
        chosen = nearest[_channels(x, len(nearest)), places]
        return chosen != places, self._inputs()[chosen].to(x.dtype)

    def _defined(self, x: Tensor) -> Tensor:
        """Return values for which the curve is defined: neither they nor gradients are NaN."""
        outside, beside = self._replacement(x)
        return torch.where(outside, beside, x)


def _channels(x: Tensor, rows: int) -> Tensor:
    """Return the row of each channel of (batch, channels, ...), shaped to broadcast."""
    count = x.shape[1]
    row = torch.arange(count, device=x.device) if rows > 1 else torch.zeros(count, dtype=torch.long)
    return row.to(x.device).reshape(-1, *[1] * (x.dim() - 2))

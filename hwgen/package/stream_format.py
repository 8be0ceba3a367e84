"""The format of a stream: how a tensor travels, from tensors to beats and back."""

__all__ = ["BoolArray", "IntArray", "StreamFormat"]

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hwgen.errors import FormatError, SimulationError

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

# Frames are packed a few at a time, so that the array of single bits stays small.
BITS_AT_ONCE = 1 << 23


@dataclass(frozen=True)
class StreamFormat:
    """How a tensor travels: pixels row by row, channel groups of `lanes` innermost, or whole
    pixels, several a beat.

    Element l of a beat is in bits [l*bits, (l+1)*bits), two's complement, and stands for the value
    base + step * element: binary values, -1 and +1, travel as 0 and 1 in one bit. Where the
    channels do not fill a pixel's last beat, the lanes left over are zero going in and ignored
    coming out.

    With a `slot` beats are words of a frame's elements, one behind the other whatever a word is
    wide (`rtl_templates.words`): element n is in bits [n*slot, (n+1)*slot) of the frame, its sign
    fills the slot, and zeros the last word.

    Attributes
    ----------
    lanes : elements of a beat
    bits, signed : format of an element
    tdata_bits : width of a beat, lanes * bits or more
    shape : shape of the tensor, (channels, height, width), (channels, length) or (features,)
    stream_shape : (channels, height, width) of the stream; flattened in torch's order it is shape
    base, step : what an element stands for
    slot : bits of words that an element takes; 0: beats are of lanes

    Raises
    ------
    FormatError : its figures contradict one another
    """

    lanes: int
    bits: int
    signed: bool
    tdata_bits: int
    shape: tuple[int, ...]
    stream_shape: tuple[int, int, int]
    base: int = 0
    step: int = 1
    slot: int = 0

    def __post_init__(self) -> None:
        sizes = (self.lanes, self.bits, self.step, *self.shape, *self.stream_shape)
        same = math.prod(self.shape) == math.prod(self.stream_shape)
        whole = min(sizes) > 0 and len(self.shape) in (1, 2, 3) and len(self.stream_shape) == 3
        if self.slot:
            wide = self.bits <= self.slot <= 64 and self.tdata_bits % 8 == 0 < self.tdata_bits
        else:
            wide = self.tdata_bits >= self.lanes * self.bits
        if not (same and whole and self._fills and wide):
            raise FormatError(
                f"Stream must not contradict itself in lanes, bits and shapes: {self}"
            )

    @property
    def _fills(self) -> bool:
        """Whether beats of several pixels are whole, and end with a frame."""
        channels, height, width = self.stream_shape
        return self.lanes <= channels or channels * height * width % self.lanes == 0 == (
            self.lanes % channels
        )

    @property
    def _room(self) -> int:
        """Lanes that a pixel takes, of one beat or several."""
        channels = self.stream_shape[0]
        return channels if self.lanes > channels else self.groups * self.lanes

    @property
    def used(self) -> int:
        """Elements of `groups` beats: the channels of a pixel, or all lanes where pixels share a
        beat."""
        return max(self.stream_shape[0], self.lanes)

    @property
    def groups(self) -> int:
        """Beats of a pixel, 1 where several share one."""
        return -(-self.stream_shape[0] // self.lanes)

    @property
    def beats(self) -> int:
        """Beats of a frame."""
        channels, height, width = self.stream_shape
        if self.slot:
            return -(-channels * height * width * self.slot // self.tdata_bits)
        return self.groups * height * width // (self.used // channels)

    @property
    def turn(self) -> tuple[int, int, int]:
        """After how many beats they are alike again, and how many bits of each hold elements, and
        of the last of them."""
        if self.slot:
            bits = math.prod(self.stream_shape) * self.slot
            return self.beats, self.tdata_bits, bits - (self.beats - 1) * self.tdata_bits
        last = self.used - (self.groups - 1) * self.lanes
        return self.groups, self.lanes * self.bits, last * self.bits

    def place(self, channel: int) -> tuple[int, int]:
        """Return in which beat of a frame a channel of the first pixel begins, and at which bit."""
        if self.slot:
            return divmod(channel * self.slot, self.tdata_bits)
        beat, lane = divmod(channel, self.lanes)
        return beat, lane * self.bits

    @property
    def beat_bytes(self) -> int:
        """Bytes of a beat, the last perhaps partly filled."""
        return -(-self.tdata_bits // 8)

    @property
    def frame_bytes(self) -> int:
        """Bytes of a frame."""
        return self.beats * self.beat_bytes

    @property
    def lo(self) -> int:
        """Smallest value that an element can stand for."""
        return self.base - (self.step << (self.bits - 1) if self.signed else 0)

    @property
    def hi(self) -> int:
        """Largest value that an element can stand for."""
        return self.base + self.step * ((1 << (self.bits - self.signed)) - 1)

    def checked(self, values: npt.ArrayLike, what: str) -> IntArray:
        """Return values as the (frames, *shape) integers that the stream can carry.

        Raises
        ------
        SimulationError : they are of another shape, no integers, or out of range
        """
        array = np.asarray(values)
        if array.shape[1:] != self.shape or array.ndim != len(self.shape) + 1:
            shape = ", ".join(map(str, self.shape))
            raise SimulationError(f"{what} must have shape (frames, {shape}), not {array.shape}")
        if not np.issubdtype(array.dtype, np.integer):
            raise SimulationError(
                f"{what} must be integers, not {array.dtype}; quantize them first"
            )
        if array.size and (array.min() < self.lo or array.max() > self.hi):
            raise SimulationError(
                f"{what} must lie in [{self.lo}, {self.hi}], "
                f"not reach [{array.min()}, {array.max()}]"
            )
        if ((array - self.base) % self.step).any():
            raise SimulationError(f"{what} must be {self.lo} or {self.hi}, binary, not in between")
        return array.astype(np.int64)

    def pack(self, values: IntArray) -> bytes:
        """Return the beats of (frames, *shape) values, each tdata_bits wide, high byte first."""
        at_once = max(1, BITS_AT_ONCE // (self.beats * self.tdata_bits))
        return b"".join(
            self._pack(values[start : start + at_once]) for start in range(0, len(values), at_once)
        )

    def _pack_words(self, elements: IntArray) -> bytes:
        """Return the words of (frames, elements, 1) integers."""
        bits = ((elements >> np.arange(self.slot)) & 1).astype(np.uint8)
        wide = np.zeros((len(elements), self.beats * self.tdata_bits), dtype=np.uint8)
        wide[:, : elements.shape[1] * self.slot] = bits.reshape(len(elements), -1)
        words = np.packbits(wide.reshape(-1, self.tdata_bits), axis=1, bitorder="little")
        return words[:, ::-1].tobytes()

    def _pack(self, values: IntArray) -> bytes:
        channels, height, width = self.stream_shape
        frames = values.reshape(len(values), channels, height, width)
        given = (frames.transpose(0, 2, 3, 1) - self.base) // self.step
        if self.slot:
            return self._pack_words(given.reshape(len(values), -1, 1))
        padded = np.zeros((len(values), height, width, self._room), dtype=np.int64)
        padded[..., :channels] = given
        elements = padded.reshape(-1, self.lanes, 1)
        bits = ((elements >> np.arange(self.bits)) & 1).astype(np.uint8)
        wide = np.zeros((len(elements), self.tdata_bits), dtype=np.uint8)
        wide[:, : self.lanes * self.bits] = bits.reshape(len(elements), -1)
        return np.packbits(wide, axis=1, bitorder="little")[:, ::-1].tobytes()

    def unpack(self, beats: Sequence[str]) -> tuple[IntArray, BoolArray]:
        """Return the (frames, *shape) values of whole frames of beats, and which are unknown.

        Parameters
        ----------
        beats : a beat each, hexadecimal as a simulator prints it, unknown bits as x or z
        """
        text = "\n".join(beats).lower()
        if not set(text) <= set("0123456789abcdefxz\n"):
            raise SimulationError("Captured beats must be hexadecimal; the simulator wrote others")
        if "x" not in text and "z" not in text:
            values = self._unpack(beats)
            return values, np.zeros(values.shape, dtype=np.bool_)
        low = str.maketrans("xXzZ", "0000")
        high = str.maketrans("xXzZ", "ffff")
        values = self._unpack([beat.translate(low) for beat in beats])
        return values, values != self._unpack([beat.translate(high) for beat in beats])

    def _unpack(self, beats: Sequence[str]) -> IntArray:
        digits = 2 * self.beat_bytes
        return self.unpack_bytes(bytes.fromhex("".join(beat.zfill(digits) for beat in beats)))

    def pack_memory(self, values: IntArray) -> bytes:
        """Return the bytes of (frames, *shape) values as memory holds them, low byte first."""
        return self._swapped(self.pack(values))

    def unpack_memory(self, raw: bytes) -> IntArray:
        """Return the (frames, *shape) values of whole frames, as `pack_memory` makes them."""
        return self.unpack_bytes(self._swapped(raw))

    def _swapped(self, packed: bytes) -> bytes:
        """Return beats with their bytes the other way round."""
        beats = np.frombuffer(packed, dtype=np.uint8).reshape(-1, self.beat_bytes)
        return beats[:, ::-1].tobytes()

    def unpack_bytes(self, raw: bytes) -> IntArray:
        """Return the (frames, *shape) values of whole frames of beats, as `pack` makes them."""
        wide = np.frombuffer(raw, dtype=np.uint8).reshape(-1, self.beat_bytes)[:, ::-1]
        bits = np.unpackbits(wide, axis=1, bitorder="little")
        weights = np.int64(1) << np.arange(self.bits, dtype=np.int64)
        if self.signed:
            weights[-1] = -weights[-1]
        channels, height, width = self.stream_shape
        if self.slot:
            used = math.prod(self.stream_shape) * self.slot
            frames = bits.reshape(-1, self.beats * self.tdata_bits)[:, :used]
            elements = frames.reshape(-1, self.slot)[:, : self.bits].astype(np.int64) @ weights
            room = channels
        else:
            used = self.lanes * self.bits
            elements = bits[:, :used].reshape(-1, self.bits).astype(np.int64) @ weights
            room = self._room
        values = self.base + self.step * elements
        pixels = values.reshape(-1, height, width, room)[..., :channels]
        return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)).reshape(-1, *self.shape)

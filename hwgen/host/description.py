"""What an accelerator on a board says of itself: which network it holds, and how to talk to it."""

__all__ = ["DIGEST_BYTES", "Description"]

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hwgen.errors import BoardError, FormatError, HwgenError
from hwgen.package.stream_format import StreamFormat

if TYPE_CHECKING:
    from hwgen.network.graph import Network

VERSION = 2
DIGEST_BYTES = 8  # of the network's SHA-256
# version, digest, room; then each stream: lanes, bits, signed, bits of a beat, base, step, how
# many dimensions the tensor has, these, padded with ones, the frame's channels, height, width, and
# the bits of words that an element takes
_HEAD = struct.Struct(f"<B{DIGEST_BYTES}sI")
_STREAM = struct.Struct("<HB?HbBB3H3HB")


@dataclass(frozen=True)
class Description:
    """An accelerator on a board.

    Attributes
    ----------
    digest : the first bytes of the network's SHA-256
    room : bytes of requests that the board holds
    input, output : how tensors travel
    """

    digest: bytes
    room: int
    input: StreamFormat
    output: StreamFormat

    def check(self, network: "Network | None", where: str, way_out: str) -> None:
        """Refuse an accelerator of another network; None: any will do.

        Parameters
        ----------
        where : who holds it, "Board at /dev/ttyUSB1"
        way_out : what to do, in words

        Raises
        ------
        BoardError : it is of another
        """
        found = self.digest.hex()
        wanted = found if network is None else network.digest[: 2 * DIGEST_BYTES]
        if wanted != found:
            raise BoardError(f"{where} holds network {found}, not {wanted}; {way_out}")

    def encode(self) -> bytes:
        """Return the bytes that `decode` takes.

        Raises
        ------
        HwgenError : a dimension is larger than 65535
        """
        head = _HEAD.pack(VERSION, self.digest[:DIGEST_BYTES], self.room)
        return head + _encode(self.input, "Input") + _encode(self.output, "Output")

    @classmethod
    def decode(cls, data: bytes) -> "Description":
        """Return the description that a board sent.

        Raises
        ------
        HwgenError : it is of another version, or contradicts itself
        """
        if len(data) != _HEAD.size + 2 * _STREAM.size or data[0] != VERSION:
            raise HwgenError(
                "Board must describe its accelerator as this hwgen knows it "
                f"(version {VERSION}, {_HEAD.size + 2 * _STREAM.size} bytes), not in "
                f"{len(data)} bytes of version {data[0] if data else '?'}; build its bitstream "
                "with this hwgen"
            )
        _, digest, room = _HEAD.unpack_from(data)
        first, second = _HEAD.size, _HEAD.size + _STREAM.size
        return cls(digest, room, _decode(data, first, "input"), _decode(data, second, "output"))


def _encode(stream: StreamFormat, what: str) -> bytes:
    dimensions = len(stream.shape)
    shape = (*stream.shape, *[1] * (3 - dimensions))
    scalars = (stream.lanes, stream.bits, stream.signed, stream.tdata_bits)
    try:
        return _STREAM.pack(
            *scalars,
            stream.base,
            stream.step,
            dimensions,
            *shape,
            *stream.stream_shape,
            stream.slot,
        )
    except struct.error:
        raise HwgenError(
            f"{what} must have dimensions and beats of at most 65535 to travel to a board, not "
            f"{stream.shape} in beats of {stream.lanes} elements; fold the first layer more"
        ) from None


def _decode(data: bytes, at: int, what: str) -> StreamFormat:
    lanes, bits, signed, tdata_bits, base, step, dimensions, *sizes = _STREAM.unpack_from(data, at)
    shape, (channels, height, width, slot) = tuple(sizes[:3][:dimensions]), sizes[3:]
    frame = (channels, height, width)
    try:
        return StreamFormat(lanes, bits, signed, tdata_bits, shape, frame, base, step, slot)
    except FormatError as error:
        raise HwgenError(
            f"Board must describe its {what} without contradiction ({error}); build its bitstream "
            "with this hwgen"
        ) from error

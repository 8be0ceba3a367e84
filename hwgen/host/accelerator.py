"""An accelerator on a board, as a function from NumPy to NumPy."""

__all__ = ["BAUD", "Accelerator", "Transfer"]

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

import numpy.typing as npt

from hwgen.errors import BoardError
from hwgen.host.description import Description
from hwgen.host.line import Line
from hwgen.package.stream_format import IntArray, StreamFormat
from hwgen.progress import Progress

if TYPE_CHECKING:
    from hwgen.network.graph import Network

BAUD = 1_000_000
IDENTIFY, INFER, IDENTITY, RESULT, REFUSAL = 0x01, 0x02, 0x81, 0x82, 0xFF
HEADER = 4  # bytes: type, sequence number, length
NUMBERS = 256  # sequence numbers, which come round again
MOST_FLYING = 64
QUIET = 0.25  # seconds of silence after which the board is asked whether it is there
ATTEMPTS = 20  # times that a frame is sent before the line counts as unusable
REASONS = {1: "unknown type", 2: "wrong length"}


@dataclass(frozen=True)
class Transfer:
    """What the last batch took.

    frames : of the batch
    seconds : from first byte out to last byte in
    lost : requests or answers that did not arrive, and were asked for again
    damaged : frames that arrived damaged
    """

    frames: int
    seconds: float
    lost: int
    damaged: int

    @property
    def rate(self) -> float:
        """Frames a second."""
        return self.frames / self.seconds if self.seconds else 0.0


class Accelerator:
    """An accelerator on a board behind a serial line.

        with hwgen.host.Accelerator("/dev/ttyUSB1", network) as accelerator:
            y = accelerator.infer(network.quantize(images))

    The board answers requests in order, so an answer says that whatever was sent before it and is
    still open was lost on the way, and it is sent again. Where nothing comes for a while the board
    is asked who it is, which it answers in order, too: a slow accelerator is never taken for a
    line that loses frames.

    Attributes
    ----------
    description : what the board says of itself
    last : what the last batch took, None before the first
    """

    def __init__(
        self,
        port: str,
        network: "Network | None" = None,
        *,
        baud: int = BAUD,
        timeout: float = 5.0,
    ):
        """Open the port and ask who is there.

        Parameters
        ----------
        port : a device such as /dev/ttyUSB1 or COM5
        network : the one that must be in the bitstream; None: whichever is
        baud : bits a second of the board's serial line
        timeout : seconds without a sign of life after which the board counts as gone

        Raises
        ------
        BoardError : the port cannot be opened, nobody answers, or the board holds another network
        ToolError : pyserial is missing
        """
        self._timeout = timeout
        self._number = 0
        self.last: Transfer | None = None
        self._line = Line(port, baud, timeout)
        try:
            self.description = self._identify()
            self.description.check(
                network,
                f"Board at {port}",
                "program it with the bitstream of that network (`hwgen build`, `hwgen flash`)",
            )
        except BaseException:
            self.close()
            raise

    def _identify(self) -> Description:
        """Return what the board says of itself.

        Answers to a host before us may still be on their way, if it was ended in the middle of a
        batch. They come in order and are fewer than half of all numbers, so among them are not
        those of two questions whose numbers are that far apart: what comes behind is for us.
        """
        end = time.monotonic() + self._timeout
        while time.monotonic() < end:
            if self._ask(end) is not None:
                self._number += NUMBERS // 2 - 1
                found = self._ask(end)
                if found is not None:
                    return Description.decode(found)
        raise BoardError(
            f"Nobody answers at {self._line.port} within {self._timeout:g} s; is a bitstream of "
            "`hwgen build` on the board (`hwgen flash`), and is this the board's serial port?"
        )

    def _ask(self, end: float) -> bytes | None:
        """Ask the board who it is, and return its answer; None if that does not come soon."""
        asked = self._send(IDENTIFY)
        again = min(end, time.monotonic() + QUIET)
        while time.monotonic() < again:
            for kind, number, data in self._receive(again - time.monotonic()):
                if kind == IDENTITY and number == asked:
                    return data
        return None

    def infer(self, batch: npt.ArrayLike, progress: Progress | None = None) -> IntArray:
        """Return the outputs of a batch, bit for bit those of golden.

        Parameters
        ----------
        batch : (frames, *shape) integers, such as `network.quantize` makes
        progress : called with ("infer", frames done, frames)

        Raises
        ------
        SimulationError : the batch does not fit the accelerator's input
        BoardError : the port is gone, the board went silent, or a frame is lost again and again
        """
        inputs = _frames(self.description.input, batch)
        outputs: list[bytes] = [b""] * len(inputs)
        damaged, start = self._line.damaged, time.monotonic()
        done = lost = 0
        for index, data in self._answers(inputs):
            if data is None:
                lost += 1
                continue
            outputs[index] = data
            done += 1
            if progress:
                progress("infer", done, len(inputs))
        seconds = time.monotonic() - start
        self.last = Transfer(len(inputs), seconds, lost, self._line.damaged - damaged)
        stream = self.description.output
        return stream.unpack_memory(b"".join(outputs))

    def _answers(self, inputs: list[bytes]) -> Iterator[tuple[int, bytes | None]]:
        """Yield each input's index with its answer, in any order; with None when one was lost."""
        waiting = deque(range(len(inputs)))
        attempts = [0] * len(inputs)
        flying: dict[int, int | None] = {}  # index by number, in the order they were sent
        heard, quiet = time.monotonic(), QUIET
        probed, damaged = heard, self._line.damaged
        while waiting or any(index is not None for index in flying.values()):
            while waiting and len(flying) < self._window:
                index = waiting.popleft()
                attempts[index] += 1
                flying[self._send(INFER, inputs[index])] = index
            answers = self._receive(quiet)
            now = time.monotonic()
            if self._line.damaged > damaged:  # it answers, and the line spoils it: ask again soon
                damaged, quiet = self._line.damaged, QUIET
            if not answers and now - heard > self._timeout:
                raise BoardError(
                    f"Board at {self._line.port} has been silent for {self._timeout:g} s; reset "
                    "it, or give it a longer timeout"
                )
            if not answers and now - probed >= quiet:
                flying[self._send(IDENTIFY)] = None
                probed, quiet = now, 2 * quiet
            for kind, number, data in answers:
                heard, quiet = now, QUIET
                if number not in flying:
                    continue  # late, of a batch that was given up
                for older in list(flying):
                    what = flying.pop(older)
                    if older == number:
                        break
                    if what is not None:
                        self._give_up(what, attempts)
                        waiting.appendleft(what)
                        yield what, None
                if what is not None:
                    yield what, self._result(kind, data)

    def _give_up(self, index: int, attempts: list[int]) -> None:
        if attempts[index] >= ATTEMPTS:
            raise BoardError(
                f"Frame {index} was lost {ATTEMPTS} times between here and {self._line.port}; "
                "check the cable and the baud rate"
            )

    def _result(self, kind: int, data: bytes) -> bytes:
        stream = self.description.output
        if kind == RESULT and len(data) == stream.frame_bytes:
            return data
        why = REASONS.get(data[0], "no reason") if kind == REFUSAL and data else "a wrong answer"
        raise BoardError(
            f"Board at {self._line.port} refuses a frame ({why}); build its bitstream with this "
            "hwgen"
        )

    @property
    def _window(self) -> int:
        """Requests that may be on their way or wait in the board."""
        stream = self.description.input
        request = HEADER + stream.frame_bytes
        return max(1, min(MOST_FLYING, self.description.room // request))

    def _send(self, kind: int, data: bytes = b"") -> int:
        """Send a request; return its sequence number."""
        number = self._number = (self._number + 1) % NUMBERS
        self._line.send(bytes([kind, number]) + len(data).to_bytes(2, "little") + data)
        return number

    def _receive(self, seconds: float) -> list[tuple[int, int, bytes]]:
        """Return type, sequence number and data of the answers that come."""
        bodies = self._line.receive(seconds)
        whole = [b for b in bodies if len(b) == HEADER + int.from_bytes(b[2:HEADER], "little")]
        return [(body[0], body[1], body[HEADER:]) for body in whole]

    def close(self) -> None:
        """Let others have the port."""
        self._line.close()

    def __enter__(self) -> "Accelerator":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.close()


def _frames(stream: StreamFormat, batch: npt.ArrayLike) -> list[bytes]:
    """Return the bytes of each frame, the lowest byte of a beat first."""
    packed = stream.pack_memory(stream.checked(batch, "Batch"))
    size = stream.frame_bytes
    return [packed[at : at + size] for at in range(0, len(packed), size)]

"""An accelerator behind a bus, whose frames lie in memory, as a function from NumPy to NumPy."""

__all__ = ["MappedMemory", "MemoryAccelerator", "Windows", "Words"]

import mmap
import os
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from hwgen.errors import BoardError, FormatError
from hwgen.host.accelerator import Transfer
from hwgen.host.description import Description
from hwgen.package.stream_format import IntArray, StreamFormat
from hwgen.progress import Progress
from hwgen_rtl_templates.borders.accelerator_registers import (
    FRAME_BITS,
    MAGIC,
    VERSION,
    StreamFacts,
    accelerator_registers,
)
from hwgen_rtl_templates.borders.register_map import Field

if TYPE_CHECKING:
    from hwgen.network.graph import Network

WORD = 4  # bytes that are read and written at a time
_NOTHING = StreamFacts(0, (1,), (1, 1, 1), 1, 8, False, False)


class Words(Protocol):
    """Whoever reads and writes words of 32 bits at addresses in bytes, such as LiteX's
    `RemoteClient`."""

    def read(self, address: int, length: int) -> Sequence[int]:
        """Return so many words from an address on."""

    def write(self, address: int, data: Sequence[int]) -> None:
        """Write words from an address on."""


class MappedMemory:
    """A part of a file that is memory: of /dev/mem, of a UIO device, of a DMA buffer.

        registers = MappedMemory("/dev/uio0", 0x43C00000, 4096)
        buffer = MappedMemory("/dev/udmabuf0", 0x0E000000, 1 << 20)
        bus = Windows([registers, buffer])

    Attributes
    ----------
    addresses : those that are served
    """

    def __init__(self, path: str | Path, address: int, size: int, offset: int = 0):
        """Map it.

        Parameters
        ----------
        path : of the file
        address : of its first byte, as `read` and `write` take it
        size : bytes
        offset : where in the file it begins, a multiple of the size of a page: of /dev/mem the
            physical address, of a UIO device 0

        Raises
        ------
        BoardError : the file cannot be opened or mapped
        """
        self.addresses = range(address, address + size)
        try:
            file = os.open(path, os.O_RDWR | os.O_SYNC)
            try:
                self._map = mmap.mmap(file, size, offset=offset)
            finally:
                os.close(file)
        except (OSError, ValueError) as error:
            raise BoardError(
                f"{path}: {size} bytes at {offset:#x} cannot be mapped ({error}); it takes rights "
                "to the device, and a size and offset of whole pages"
            ) from error
        self._words = memoryview(self._map).cast("I")  # each is read and written at once

    def read(self, address: int, length: int) -> list[int]:
        """Return so many words from an address on."""
        at = (address - self.addresses.start) // WORD
        return [self._words[n] for n in range(at, at + length)]

    def write(self, address: int, data: Sequence[int]) -> None:
        """Write words from an address on."""
        at = (address - self.addresses.start) // WORD
        for n, word in enumerate(data, at):
            self._words[n] = word

    def close(self) -> None:
        """Give it back."""
        self._words.release()
        self._map.close()


class Windows:
    """Several parts of memory, each at addresses of its own."""

    def __init__(self, parts: Sequence[MappedMemory]):
        self._parts = tuple(parts)

    def _part(self, address: int, length: int) -> MappedMemory:
        for part in self._parts:
            if address in part.addresses and address + WORD * length <= part.addresses.stop:
                return part
        raise BoardError(f"Address {address:#x} must lie in a part of memory that is mapped")

    def read(self, address: int, length: int) -> list[int]:
        """Return so many words from an address on."""
        return self._part(address, length).read(address, length)

    def write(self, address: int, data: Sequence[int]) -> None:
        """Write words from an address on."""
        self._part(address, len(data)).write(address, data)

    def close(self) -> None:
        """Give all back."""
        for part in self._parts:
            part.close()


class MemoryAccelerator:
    """An accelerator behind a bus.

        with hwgen.host.MemoryAccelerator(bus, 0x43C00000, 0x0E000000, 1 << 20, network) as it:
            y = it.infer(network.quantize(images))

    Attributes
    ----------
    description : what its registers say of it
    last : what the last batch took, None before the first
    """

    def __init__(
        self,
        bus: Words,
        base: int,
        buffer: int,
        size: int,
        network: "Network | None" = None,
        *,
        timeout: float = 5.0,
    ):
        """Ask the registers what is there, and reset it.

        Parameters
        ----------
        bus : reads and writes registers and memory
        base : address of the registers
        buffer, size : address and bytes of memory that the accelerator reaches at the same
            address, and nobody else uses
        network : the one that must be in it; None: whichever is
        timeout : seconds without a result after which it counts as stuck

        Raises
        ------
        BoardError : there is no accelerator, one of another network, or the buffer is too small
        """
        self._bus, self._base, self._timeout = bus, base, timeout
        self._buffer, self._size = buffer, size
        self.last: Transfer | None = None
        self._fields = _fields(32)
        if (found := self._get("magic")) != MAGIC or self._get("version_map") != VERSION:
            raise BoardError(
                f"Registers at {base:#x} must be those of an accelerator (the first reads "
                f"{MAGIC:#x}, version {VERSION}), not {found:#x}; is the address right, and the "
                "chip configured?"
            )
        self._fields = _fields(self._get("version_address_bits"))
        self.description = self._identify()
        self.description.check(
            network, f"Accelerator at {base:#x}", "configure the chip with that network's"
        )
        streams = (self.description.input, self.description.output)
        least = max(WORD, streams[0].beat_bytes)
        room = sum(stream.frame_bytes for stream in streams) + least + WORD
        if size < room or buffer % least:
            raise BoardError(
                f"Buffer must hold {room} bytes, a frame and its result, and be aligned to words, "
                f"not be {size} bytes at {buffer:#x}"
            )
        if (buffer + size - 1) >> (bits := self._get("version_address_bits")):
            raise BoardError(
                f"Buffer must lie within the {bits} bits of the accelerator's addresses, not end "
                f"at {buffer + size:#x}; put it lower, or generate with more --address-bits"
            )
        self.reset()

    def _place(self, name: str) -> tuple[int, Field]:
        address, field = self._fields[name]
        return self._base + address, field

    def _get(self, name: str) -> int:
        """Return a field of a register."""
        address, field = self._place(name)
        (word,) = self._bus.read(address, 1)
        return int(word) >> field.low & ((1 << field.bits) - 1)

    def _set(self, name: str, value: int = 1) -> None:
        """Write a field, and 0 to others of its register."""
        address, field = self._place(name)
        self._bus.write(address, [value << field.low])

    def _identify(self) -> Description:
        digest = b"".join(
            self._get(f"network_{end}").to_bytes(WORD, "little") for end in ("low", "high")
        )
        width = 8 * self._get("version_bus_bytes")
        streams = (self._stream(name, width) for name in ("input", "output"))
        return Description(digest, self._size, *streams)

    def _stream(self, name: str, width: int) -> StreamFormat:
        get = {
            what: self._get(f"{name}_{what}")
            for what in (
                *("channels", "height", "width", "shape_0", "shape_1", "shape_2"),
                *("element_bits", "element_slot", "element_is_signed", "element_is_binary"),
                "element_dimensions",
            )
        }
        binary = bool(get["element_is_binary"])
        shape = tuple(get[f"shape_{n}"] for n in range(get["element_dimensions"]))
        try:
            return StreamFormat(
                lanes=1,
                bits=get["element_bits"],
                signed=bool(get["element_is_signed"]),
                tdata_bits=width,
                shape=shape,
                stream_shape=(get["channels"], get["height"], get["width"]),
                base=-1 if binary else 0,
                step=2 if binary else 1,
                slot=get["element_slot"],
            )
        except FormatError as error:
            raise BoardError(
                f"Registers at {self._base:#x} must describe the {name} without contradiction "
                f"({error}); is the bus right?"
            ) from error

    def infer(self, batch: npt.ArrayLike, progress: Progress | None = None) -> IntArray:
        """Return the outputs of a batch, bit for bit those of golden.

        Parameters
        ----------
        batch : (frames, *shape) integers, such as `network.quantize` makes
        progress : called with ("infer", frames done, frames)

        Raises
        ------
        SimulationError : the batch does not fit the accelerator's input
        BoardError : memory answered with an error, or no result came
        """
        source, result = self.description.input, self.description.output
        values = source.checked(batch, "Batch")
        both = source.frame_bytes + result.frame_bytes
        spare = max(WORD, source.beat_bytes) + WORD  # between frames and results, and behind these
        at_once = min(max(1, (self._size - spare) // both), (1 << FRAME_BITS) - 1)
        outputs, start = [], time.monotonic()
        for at in range(0, len(values), at_once):
            outputs.append(self._run(values[at : at + at_once]))
            if progress:
                progress("infer", min(at + at_once, len(values)), len(values))
        self.last = Transfer(len(values), time.monotonic() - start, 0, self._get("damaged"))
        empty = np.zeros((0, *result.shape), np.int64)
        return np.concatenate([empty, *outputs])

    def _run(self, values: IntArray) -> IntArray:
        source, result = self.description.input, self.description.output
        raw = source.pack_memory(values)
        aligned = max(WORD, source.beat_bytes)
        destination = self._buffer + -(-len(raw) // aligned) * aligned
        length = result.frame_bytes * len(values)
        self._bus.write(self._buffer, _words(raw))
        settings = {
            "frames": len(values),
            "source": self._buffer,
            "source_stride": source.frame_bytes,
            "destination": destination,
            "destination_stride": result.frame_bytes,
        }
        for name, value in settings.items():
            self._set(name, value & 0xFFFFFFFF)
            if f"{name}_high" in self._fields:
                self._set(f"{name}_high", value >> 32)
        self._set("control_start")
        self._wait(len(values))
        found = self._bus.read(destination, -(-length // WORD))
        return result.unpack_memory(np.asarray(found, "<u4").tobytes()[:length])

    def _wait(self, count: int) -> None:
        """Wait for the end of a run of so many frames."""
        done, heard = -1, time.monotonic()
        while self._get("status"):
            now, frames = time.monotonic(), self._get("frames_out")
            if frames != done:
                done, heard = frames, now
            elif now - heard > self._timeout:
                self._set("control_reset")
                raise BoardError(
                    f"Accelerator at {self._base:#x} has made no result for {self._timeout:g} s, "
                    f"after {done}; it was reset. Does its bus reach the buffer?"
                )
        ends = {"read": "input", "write": "output"}
        for kind, end in ends.items():
            if self._get(f"fault_{kind}"):
                frame = self._get(f"frames_{'in' if kind == 'read' else 'out'}")
                self.reset()
                raise BoardError(
                    f"Memory answered the accelerator's {kind} with an error, at {end} {frame} of "
                    f"{count}; does its bus reach the buffer at {self._buffer:#x}?"
                )
        if self._get("fault_refused"):
            raise BoardError("A run was refused: its addresses must be those of whole words")

    def reset(self) -> None:
        """End what is under way, and take back what was told."""
        self._set("control_reset")
        end = time.monotonic() + self._timeout
        while self._get("status"):
            if time.monotonic() > end:
                raise BoardError(
                    f"Accelerator at {self._base:#x} waits for its bus; reset the whole system"
                )
        for name in ("fault_read", "interrupt_status_done"):
            self._bus.write(self._place(name)[0], [0xFFFFFFFF])

    def __enter__(self) -> "MemoryAccelerator":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        pass


def _fields(address_bits: int) -> dict[str, tuple[int, Field]]:
    """Return where each field is, by name; all accelerators have the same registers."""
    registers = accelerator_registers(bytes(8), 8, address_bits, _NOTHING, _NOTHING, ())
    return {name: (register.address, field) for name, register, field in registers.named()}


def _words(raw: bytes) -> list[int]:
    """Return bytes as words, the last filled up with zeros."""
    padded = raw + bytes(-len(raw) % WORD)
    found: list[int] = np.frombuffer(padded, "<u4").tolist()
    return found

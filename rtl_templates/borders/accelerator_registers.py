"""The registers of an accelerator behind a bus."""

__all__ = ["MAGIC", "VERSION", "StreamFacts", "accelerator_registers"]

from collections.abc import Sequence
from dataclasses import dataclass

from hwgen_rtl_templates.borders.register_map import BITS, Access, Field, Register, RegisterMap

MAGIC = int.from_bytes(b"HWGN", "little")
VERSION = 1  # of the map
INTERRUPTS = {
    "done": "a run ended",
    "progress": "as many results as interrupt_every says are in memory since the last; 0: none",
    "fault": "the bus answered with an error, or a start was refused; see `fault`",
    "damaged": "a frame came damaged",
}
WATERMARKS = 0x100  # address of the first
FRAME_BITS = 24  # of numbers of frames


@dataclass(frozen=True)
class StreamFacts:
    """How frames lie in memory.

    frame_bytes : of a frame, whole words
    shape : of the tensor
    stream_shape : channels, height, width as they lie in memory, channels innermost
    bits, slot : of an element, and what it takes
    signed : whether it is two's complement
    binary : whether 0 stands for -1 and 1 for +1
    """

    frame_bytes: int
    shape: tuple[int, ...]
    stream_shape: tuple[int, int, int]
    bits: int
    slot: int
    signed: bool
    binary: bool

    def registers(self, name: str, address: int, what: str) -> list[Register]:
        """Return the registers that say so, from an address on."""
        channels, height, width = self.stream_shape
        shape = (*self.shape, *[1] * (3 - len(self.shape)))
        words = {
            "bytes": (self.frame_bytes, f"bytes of {what} in memory, whole words"),
            "channels": (channels, "innermost in memory"),
            "height": (height, "rows"),
            "width": (width, "columns"),
            **{f"shape_{n}": (size, f"size {n} of the tensor") for n, size in enumerate(shape)},
        }
        made = [
            _constant(f"{name}_{word}", address + 4 * n, value, meaning)
            for n, (word, (value, meaning)) in enumerate(words.items())
        ]
        fields = (
            Field("bits", 0, 8, Access.CONSTANT, "of an element", self.bits),
            Field("slot", 8, 8, Access.CONSTANT, "bits that it takes", self.slot),
            Field("is_signed", 16, 1, Access.CONSTANT, "two's complement", int(self.signed)),
            Field("is_binary", 17, 1, Access.CONSTANT, "0 is -1, and 1 is +1", int(self.binary)),
            Field("dimensions", 24, 2, Access.CONSTANT, "of the tensor", len(self.shape)),
        )
        return [
            *made,
            Register(f"{name}_element", address + 4 * len(words), fields, f"elements of {what}"),
        ]


def _constant(name: str, address: int, value: int, meaning: str) -> Register:
    field = Field("value", 0, BITS, Access.CONSTANT, meaning, value)
    return Register(name, address, (field,), meaning)


def _whole(
    name: str, address: int, access: Access, meaning: str, value: int = 0, bits: int = BITS
) -> Register:
    return Register(name, address, (Field("value", 0, bits, access, meaning, value),), meaning)


def _address(name: str, address: int, access: Access, wide: bool, meaning: str) -> list[Register]:
    """Return the registers of an address in memory, of 32 bits or of 64."""
    low = _whole(name, address, access, meaning)
    if not wide:
        return [low]
    return [low, _whole(f"{name}_high", address + 4, access, f"bits 63 to 32 of {name}")]


def accelerator_registers(
    digest: bytes,
    width: int,
    address_bits: int,
    x: StreamFacts,
    y: StreamFacts,
    queues: Sequence[tuple[str, int]],
) -> RegisterMap:
    """Return the registers of an accelerator with a frame mover.

    Parameters
    ----------
    digest : of the network, 8 bytes
    width : bits of the mover's words
    address_bits : of an address in memory
    x, y : what enters and leaves
    queues : in words, the queue whose watermark each register from 0x100 on holds, and its depth
    """
    wide = address_bits > BITS
    setting, state, command = Access.SETTING, Access.STATE, Access.COMMAND
    words = [int.from_bytes(digest[n : n + 4], "little") for n in (0, 4)]
    commands = {
        "start": "move frames as the settings say",
        "stop": "end after the frame that is being read",
        "reset": "end at once, lose what is under way, reset the accelerator",
    }
    faults = {
        "read": "reading memory was answered with an error",
        "write": "writing memory was answered with an error",
        "refused": "a start was refused: no frames, or an address or stride of no whole words",
    }
    counters = {  # from the start of a run on
        "frames_in": (FRAME_BITS, "frames that were read; the number of one that failed"),
        "frames_out": (FRAME_BITS, "results in memory; the number of one that failed"),
        "clocks": (BITS, "clocks in which the run was under way"),
        "stalled_in": (BITS, "of these, those in which the accelerator waited for a word"),
        "stalled_out": (BITS, "of these, those in which a result waited to leave"),
        "damaged": (8, "frames that came damaged"),
    }
    version = (
        Field("map", 0, 8, Access.CONSTANT, "version of this map", VERSION),
        Field("bus_bytes", 8, 8, Access.CONSTANT, "bytes of a word in memory", width // 8),
        Field("address_bits", 16, 8, Access.CONSTANT, "of an address", address_bits),
        Field("queues", 24, 8, Access.CONSTANT, "how many watermarks there are", len(queues)),
    )

    def flags(access: Access, meanings: dict[str, str], first: int = 0) -> tuple[Field, ...]:
        return tuple(
            Field(name, n, 1, access, meaning)
            for n, (name, meaning) in enumerate(meanings.items(), first)
        )

    registers = [
        _constant("magic", 0x00, MAGIC, "the letters HWGN"),
        Register("version", 0x04, version, "what this is"),
        _constant("network_low", 0x08, words[0], "bytes 0 to 3 of the network's SHA-256"),
        _constant("network_high", 0x0C, words[1], "bytes 4 to 7 of the network's SHA-256"),
        Register(
            "control",
            0x10,
            (
                *flags(command, commands),
                Field("circular", 8, 1, setting, "go on with the first frame after the last"),
            ),
            "commands",
        ),
        Register("status", 0x14, (Field("busy", 0, 1, state, "a run is under way"),), "state"),
        Register("interrupt_enable", 0x18, flags(setting, INTERRUPTS), "which are passed on"),
        Register(
            "interrupt_status",
            0x1C,
            flags(Access.EVENT, INTERRUPTS),
            "which came; write 1 to clear",
        ),
        _whole("frames", 0x20, setting, "frames of a run", 1, FRAME_BITS),
        _whole("interrupt_every", 0x24, setting, "frames from one progress to the next", 0, 16),
        *_address("source", 0x28, setting, wide, "address of the first frame"),
        _whole("source_stride", 0x30, setting, "bytes from frame to frame", x.frame_bytes),
        *_address("destination", 0x34, setting, wide, "address of the first result"),
        _whole("destination_stride", 0x3C, setting, "bytes from result to result", y.frame_bytes),
        Register(
            "fault",
            0x40,
            (
                *flags(Access.EVENT, faults),
                Field("response", 8, 2, state, "of the bus: 2 SLVERR, 3 DECERR"),
            ),
            "what went wrong; write 1 to clear",
        ),
        *(
            _whole(name, 0x50 + 4 * n, state, meaning, 0, bits)
            for n, (name, (bits, meaning)) in enumerate(counters.items())
        ),
        *x.registers("input", 0x80, "a frame"),
        *y.registers("output", 0xA0, "a result"),
        *(
            _whole(
                f"watermark_{n}",
                WATERMARKS + 4 * n,
                state,
                f"most that {name} held since the start of the run, of {depth}",
                0,
                (depth + 1).bit_length(),
            )
            for n, (name, depth) in enumerate(queues)
        ),
    ]
    return RegisterMap(tuple(registers))

"""Registers of 32 bits, described: what hardware, headers and documents are made from."""

__all__ = ["BITS", "BYTES", "Access", "Field", "Register", "RegisterMap"]

import enum
from collections.abc import Iterator
from dataclasses import dataclass

BITS, BYTES = 32, 4  # of a register


class Access(enum.Enum):
    """What software may do with a field, and what hardware does.

    CONSTANT : is read, and never changes
    STATE : is read; hardware says what
    SETTING : is read and written; hardware sees it
    COMMAND : reads as 0; a 1 that is written is high for a clock
    EVENT : a 1 that hardware sets, until software writes a 1 to it
    """

    CONSTANT = "constant"
    STATE = "state"
    SETTING = "setting"
    COMMAND = "command"
    EVENT = "event"

    @property
    def is_written(self) -> bool:
        """Whether software writes it."""
        return self in (Access.SETTING, Access.COMMAND, Access.EVENT)


@dataclass(frozen=True)
class Field:
    """Bits of a register.

    name : within the register
    low, bits : where they are, and how many
    access : who may do what
    meaning : in words
    value : of a constant; of a setting after reset
    """

    name: str
    low: int
    bits: int
    access: Access
    meaning: str
    value: int = 0

    def __post_init__(self) -> None:
        inside = self.low >= 0 and 1 <= self.bits <= BITS - self.low
        if not inside or not 0 <= self.value < 1 << self.bits:
            raise ValueError(f"Field {self.name} must fit a register of {BITS} bits")


@dataclass(frozen=True)
class Register:
    """A word that software sees.

    name : of the register
    address : bytes from the block's
    fields : its bits; others read as 0
    meaning : in words
    """

    name: str
    address: int
    fields: tuple[Field, ...]
    meaning: str

    def __post_init__(self) -> None:
        taken = [bit for f in self.fields for bit in range(f.low, f.low + f.bits)]
        if self.address % BYTES or len(set(taken)) < len(taken):
            raise ValueError(f"Register {self.name} must be aligned, and its fields apart")


@dataclass(frozen=True)
class RegisterMap:
    """All registers of a block, by rising address."""

    registers: tuple[Register, ...]

    def __post_init__(self) -> None:
        addresses = [register.address for register in self.registers]
        if sorted(set(addresses)) != addresses:
            raise ValueError("Registers must be at rising addresses")

    @property
    def address_bits(self) -> int:
        """Bits of an address in bytes."""
        return (self.registers[-1].address + BYTES - 1).bit_length()

    @property
    def size(self) -> int:
        """Bytes of the block."""
        return 1 << self.address_bits

    def reset_of(self, name: str) -> int:
        """Return what a register reads after reset."""
        (register,) = (register for register in self.registers if register.name == name)
        return sum(field.value << field.low for field in register.fields)

    def named(self) -> Iterator[tuple[str, Register, Field]]:
        """Yield each field with its port's name."""
        for register in self.registers:
            for field in register.fields:
                alone = len(register.fields) == 1
                yield register.name if alone else f"{register.name}_{field.name}", register, field

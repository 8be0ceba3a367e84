"""How weights are written for an array: digits, each of which selects a multiple of the input.

A product is the sum over the digits of what each makes of the input's bits. Inputs are unsigned
here; those that are signed count from their least value. Negative multiples are one's
complements, and what that adds is a constant of the weights, which belongs to the bias.
"""

__all__ = [
    "Binary",
    "Booth",
    "Codebook",
    "Digit",
    "Encoding",
    "PowersOfTwo",
    "Radix4",
    "Select",
    "Ternary",
    "TwosComplement",
]

from dataclasses import dataclass
from functools import cached_property

from hwgen_rtl_templates.bits import AND, PASS, XOR, BitFunction


@dataclass(frozen=True)
class Select:
    """Bit i of a value is `function` of bits i, i-1, ... i-reach+1 of the input and of the code's
    bits `codes`; a register follows."""

    function: BitFunction
    reach: int
    codes: tuple[int, ...]


@dataclass(frozen=True)
class Digit:
    """A digit of a weight, worth 2**shift.

    function, reach, codes : of the bits that an adder sums, as in `Select`
    select : what comes first, between the input and the function
    """

    shift: int
    function: BitFunction
    reach: int
    codes: tuple[int, ...]
    select: Select | None = None

    def product(self, x: int, x_bits: int, code: int) -> int:
        """Return what the digit makes of an unsigned input of `x_bits` bits."""
        if self.select:
            x = _apply(self.select, x, x_bits, code)
            x_bits += self.select.reach - 1
        return _apply(self, x, x_bits, code)

    def width(self, x_bits: int) -> int:
        """Return the bits of a product."""
        return x_bits + self.reach - 1 + (self.select.reach - 1 if self.select else 0)

    def most(self, x_bits: int, lo: int, hi: int) -> int:
        """Return the largest product of inputs between `lo` and `hi`."""
        used = sorted({*self.codes, *(self.select.codes if self.select else ())})
        codes = [
            sum((n >> k & 1) << bit for k, bit in enumerate(used)) for n in range(1 << len(used))
        ]
        return max(self.product(x, x_bits, code) for code in codes for x in (lo, hi))


def _apply(part: Select | Digit, x: int, x_bits: int, code: int) -> int:
    table, result = part.function.table, 0
    above = sum((code >> bit & 1) << n for n, bit in enumerate(part.codes)) << part.reach
    for i in range(x_bits + part.reach - 1):
        seen = sum((x >> (i - k) & 1) << k for k in range(part.reach) if i >= k)
        result |= (table >> (above | seen) & 1) << i
    return result


@dataclass(frozen=True)
class Encoding:
    """A code of `bits` bits for each of some integers."""

    bits: int

    @property
    def decoded(self) -> "Encoding":
        """The encoding that the digits are of."""
        return self

    @property
    def latency(self) -> int:
        """Clocks from a code to its decoded form."""
        return 0

    @property
    def entries(self) -> int:
        """Entries of the table that decodes a code, 0 where a code is used as it is."""
        return 0

    @cached_property
    def digits(self) -> tuple[Digit, ...]:
        """The digits of a weight."""
        raise NotImplementedError

    def code(self, weight: int) -> int:
        """Return the code of a weight."""
        raise NotImplementedError

    def weight(self, code: int) -> int:
        """Return the integer that a code stands for, from what the digits compute."""
        return self._sum(code, 8, 1) - self._sum(code, 8, 0)

    def excess(self, code: int, x_bits: int) -> int:
        """Return what the digits' products come to beyond weight * input."""
        return self._sum(code, x_bits, 0)

    def _sum(self, code: int, x_bits: int, x: int) -> int:
        return sum(digit.product(x, x_bits, code) << digit.shift for digit in self.digits)


@dataclass(frozen=True)
class TwosComplement(Encoding):
    """Planes: a bit of the weight selects the input, or with the sign bit its complement."""

    signed: bool = True

    @cached_property
    def digits(self) -> tuple[Digit, ...]:
        """A digit a bit."""
        sign = {self.bits - 1} if self.signed else set()
        return tuple(
            Digit(bit, AND.flipped(0) if bit in sign else AND, 1, (bit,))
            for bit in range(self.bits)
        )

    def code(self, weight: int) -> int:
        """Return the weight's bits."""
        return weight & ((1 << self.bits) - 1)


@dataclass(frozen=True)
class Binary(Encoding):
    """+1 and -1: the code complements the input."""

    bits: int = 1

    @cached_property
    def digits(self) -> tuple[Digit, ...]:
        """One digit."""
        return (Digit(0, XOR, 1, (0,)),)

    def code(self, weight: int) -> int:
        """Return 1 for -1."""
        if weight not in (-1, 1):
            raise ValueError(f"Binary weight must be +1 or -1, not {weight}")
        return int(weight < 0)


def _ternary(x: int, nonzero: int, minus: int) -> int:
    return nonzero & (x ^ minus)


TERNARY = BitFunction.of(3, _ternary)


@dataclass(frozen=True)
class Ternary(Encoding):
    """+1, 0 and -1: a bit that says whether, and one that complements."""

    bits: int = 2

    @cached_property
    def digits(self) -> tuple[Digit, ...]:
        """One digit."""
        return (Digit(0, TERNARY, 1, (0, 1)),)

    def code(self, weight: int) -> int:
        """Return bit 0 for nonzero, bit 1 for minus."""
        if weight not in (-1, 0, 1):
            raise ValueError(f"Ternary weight must be +1, 0 or -1, not {weight}")
        return {0: 0, 1: 1, -1: 3}[weight]


def _booth(x: int, x1: int, high: int, middle: int, low: int) -> int:
    one, two = middle ^ low, (high ^ middle) & ~(middle ^ low)
    return ((one & x) | (two & x1)) ^ high & (one | two)


def _booth_lowest(x: int, x1: int, high: int, middle: int) -> int:
    return _booth(x, x1, high, middle, 0)


BOOTH = BitFunction.of(5, _booth)
BOOTH_LOWEST = BitFunction.of(4, _booth_lowest)


@dataclass(frozen=True)
class Booth(Encoding):
    """Radix-4 digits of -2 to 2, each from three bits of the two's complement.

    References
    ----------
    MacSorley, High-Speed Arithmetic in Binary Computers, Proc. IRE 1961.
    """

    @cached_property
    def digits(self) -> tuple[Digit, ...]:
        """A digit for each two bits."""
        lowest = Digit(0, BOOTH_LOWEST, 2, (1, 0))
        higher = (Digit(n, BOOTH, 2, (n + 1, n, n - 1)) for n in range(2, self.bits, 2))
        return (lowest, *higher)

    def code(self, weight: int) -> int:
        """Return the weight's bits."""
        return weight & ((1 << self.bits) - 1)


def _low_digit(x: int, x1: int, c0: int, c1: int) -> int:
    # 0: nothing, 1: the input, 2: twice the input, 3: minus the input
    return (c0 & (x ^ c1)) | (c1 & ~c0 & x1)


def _high_digit(x: int, x1: int, one: int, two: int, minus: int) -> int:
    return ((one & x) | (two & x1)) ^ minus


LOW_DIGIT = BitFunction.of(4, _low_digit)
HIGH_DIGIT = BitFunction.of(5, _high_digit)


@dataclass(frozen=True)
class Radix4(Encoding):
    """Radix-4 digits of -1, 0, 1 and 2 in two bits, the highest of -2 to 2 in three.

    A digit is a table of four inputs, and a plane of digits takes the place of two planes of bits.
    bits : of a weight's two's complement and one more; odd
    """

    @cached_property
    def digits(self) -> tuple[Digit, ...]:
        """A digit for each two bits."""
        top = self.bits - 3
        low = (Digit(n, PASS, 1, (), Select(LOW_DIGIT, 2, (n, n + 1))) for n in range(0, top, 2))
        high = Select(HIGH_DIGIT, 2, (top, top + 1, top + 2))
        return (*low, Digit(top, PASS, 1, (), high))

    def code(self, weight: int) -> int:
        """Return the digits' codes side by side, the lowest first."""
        code, rest = 0, weight
        for place in range(0, self.bits - 3, 2):
            digit = (rest + 1) % 4 - 1
            code |= (digit & 3) << place
            rest = (rest - digit) // 4
        if not -2 <= rest <= 2:
            raise ValueError(f"Weight {weight} must fit {self.bits - 1} bits")
        high = {0: 0b000, 1: 0b001, 2: 0b010, -1: 0b101, -2: 0b110}[rest]
        return code | high << (self.bits - 3)


def _shifter(x: int, x1: int, x2: int, x3: int, low: int, high: int, minus: int) -> int:
    even, odd = (x & ~high) | (x2 & high), (x1 & ~high) | (x3 & high)
    return ((even & ~low) | (odd & low)) ^ minus


def _short_shifter(x: int, x1: int, low: int, minus: int) -> int:
    return ((x & ~low) | (x1 & low)) ^ minus


SHIFTER = BitFunction.of(7, _shifter)
SHORT_SHIFTER = BitFunction.of(4, _short_shifter)


@dataclass(frozen=True)
class PowersOfTwo(Encoding):
    """Sums of `terms` powers of two, each with a sign, or zero.

    most : the largest exponent

    A term is the input shifted by up to three places and complemented where it is negative, then
    a plane for each four (or two) exponents, of which the code selects one.
    """

    bits: int = 0
    most: int = 0
    terms: int = 1

    def __post_init__(self) -> None:
        if self.bits not in (0, self.terms * self._size):
            raise ValueError(f"Code must have {self.terms * self._size} bits, not {self.bits}")
        object.__setattr__(self, "bits", self.terms * self._size)

    @property
    def _step(self) -> int:
        """Exponents of a plane."""
        return 4 if self.most > 1 else 2

    @property
    def _planes(self) -> int:
        return self.most // self._step + 1

    @property
    def _size(self) -> int:
        """Bits of a term: a sign, places to shift, a bit a plane."""
        return 1 + (self._step.bit_length() - 1) + self._planes

    @cached_property
    def digits(self) -> tuple[Digit, ...]:
        """A digit a plane and term."""
        found = []
        for term in range(self.terms):
            sign = term * self._size
            shifts = tuple(range(sign + 1, sign + self._step.bit_length()))
            function = SHIFTER if self._step == 4 else SHORT_SHIFTER
            select = Select(function, self._step, (*shifts, sign))
            planes = sign + self._step.bit_length()
            found += [
                Digit(self._step * n, AND, 1, (planes + n,), select) for n in range(self._planes)
            ]
        return tuple(found)

    def code(self, weight: int) -> int:
        """Return the terms' codes side by side."""
        code, rest = 0, weight
        for term in range(self.terms):
            if not rest:
                break
            part = self._nearest(rest) if term < self.terms - 1 else rest
            exponent = abs(part).bit_length() - 1
            if abs(part) != 1 << exponent or exponent > self.most:
                raise ValueError(
                    f"Weight {weight} must be a sum of {self.terms} powers of two up to "
                    f"2**{self.most}"
                )
            plane, places = divmod(exponent, self._step)
            field = (part < 0) | places << 1 | 1 << (self._step.bit_length() + plane)
            code |= field << (term * self._size)
            rest -= part
        return code

    def _nearest(self, rest: int) -> int:
        """Return the power of two that leaves a power of two, or nothing."""
        for exponent in range(self.most, -1, -1):
            for part in (1 << exponent, -(1 << exponent)):
                left = abs(rest - part)
                if left & (left - 1) == 0 and left <= 1 << self.most:
                    return part
        return rest


@dataclass(frozen=True)
class Codebook(Encoding):
    """Indices into a book of weights, each looked up before it is used.

    inner : how the weights of the book are written
    weights : the book
    """

    inner: Encoding
    weights: tuple[int, ...]

    @property
    def decoded(self) -> Encoding:
        """How the weights of the book are written."""
        return self.inner

    @property
    def latency(self) -> int:
        """A table and a register."""
        return 1

    @property
    def entries(self) -> int:
        """Entries of the book."""
        return len(self.weights)

    @cached_property
    def book(self) -> tuple[int, ...]:
        """The code of each entry."""
        return tuple(map(self.inner.code, self.weights))

    @cached_property
    def digits(self) -> tuple[Digit, ...]:
        """Those of the decoded weights."""
        return self.inner.digits

    def code(self, weight: int) -> int:
        """Return the index of the entry."""
        return self.weights.index(weight)

    def weight(self, code: int) -> int:
        """Return the entry."""
        return self.inner.weight(self.book[code])

    def excess(self, code: int, x_bits: int) -> int:
        """Return what the entry's products come to beyond weight * input."""
        return self.inner.excess(self.book[code], x_bits)

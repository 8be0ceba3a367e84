"""Serial line: eight data bits, lowest first, one start bit, one stop bit, no parity."""

__all__ = ["UartParameters", "UartReceiver", "UartTransmitter"]

from dataclasses import dataclass

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

FEWEST_CLOCKS = 4  # of a bit: below, its middle is not met within a quarter of it
MOST_ERROR = 0.02  # of a rate: ten bits on, a fifth of a bit; the other side has as much


@dataclass(frozen=True)
class UartParameters:
    """A serial line's rate.

    clocks : of a bit, at least 4
    """

    clocks: int

    def __post_init__(self) -> None:
        if self.clocks < FEWEST_CLOCKS:
            raise ValueError(f"Clocks of a bit must be at least {FEWEST_CLOCKS}, not {self.clocks}")

    @classmethod
    def at(cls, clock_hz: int, baud: int) -> "UartParameters":
        """Return the parameters for a rate in bits a second.

        Raises
        ------
        ValueError : the clock divided by a whole number misses the rate by more than 2 %
        """
        clocks = max(1, round(clock_hz / baud))
        if abs(clock_hz / clocks - baud) > MOST_ERROR * baud:
            raise ValueError(
                f"Rate must be the clock of {clock_hz} Hz divided by a whole number, within "
                f"{MOST_ERROR:.0%}, not {baud} baud"
            )
        return cls(clocks)


class UartReceiver(wiring.Component):
    """Bytes from a serial line.

    Members
    -------
    rx : the pin, from any clock; high when idle
    o : stream of bytes that does not wait for anybody
    error : high for one clock when a stop bit was low; that byte is not sent on

    A byte leaves in the middle of its stop bit.
    """

    def __init__(self, parameters: UartParameters):
        self.parameters = parameters
        super().__init__(
            {
                "rx": In(1, init=1),
                "o": Out(stream.Signature(8, always_ready=True)),
                "error": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        clocks = self.parameters.clocks
        rx = Signal(init=1)
        m.submodules.synchronizer = FFSynchronizer(self.rx, rx, init=1)
        timer = Signal(range(clocks))
        number = Signal(range(10))  # of the bit: 0 is the start bit, 9 the stop bit
        busy = Signal()
        word = Signal(8, reset_less=True)
        sample = Signal()
        m.d.comb += [
            sample.eq(busy & (timer == 0)),
            self.o.payload.eq(word),  # stays for a clock: the next bit comes later
        ]
        m.d.sync += [
            self.o.valid.eq(sample & (number == 9) & rx),
            self.error.eq(sample & (number == 9) & ~rx),
        ]
        broken = Signal()  # wait for an idle line after a break
        with m.If(~busy):
            with m.If(rx):
                m.d.sync += broken.eq(0)
            with m.Elif(~broken):
                m.d.sync += [busy.eq(1), number.eq(0), timer.eq(clocks // 2 - 1)]
        with m.Elif(sample):
            m.d.sync += [timer.eq(clocks - 1), number.eq(number + 1)]
            with m.If(number == 0):
                m.d.sync += busy.eq(~rx)  # a glitch is no start bit
            with m.Elif(number == 9):
                m.d.sync += [busy.eq(0), broken.eq(~rx)]
            with m.Else():
                m.d.sync += word.eq(Cat(word[1:], rx))
        with m.Else():
            m.d.sync += timer.eq(timer - 1)
        return m


class UartTransmitter(wiring.Component):
    """Bytes onto a serial line.

    Members
    -------
    i : stream of bytes; ready when the byte before has left, stop bit included
    tx : the pin, high when idle
    """

    def __init__(self, parameters: UartParameters):
        self.parameters = parameters
        super().__init__({"i": In(stream.Signature(8)), "tx": Out(1, init=1)})

    def elaborate(self, platform):
        m = Module()
        clocks = self.parameters.clocks
        timer = Signal(range(clocks))
        left = Signal(range(11))  # bits, the one on the line included
        word = Signal(9, init=0x1FF)
        m.d.comb += [self.tx.eq(word[0]), self.i.ready.eq(left == 0)]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [
                word.eq(Cat(C(0, 1), self.i.payload)),
                left.eq(10),
                timer.eq(clocks - 1),
            ]
        with m.Elif(timer != 0):
            m.d.sync += timer.eq(timer - 1)
        with m.Elif(left != 0):
            m.d.sync += [word.eq(Cat(word[1:], C(1, 1))), left.eq(left - 1), timer.eq(clocks - 1)]
        return m

"""The whole design of a board: clock, core, and the pins of both."""

__all__ = ["BoardTop"]

from amaranth import *
from amaranth.lib import io

from hwgen_boards.board import Board
from hwgen_boards.clocking import Clock, Clocking
from hwgen_boards.core import BoardCore, CoreParameters


class BoardTop(Elaboratable):
    """A board with an accelerator behind its serial line.

    board : whose platform this is elaborated with
    clock : of core and accelerator
    core : what lies behind the pins
    """

    def __init__(self, board: Board, clock: Clock, core: CoreParameters):
        self.board = board
        self.clock = clock
        self.core = core

    def elaborate(self, platform):
        m = Module()
        m.domains.sync = ClockDomain()
        m.submodules.clocking = Clocking(self.board, self.clock)
        m.submodules.core = core = BoardCore(self.core)
        uart = platform.request(*self.board.uart, dir="-")
        m.submodules.rx = rx = io.Buffer("i", uart.rx)
        m.d.comb += core.rx.eq(rx.i)
        leds = self.board.leds
        lights = ((leds.idle, core.idle), (leds.busy, core.busy), (leds.error, core.error))
        outputs = [(uart.tx, core.tx)]
        for pin, level in (*lights, *((pin, 1) for pin in self.board.high)):
            outputs.append((platform.request(*pin, dir="-"), level))
        for port, level in outputs:
            buffer = io.Buffer("o", port)
            m.submodules += buffer
            m.d.comb += buffer.o.eq(level)
        return m

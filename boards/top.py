"""The whole design of a board: clock, core, and the pins of both."""

__all__ = ["BoardTop"]

from amaranth import *

from boards.board import Board
from boards.clocking import Clock, Clocking
from boards.core import BoardCore, CoreParameters


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
        m.submodules.clocking = Clocking(self.board, self.clock)
        m.submodules.core = core = BoardCore(self.core)
        uart = platform.request(*self.board.uart)
        m.d.comb += [core.rx.eq(uart.rx.i), uart.tx.o.eq(core.tx)]
        leds = self.board.leds
        for led, lit in ((leds.idle, core.idle), (leds.busy, core.busy), (leds.error, core.error)):
            m.d.comb += platform.request(*led).o.eq(lit)
        for pin in self.board.high:
            m.d.comb += platform.request(*pin).o.eq(1)
        return m

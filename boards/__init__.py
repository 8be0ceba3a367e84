"""Boards: one short file each, with pins, lights and the serial line to the host."""

__all__ = ["BOARDS", "Board"]

from collections.abc import Mapping
from types import MappingProxyType

from hwgen_boards.board import Board
from hwgen_boards.ice40_hx8k import ICE40_HX8K
from hwgen_boards.icebreaker import ICEBREAKER
from hwgen_boards.orangecrab import ORANGECRAB_25F, ORANGECRAB_85F
from hwgen_boards.tangnano9k import TANGNANO9K
from hwgen_boards.ulx3s import ULX3S_25F, ULX3S_45F, ULX3S_85F
from hwgen_boards.upduino import UPDUINO_V3

_ALL = (
    *(ULX3S_85F, ULX3S_45F, ULX3S_25F),
    *(ORANGECRAB_85F, ORANGECRAB_25F),
    *(ICEBREAKER, UPDUINO_V3, ICE40_HX8K),
    TANGNANO9K,
)

BOARDS: Mapping[str, Board] = MappingProxyType({board.name: board for board in _ALL})

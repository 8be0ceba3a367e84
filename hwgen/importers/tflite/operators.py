"""What each operator of TFLite becomes."""

__all__ = ["CONVERT"]

from collections.abc import Mapping

from hwgen.importers.tflite.joins import JOINS
from hwgen.importers.tflite.moves import MOVES
from hwgen.importers.tflite.pools import POOLS
from hwgen.importers.tflite.settings import Convert
from hwgen.importers.tflite.tables import TABLES
from hwgen.importers.tflite.values import VALUES
from hwgen.importers.tflite.weighted import WEIGHTED

CONVERT: Mapping[str, Convert] = {**WEIGHTED, **JOINS, **POOLS, **MOVES, **TABLES, **VALUES}

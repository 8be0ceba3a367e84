"""Simulate a package and compare every output bit with golden: the launcher.

The simulator and the Python inside it are processes of their own (`sim`); this writes what they
read, starts them, reads what they wrote, and compares.
"""

__all__ = ["FirstDifference", "LayerResult", "SimulationResult", "simulate"]

from hwgen.simulation.compare import FirstDifference, LayerResult
from hwgen.simulation.result import SimulationResult
from hwgen.simulation.run import simulate

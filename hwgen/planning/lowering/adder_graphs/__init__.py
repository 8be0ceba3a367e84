"""Adder graphs of constant matrices, with sums of two terms shared."""

__all__ = ["coefficients", "solve"]

from hwgen.planning.lowering.adder_graphs.solve import coefficients, solve

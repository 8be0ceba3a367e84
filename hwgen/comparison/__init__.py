"""The verb `compare`: many designs, each taken the whole way, side by side."""

__all__ = ["compare", "describe_package"]

from hwgen.comparison.comparing import compare
from hwgen.comparison.measuring import describe_package

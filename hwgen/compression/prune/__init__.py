"""Pruning: structures are removed for real, or masked and held at zero.

One interface for all pruners (`state.py`), one file a method, a schedule around them.
"""

__all__ = [
    "Masks",
    "PruningState",
    "Sparsity",
    "Zeros",
    "check_masks",
    "check_pruning",
    "find_blocks",
    "holding",
    "penalty",
    "prune",
    "scan_sensitivity",
    "shares_within",
    "sparsity",
]

from hwgen.compression.prune.masks import Masks, check_masks, holding
from hwgen.compression.prune.penalty import penalty
from hwgen.compression.prune.residual import find_blocks
from hwgen.compression.prune.schedule import check_pruning, prune
from hwgen.compression.prune.sensitivity import scan_sensitivity, shares_within
from hwgen.compression.prune.sparsity import Sparsity, Zeros, sparsity
from hwgen.compression.prune.state import PruningState

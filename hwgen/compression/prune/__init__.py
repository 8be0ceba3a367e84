"""Pruning: structures are removed for real, tensors become smaller."""

__all__ = ["check_prunable", "prune_channels"]

from hwgen.compression.prune.channels import check_prunable, prune_channels

"""Layers: what is to be computed, how its elements travel, and which weights are zero."""

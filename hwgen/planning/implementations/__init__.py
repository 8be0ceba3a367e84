"""Implementations: the ways to compute a layer."""

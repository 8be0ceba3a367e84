"""Recipes: what to prune and to quantize, as typed classes and as text."""

"""Faults planted in a copy of the tree, and which test finds each."""

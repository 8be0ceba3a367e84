"""Families of devices: cells, memories, clocks, and the programs that make hardware for them."""

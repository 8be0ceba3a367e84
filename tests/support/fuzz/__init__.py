"""The fuzzer: random whole networks through torch, golden, RTL and netlist."""

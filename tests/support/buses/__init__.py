"""Systems around accelerators in simulation, driven by models of buses that others made."""

"""Standard cells: synthesis, timing and libraries of an ASIC."""

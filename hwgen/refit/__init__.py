"""Refitting: how the coefficients of the estimates are fitted to synthesis."""

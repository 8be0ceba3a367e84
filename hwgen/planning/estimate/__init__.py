"""Estimates: structure of components, and from it LUTs, flip-flops, memories and energy."""

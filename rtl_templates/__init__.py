"""Parameterised Amaranth components that hwgen builds accelerators from.

Every component is two things side by side: a frozen parameters dataclass, which knows its widths
and its timing without elaborating anything, and the `wiring.Component` built from it. Streams are
`amaranth.lib.stream`, ports are named `i` and `o`, and a beat is `lanes` elements of one pixel.
"""

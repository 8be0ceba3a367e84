"""Unrolled: whole layers as cells, a frame a clock."""

__all__ = ["may_unroll", "unrolled"]

from hwgen.planning.lowering.unrolled.lower import may_unroll, unrolled

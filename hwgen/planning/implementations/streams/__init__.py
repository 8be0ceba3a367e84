"""What computes on streams without weights: pools, joins, the largest of all."""

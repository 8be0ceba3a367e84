"""The search: candidates of each layer, what they take at the least, allocation, queue depths."""

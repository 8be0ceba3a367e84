"""The user's PyTorch module as a graph of layers: traced once, checked, and kept up to date."""

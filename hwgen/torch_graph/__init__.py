"""The user's module as a dataflow of layers."""

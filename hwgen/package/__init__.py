"""The package as data: its manifest, the formats of its streams, its border, and its folder."""

"""Memories: how many block RAMs a shape takes, and when a table in LUTs is cheaper."""

__all__ = ["block_rams", "weight_style"]

from hwgen.targets import Target


def block_rams(width: int, depth: int, target: Target) -> int:
    """Return how many block RAMs hold `depth` words of `width` bits, at the best aspect ratio.

    Each of a block's ports is at most 36 bits wide; deeper shapes are narrower by powers of two
    (Lattice TN1264 for ECP5).
    """
    shapes = ((36, 512), (18, 1024), (9, 2048), (4, 4096), (2, 8192), (1, 16384))
    return min(-(-width // w) * -(-depth // d) for w, d in shapes)


def weight_style(width: int, depth: int, target: Target) -> str:
    """Return "block" where the words fit block RAM better than tables in LUTs: a table of up to
    16 words costs a LUT a bit, and a block RAM is worth forty of them."""
    tables = width * -(-depth // 16)
    worth = tables > 40 * block_rams(width, depth, target) and target.block_rams
    return "block" if worth and depth > 1 else "logic"

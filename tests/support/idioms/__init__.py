"""Ways of writing models that users have, by group and name."""

__all__ = ["IDIOMS", "REFUSED", "Idiom"]

from support.idioms.activations import ACTIVATIONS
from support.idioms.affine import AFFINE
from support.idioms.ends import ENDS, LAST, PLAIN, VALUES
from support.idioms.idiom import Idiom
from support.idioms.sequences import SEQUENCES
from support.idioms.shapes import LARGER, PADDING, POOLS, SHAPES

IDIOMS: dict[str, Idiom] = {
    **ACTIVATIONS,
    **AFFINE,
    **SEQUENCES,
    **SHAPES,
    **PADDING,
    **POOLS,
    **LARGER,
    **VALUES,
    **ENDS,
    **LAST,
    **PLAIN,
}
REFUSED = (  # with what to use instead
    "F.conv2d with weights of one's own",
    "F.linear with weights of one's own",
    "x @ w",
    "one layer twice",
)

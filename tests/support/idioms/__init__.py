"""Ways of writing models that users have, by group and name."""

__all__ = ["IDIOMS", "Idiom"]

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

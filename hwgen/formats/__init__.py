"""Number formats: how an integer is written in bits.

A format knows the integers it holds, how each is encoded as a bit pattern, and how a bit pattern
decodes back. Scale and zero point are not part of it: they belong to the tensor.

    int8 uint4    Fixed(8), Fixed(4, signed=False)
    binary        Binary()
    ternary       Ternary()
    pot4 pot4x2   PowerOfTwo(4), PowerOfTwo(4, terms=2)
    cb4:8         Codebook(4, 8), whose entries come with the weights of each layer

Weights take any of them, activations `Fixed` and `Binary`.
"""

__all__ = [
    "MAX_BITS",
    "MIN_BITS",
    "Activation",
    "Binary",
    "Codebook",
    "Fixed",
    "Format",
    "PowerOfTwo",
    "Ternary",
    "bits_for",
    "parse_format",
]

from hwgen.formats.base import MAX_BITS, MIN_BITS, Format
from hwgen.formats.codebook import Codebook
from hwgen.formats.fixed import Fixed, bits_for
from hwgen.formats.listed import Binary, PowerOfTwo, Ternary
from hwgen.formats.names import parse_format

Activation = Fixed | Binary

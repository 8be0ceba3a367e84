"""What each operator of ONNX, and of the dialects for quantized networks, becomes."""

__all__ = ["CONVERT", "DOMAINS", "converter"]

from collections.abc import Callable

from hwgen.importers.onnx.builder import Builder
from hwgen.importers.onnx.file import OnnxNode
from hwgen.importers.onnx.operators.elementwise import ELEMENTWISE
from hwgen.importers.onnx.operators.ends import ENDS
from hwgen.importers.onnx.operators.moves import MOVES
from hwgen.importers.onnx.operators.pools import POOLS
from hwgen.importers.onnx.operators.quantizers import DECOMPOSED, QDQ, QONNX
from hwgen.importers.onnx.operators.shapes import SHAPES
from hwgen.importers.onnx.operators.weighted import WEIGHTED
from hwgen.importers.onnx.operators.windows import CHANNELS_LAST

Convert = Callable[[Builder, OnnxNode], None]
CONVERT: dict[str, Convert] = {
    **WEIGHTED,
    **POOLS,
    **ELEMENTWISE,
    **SHAPES,
    **MOVES,
    **QDQ,
    **QONNX,
    **DECOMPOSED,
    **ENDS,
}
LAST = ("Conv", "MaxPool", "BatchNormalization", "AveragePool", "GlobalAveragePool")
DIALECT = ("onnx.brevitas", "finn.custom_op.general", "qonnx.custom_op.general")
DOMAINS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(CONVERT, ("",)),
    **dict.fromkeys(QONNX, DIALECT),
    **dict.fromkeys(DECOMPOSED, ("quantized_decomposed",)),
    **dict.fromkeys(QDQ, ("", "com.microsoft")),
    **dict.fromkeys(LAST, ("", CHANNELS_LAST)),
}


def converter(node: OnnxNode) -> Convert | None:
    """Return what converts a node; None where nothing does."""
    return CONVERT[node.kind] if node.domain in DOMAINS.get(node.kind, ()) else None

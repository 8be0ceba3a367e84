"""Components of one stream in and one out, whose clocks are known: one of each kind."""

from hwgen_rtl_templates.argmax import ArgMaxParameters
from hwgen_rtl_templates.fifo import FifoParameters
from hwgen_rtl_templates.streams import NarrowParameters, WidenParameters

ONE_STREAM = {
    "one place": FifoParameters(1, 4, False, 1),
    "queue": FifoParameters(1, 4, False, 3),
    "shifting queue": FifoParameters(1, 4, False, 4, True),
    "deep queue": FifoParameters(1, 4, False, 70),
    "narrow": NarrowParameters(5, 4, 2, 3, False),
    "widen": WidenParameters(6, 1, 3, 3, False),
    "arg max": ArgMaxParameters(3, 4, False, 2),
}

"""What a component is at word level, before anything optimises it: adders and flip-flops."""

import re

from amaranth.back import rtlil
from amaranth.hdl import Const, Value

from hwgen_rtl_templates.counts import Counts

_ADDER = re.compile(r"^\s*cell \$(?:add|sub|neg) ", re.MULTILINE)
_FLIP_FLOP = re.compile(r"^\s*cell \$s?dffe? .*\n((?:    .*\n)*)", re.MULTILINE)
_MEMORY = re.compile(r"^\s*memory width (\d+) size (\d+)", re.MULTILINE)
_BLOCK = re.compile(r"^\s*cell \\(?:MULT18X18D|SB_MAC16) ", re.MULTILINE)
_WIDTH = re.compile(r"parameter \\WIDTH (\d+)")


def word_level(component) -> Counts:
    """Return the cells of a component, which is elaborated for it: once, it takes a while."""
    text = _converted(component)
    return Counts(
        len(_BLOCK.findall(text)),
        len(_ADDER.findall(text)),
        sum(int(_WIDTH.search(body)[1]) for body in _FLIP_FLOP.findall(text)),
        sum(int(width) * int(words) for width, words in _MEMORY.findall(text)),
    )


def _converted(component) -> str:
    """Return a component as RTLIL; `ready` of streams that never wait is a constant, no port."""
    members = component.signature.flatten(component)
    ports = [Value.cast(value) for _, _, value in members]
    ports = [port for port in ports if not isinstance(port, Const)]
    return rtlil.convert(component, ports=ports, emit_src=False)

"""What a component is at word level, before anything optimises it: adders and flip-flops."""

import re

from amaranth.back import rtlil
from amaranth.hdl import Const, Value

_ADDER = re.compile(r"^\s*cell \$(?:add|sub|neg) ", re.MULTILINE)
_FLIP_FLOP = re.compile(r"^\s*cell \$s?dffe? .*\n((?:    .*\n)*)", re.MULTILINE)
_MEMORY = re.compile(r"^\s*memory width (\d+) size (\d+)", re.MULTILINE)
_BLOCK = re.compile(r"^\s*cell \\(?:MULT18X18D|SB_MAC16) ", re.MULTILINE)
_WIDTH = re.compile(r"parameter \\WIDTH (\d+)")


def _converted(component) -> str:
    """Return a component as RTLIL; `ready` of streams that never wait is a constant, no port."""
    members = component.signature.flatten(component)
    ports = [Value.cast(value) for _, _, value in members]
    ports = [port for port in ports if not isinstance(port, Const)]
    return rtlil.convert(component, ports=ports, emit_src=False)


def adders(component) -> int:
    """Return how many adders, subtractors and negations there are."""
    return len(_ADDER.findall(_converted(component)))


def registers(component) -> int:
    """Return the bits of all flip-flops."""
    bodies = _FLIP_FLOP.findall(_converted(component))
    return sum(int(_WIDTH.search(body)[1]) for body in bodies)


def memory_bits(component) -> int:
    """Return the bits of all memories."""
    sizes = _MEMORY.findall(_converted(component))
    return sum(int(width) * int(words) for width, words in sizes)


def blocks(component) -> int:
    """Return how many DSP blocks are instantiated."""
    return len(_BLOCK.findall(_converted(component)))

"""The names of number formats, as recipes, stores and tables write them."""

__all__ = ["parse_format"]

import re
from collections.abc import Callable

from hwgen.errors import FormatError, meant
from hwgen.formats.base import Format
from hwgen.formats.codebook import Codebook
from hwgen.formats.fixed import Fixed
from hwgen.formats.listed import Binary, PowerOfTwo, Ternary

_NUMBER = "(0|[1-9][0-9]{0,5})"
_NAMES: tuple[tuple[re.Pattern[str], Callable[..., Format]], ...] = (
    (re.compile(f"int{_NUMBER}"), Fixed),
    (re.compile(f"uint{_NUMBER}"), lambda bits: Fixed(bits, signed=False)),
    (re.compile("binary"), Binary),
    (re.compile("ternary"), Ternary),
    (re.compile(f"pot{_NUMBER}"), PowerOfTwo),
    (re.compile(f"pot{_NUMBER}x{_NUMBER}"), PowerOfTwo),
    (re.compile(f"cb{_NUMBER}:{_NUMBER}"), Codebook),
)

_USUAL = (
    *(f"{kind}{bits}" for kind in ("int", "uint") for bits in range(2, 17)),
    *("binary", "ternary", "pot3", "pot4", "pot4x2", "cb3:8", "cb4:8"),
)


def parse_format(text: str) -> Format:
    """Return the format that `text` names: `int8 uint4 binary ternary pot4 pot4x2 cb4:8`.

    A codebook comes without entries.

    Raises
    ------
    FormatError : the name is not a known format, or its width is out of range
    """
    for pattern, make in _NAMES:
        match = pattern.fullmatch(text) if isinstance(text, str) else None
        if match is not None:
            found = make(*map(int, match.groups()))
            if str(found) == text:  # not pot4x1
                return found
    hint = meant(text, _USUAL).removesuffix(" ")
    raise FormatError(
        "Number format must be written like int8, uint4, binary, ternary, pot4, pot4x2 or cb4:8, "
        f"not {text!r:.80}" + (f"; {hint}" if hint else "")
    )

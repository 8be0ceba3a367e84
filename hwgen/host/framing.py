"""Frames on a serial line, the host's side: flags and escapes of RFC 1662, and a CRC-32.

Written from the RFC, like `rtl_templates/frames.py`, and on purpose not shared with it.
"""

__all__ = ["Unframer", "frame"]

import binascii
import re

FLAG = b"\x7e"
_SPECIAL = re.compile(rb"[\x7d\x7e]")
_ESCAPED = re.compile(rb"\x7d(.)", re.DOTALL)
_CRC = 4  # bytes
LONGEST = 1 << 20  # bytes without a flag that are kept waiting for one


def frame(body: bytes) -> bytes:
    """Return a body of at least one byte as it goes over the line."""
    text = body + binascii.crc32(body).to_bytes(_CRC, "little")
    return FLAG + _SPECIAL.sub(lambda found: bytes([0x7D, found[0][0] ^ 0x20]), text) + FLAG


class Unframer:
    """Bytes from the line into bodies, of which those with a wrong CRC are left out.

    Attributes
    ----------
    damaged : how many were left out
    """

    def __init__(self) -> None:
        self.damaged = 0
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the bodies whose last byte is among the data."""
        *texts, rest = (self._rest + data).split(FLAG)
        self._rest = rest if len(rest) <= LONGEST else b""
        bodies = [self._body(text) for text in texts if text]
        return [body for body in bodies if body]

    def _body(self, text: bytes) -> bytes:
        plain = _ESCAPED.sub(lambda found: bytes([found[1][0] ^ 0x20]), text)
        body, crc = plain[:-_CRC], plain[-_CRC:]
        if not body or binascii.crc32(body).to_bytes(_CRC, "little") != crc:
            self.damaged += 1
            return b""
        return body

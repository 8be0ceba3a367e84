"""Memory that is mapped, and what is said where it is not."""

import pytest

from hwgen.errors import BoardError
from hwgen.host import MappedMemory, MemoryAccelerator, Windows

PAGE = 4096


def _file(tmp_path, name, pages=2):
    path = tmp_path / name
    path.write_bytes(bytes(pages * PAGE))
    return path


def test_words_go_where_their_addresses_are(tmp_path):
    first, second = _file(tmp_path, "first"), _file(tmp_path, "second")
    parts = [
        MappedMemory(first, 0x4000_0000, PAGE),
        MappedMemory(second, 0x1000, PAGE, offset=PAGE),
    ]
    bus = Windows(parts)
    bus.write(0x4000_0010, [1, 0xFFFF_FFFF])
    bus.write(0x1000, [0x1234_5678])
    assert bus.read(0x4000_0010, 3) == [1, 0xFFFF_FFFF, 0]
    bus.close()
    assert first.read_bytes()[16:24] == bytes([1, 0, 0, 0, *[255] * 4])
    assert second.read_bytes()[PAGE : PAGE + 4] == bytes([0x78, 0x56, 0x34, 0x12])


@pytest.mark.parametrize(("address", "length"), [(0x0FFC, 1), (0x1FFC, 2), (0x2000, 1)])
def test_addresses_that_nobody_has(tmp_path, address, length):
    bus = Windows([MappedMemory(_file(tmp_path, "file"), 0x1000, PAGE)])
    with pytest.raises(BoardError, match=f"Address {address:#x} must lie in a part of memory"):
        bus.read(address, length)


def test_what_cannot_be_mapped_says_why(tmp_path):
    with pytest.raises(BoardError, match="it takes rights to the device"):
        MappedMemory(tmp_path / "none", 0, PAGE)
    with pytest.raises(BoardError, match="cannot be mapped"):
        MappedMemory(_file(tmp_path, "file"), 0, PAGE, offset=12)


def test_nothing_is_there(tmp_path):
    """Registers that read as zeros are no accelerator's."""
    bus = MappedMemory(_file(tmp_path, "file"), 0x1000, PAGE)
    with pytest.raises(
        BoardError, match=r"Registers at 0x1000 must be .*, not 0x0; is the address"
    ):
        MemoryAccelerator(bus, 0x1000, 0x1800, 256)

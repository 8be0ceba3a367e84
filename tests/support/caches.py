"""Caches of tests' own."""

from pathlib import Path

from hwgen.cache import Cache

VERILATED = "verilated"  # where Verilator's run-time library is kept


def fresh_cache(folder: Path) -> Path:
    """Return a new cache that holds nothing but Verilator's run-time library: the same for every
    design, it takes longer to compile than most designs do."""
    shared = Cache().root / VERILATED
    shared.mkdir(parents=True, exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / VERILATED).symlink_to(shared)
    return folder

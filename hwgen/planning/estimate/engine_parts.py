"""Engines: what they are made of, and what they do."""

__all__ = ["ENGINES", "parts_of", "window_structure"]

from collections import Counter
from collections.abc import Sequence

from hwgen.families.memories import block_rams
from hwgen.planning.estimate.array_parts import DATAPATHS
from hwgen.planning.estimate.epilogue_parts import EPILOGUES
from hwgen.planning.estimate.stream_parts import fifo_structure, fifo_work, narrow_structure
from hwgen.planning.estimate.structure import (
    Counted,
    Structure,
    bits_of,
    indexed_table,
    loop_bits,
    storage,
    total,
)
from hwgen.planning.estimate.work import Work, stored
from hwgen.targets import Target
from hwgen_rtl_templates.engine import EngineParameters
from hwgen_rtl_templates.sequencer import SequencerParameters
from hwgen_rtl_templates.window import WindowParameters


def parts_of(part: EngineParameters, target: Target) -> dict[str, Structure]:
    """Return what the components of an engine are made of, by their instances."""
    path = part.datapath
    found = {
        "window": window_structure(part.window, path.read, target),
        "sequencer": _sequencer(part.sequencer, target),
        path.name: DATAPATHS[type(path)].structure(path, target),
        "fifo": fifo_structure(part.fifo, target),
    }
    if part.drained:
        found["drain"] = narrow_structure(part.drain, target)
    for unit in part.behind:
        found[unit.name] = EPILOGUES[type(unit)].structure(unit, target)
    return found


def _engine(part: EngineParameters, target: Target) -> Structure:
    return total(parts_of(part, target).values())


def _engine_work(part: EngineParameters, beats: int) -> Work:
    rows, columns = part.window.output_size
    windows = rows * columns
    dots = windows * len(part.folds)
    reads = windows * sum(part.folds) - dots * part.datapath.rest
    path = part.datapath
    total = _window_work(part.window, path.read, beats, reads) + DATAPATHS[type(path)].work(
        path, reads, dots
    )
    for unit in part.behind:
        total += EPILOGUES[type(unit)].work(unit, part.beats_out)
    return total + fifo_work(part.fifo, part.beats_out)


def window_structure(part: WindowParameters, read: Sequence[bool], target: Target) -> Structure:
    """Return the structure of a window of which some elements of a beat are read."""
    width, depth = part.word * part.bits, part.depth
    address = bits_of(depth - 1)
    found = Structure({"window": 1, "window address bit": address}, 4 * address + 14)
    memory = storage(width, depth, part.style, target)
    if part.style == "block":
        memory = Structure()
    minor = part.inner + (0 if part.varied else (part.slices - 1) * part.slice_words)
    for n in range(part.ports):
        word = read[n * part.word : (n + 1) * part.word]
        if part.style == "block":
            elements = [element for element in word for _ in range(part.bits)]
            found += Structure(block_rams=block_rams(width, depth, target, elements))
        if not any(word):
            continue
        taps = [step[n] for step in part.steps]
        offsets = tuple(tap.offset % depth for tap in taps)
        moves, reaches = len(set(offsets)) > 1, minor > 1
        adders = int(moves and reaches) + int(moves or reaches or offsets[0] > 0)
        logic = indexed_table("window", offsets, target)
        logic.update({"window port": 1, "window port bit": address * adders})
        if part.padded:
            logic["padding bit"] = width
            for axis, size in ((0, part.height), (1, part.width)):
                if any(part.padding[axis]):
                    steps = tuple(tap.dy if axis == 0 else tap.dx for tap in taps)
                    place = bits_of(size + sum(part.padding[axis]) + part.reach[axis]) + 1
                    logic["padding place bit"] += place
                    logic.update(indexed_table("window", steps, target))
        found += memory + Structure(dict(logic), 2 * width + 3 * address)
    return found


def _window_work(part: WindowParameters, read: Sequence[bool], beats: int, reads: int) -> Work:
    """Return the work of a window: each port has a copy of what enters."""
    word = part.word
    ports = sum(any(read[n * word : (n + 1) * word]) for n in range(part.ports))
    return stored(word * part.bits, part.depth, beats + reads) * ports


def _sequencer(part: SequencerParameters, target: Target) -> Structure:
    w = part.window
    rows, columns = w.output_size
    around = (len(w.steps), columns, rows)
    extents = (w.inner, *around) if w.varied else (w.inner, part.groups, w.slices, *around)
    loops = loop_bits(*extents)
    ahead = bits_of(max(-part.ahead_range[0], part.ahead_range[-1])) + 1
    credit = bits_of(part.depth) + 1
    across, down = part.advances
    tables = (down, across, w.releases, part.pieces)
    address = bits_of(w.depth - 1)
    places = 0
    if w.padded:
        places = bits_of(w.height + w.padding[0][1]) + bits_of(w.width + w.padding[1][1]) + 2
    logic: Counter[str] = Counter()
    for values in tables:
        logic.update(indexed_table("sequencer", values, target))
    logic.update(
        {
            "sequencer": 1,
            "loop": sum(extent > 1 for extent in extents),
            "ahead bit": ahead,
            "credit bit": credit,
            "origin bit": address * (1 + (rows > 1)),
            "place bit": places,
            "rest bit": bits_of(part.rest) + 1 if part.rest else 0,
            **loops,
        }
    )
    return Structure(dict(logic), loops.total() + ahead + credit + 2 * address + places + 4)


ENGINES: dict[type, Counted] = {EngineParameters: Counted(_engine, _engine_work)}

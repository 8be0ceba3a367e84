"""A picture of a network: boxes in the order in which data flows, as SVG inside HTML.

Layout as Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system
structures" (1981): a row for each distance from the inputs, edges over several rows led past the
boxes between, and in each row the order that follows from the row above.
"""

__all__ = ["Box", "picture"]

import hashlib
import html
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

WIDTH, HEIGHT = 232, 78  # of a box
BESIDE, BELOW = 24, 46  # between boxes
LANE = 14  # what an edge takes beside the boxes of a row
LINE = 17  # from one line of text to the next
EDGE = 12  # of the picture
LONGEST = 36  # characters of a line


@dataclass(frozen=True)
class Box:
    """A layer.

    name : by which others take its value
    inputs : names of those whose values it takes
    lines : of text below its name
    amounts : how much it takes of each kind, by which it may be coloured
    notes : more of it, shown beside the pointer
    marked : whether it is the one that matters most
    """

    name: str
    inputs: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    amounts: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    marked: bool = False


Spot = tuple[str, str, int]  # a box (name, "", 0), or an edge that passes a row (from, to, row)


def picture(boxes: Sequence[Box], labels: Mapping[tuple[str, str], str] | None = None) -> str:
    """Return HTML with one picture, which needs neither scripts nor a network.

    Parameters
    ----------
    boxes : each after those that it takes its inputs from; inputs that are no boxes are left out
    labels : text on the edge from one box to another
    """
    known = {box.name: box for box in boxes}
    rows = _rows(boxes, known)
    middle, wide, high = _places(rows)
    labels = labels or {}
    kinds = list(dict.fromkeys(kind for box in boxes for kind in box.amounts))
    most = {kind: max(box.amounts.get(kind, 0.0) for box in boxes) for kind in kinds}
    users = Counter(name for box in boxes for name in {*box.inputs})
    parts = [
        _edge(source, box.name, middle, labels.get((source, box.name), ""), users[source] == 1)
        for box in boxes
        for source in dict.fromkeys(box.inputs)
        if source in known
    ]
    parts += [_box(box, middle[box.name, "", 0], kinds, most) for box in boxes]
    svg = (
        f'<svg viewBox="0 0 {wide:.0f} {high:.0f}" width="{wide:.0f}" height="{high:.0f}" '
        f'role="img" aria-label="the network, {len(boxes)} layers">{"".join(parts)}</svg>'
    )
    name = "n" + hashlib.sha256(svg.encode()).hexdigest()[:10]  # two of them may stand on a page
    choices = "".join(
        f'<input type="radio" name="{name}" id="{name}-{n}"{" checked" * (not n)}>'
        f'<label for="{name}-{n}">{html.escape(kind)}</label>'
        for n, kind in enumerate(kinds)
    )
    colours = "".join(
        f"#{name}-{n}:checked~svg rect{{fill-opacity:var(--c{n})}}" for n in range(len(kinds))
    )
    return (
        f'<div class="hwgen-network" id="{name}"><style>{_STYLE.replace("NAME", name)}{colours}'
        f"</style>{'<span>coloured by</span>' if kinds else ''}{choices}{svg}</div>"
    )


_STYLE = (
    "#NAME{font:13px system-ui,sans-serif;overflow:auto;max-height:80vh}"
    "#NAME label{margin:0 .8em 0 .2em}#NAME span{margin-right:.6em;opacity:.7}"
    "#NAME svg{display:block;margin-top:6px}"
    "#NAME rect{fill:#e8762c;fill-opacity:0;stroke:currentColor;stroke-opacity:.55}"
    "#NAME .marked rect{stroke:#c2410c;stroke-opacity:1;stroke-width:3}"
    "#NAME path{fill:none;stroke:currentColor;stroke-opacity:.5}"
    "#NAME text{fill:currentColor;text-anchor:middle}#NAME .name{font-weight:600}"
    "#NAME .small{font-size:11px;opacity:.85}"
    "#NAME g:focus rect{stroke-width:3}#NAME g{outline:none}"
)


def _rows(boxes: Sequence[Box], known: Mapping[str, Box]) -> list[list[Spot]]:
    """Return what stands in each row, in order."""
    row: dict[str, int] = {}
    for box in boxes:
        row[box.name] = 1 + max((row[name] for name in box.inputs if name in known), default=-1)
    rows: list[list[Spot]] = [[] for _ in range(max(row.values(), default=0) + 1)]
    above: dict[Spot, list[Spot]] = {}
    for box in boxes:
        rows[row[box.name]].append((box.name, "", 0))
        for source in dict.fromkeys(box.inputs):
            if source not in known:
                continue
            last: Spot = (source, "", 0)
            for passed in range(row[source] + 1, row[box.name]):
                spot = (source, box.name, passed)
                rows[passed].append(spot)
                above[spot] = [last]
                last = spot
            above.setdefault((box.name, "", 0), []).append(last)
    for upper, lower in zip(rows, rows[1:], strict=False):
        place = {spot: n for n, spot in enumerate(upper)}

        def mean(spot: Spot, place: Mapping[Spot, int] = place) -> float:
            found = [place.get(other, 0) for other in above.get(spot, ())]
            return sum(found) / len(found) if found else 0.0

        lower.sort(key=mean)
    return rows


def _places(rows: Sequence[Sequence[Spot]]) -> tuple[dict[Spot, tuple[float, float]], float, float]:
    """Return the middle of each spot's upper edge, and the picture's width and height."""

    def width(spot: Spot) -> int:
        return LANE if spot[1] else WIDTH

    wides = [sum(width(s) for s in row) + BESIDE * (len(row) - 1) for row in rows]
    wide = max(wides, default=0)
    middle: dict[Spot, tuple[float, float]] = {}
    for number, (row, own) in enumerate(zip(rows, wides, strict=True)):
        x, y = EDGE + (wide - own) / 2, EDGE + number * (HEIGHT + BELOW)
        for spot in row:
            middle[spot] = (x + width(spot) / 2, y)
            x += width(spot) + BESIDE
    return middle, wide + 2 * EDGE, len(rows) * (HEIGHT + BELOW) - BELOW + 2 * EDGE


def _edge(
    source: str,
    sink: str,
    middle: Mapping[Spot, tuple[float, float]],
    label: str,
    above: bool,
) -> str:
    """Return the edge from one box to another, past the boxes of the rows between.

    above : whether its label stands where it begins, and not where it ends
    """
    x, y = middle[source, "", 0]
    y += HEIGHT
    at = (x, y + LINE)
    path = [f"M{x:.0f} {y:.0f}"]
    passed = sorted(spot for spot in middle if spot[:2] == (source, sink))
    for spot in (*passed, (sink, "", 0)):
        to_x, to_y = middle[spot]
        half = (y + to_y) / 2
        path.append(f"C{x:.0f} {half:.0f} {to_x:.0f} {half:.0f} {to_x:.0f} {to_y:.0f}")
        x, y = to_x, to_y
        if spot[1]:
            y += HEIGHT
            path.append(f"V{y:.0f}")
    drawn = f'<path d="{" ".join(path)}"/>'
    if label:
        drawn += _text(at if above else (x, y - 8), label, "small")
    return drawn


def _box(
    box: Box, place: tuple[float, float], kinds: Sequence[str], most: Mapping[str, float]
) -> str:
    x, y = place
    shares = ";".join(
        f"--c{n}:{0.75 * box.amounts.get(kind, 0.0) / (most[kind] or 1.0):.2f}"
        for n, kind in enumerate(kinds)
    )
    said = "\n".join((box.name, *box.lines, *box.notes))
    lines = [_text((x, y + LINE), f"{box.name} *" if box.marked else box.name, "name")]
    lines += [_text((x, y + LINE * (2 + n)), line, "small") for n, line in enumerate(box.lines[:3])]
    return (
        f'<g tabindex="0"{" class=" + chr(34) + "marked" + chr(34) if box.marked else ""}>'
        f"<title>{html.escape(said)}</title>"
        f'<rect x="{x - WIDTH / 2:.0f}" y="{y:.0f}" width="{WIDTH}" height="{HEIGHT}" rx="7" '
        f'style="{shares}"/>{"".join(lines)}</g>'
    )


def _text(at: tuple[float, float], text: str, kind: str) -> str:
    short = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    return f'<text x="{at[0]:.0f}" y="{at[1]:.0f}" class="{kind}">{html.escape(short)}</text>'

"""The picture of a network: nothing overlaps, edges end where they should, and colours follow."""

import re
import shutil

import numpy as np
import pytest

import hwgen
from hwgen.picture import HEIGHT, WIDTH, Box, picture
from support.networks import GRAPH, random_network

SIZE = 300_000  # characters that a page may take


def boxes_of(html):
    """Return where each box is: its name, left and upper edge."""
    found = re.findall(r'<rect x="(-?\d+)" y="(\d+)".*?class="name">([^<]*)</text>', html)
    return {name.removesuffix(" *"): (int(x), int(y)) for x, y, name in found}


def random_boxes(rng, count):
    names = [f"layer{n}" for n in range(count)]
    return [
        Box(name, tuple(rng.choice(names[:n], min(n, int(rng.integers(1, 4))), replace=False)))
        for n, name in enumerate(names)
    ]


@pytest.mark.parametrize("seed", range(20))
def test_nothing_overlaps(seed):
    rng = np.random.default_rng(seed)
    boxes = random_boxes(rng, int(rng.integers(2, 20)))
    html = picture(boxes)
    at = boxes_of(html)
    assert set(at) == {box.name for box in boxes}
    places = sorted(at.values(), key=lambda place: (place[1], place[0]))
    for (x, y), (other_x, other_y) in zip(places, places[1:], strict=False):
        assert other_x >= x + WIDTH if y == other_y else other_y >= y + HEIGHT
    for box in boxes:
        assert all(at[name][1] < at[box.name][1] for name in box.inputs)
    wide, high = map(int, re.search(r'viewBox="0 0 (\d+) (\d+)"', html).groups())
    assert all(0 <= x <= wide - WIDTH and 0 <= y <= high - HEIGHT for x, y in places)


@pytest.mark.parametrize("seed", range(10))
def test_edges_lead_from_box_to_box_and_through_none(seed):
    rng = np.random.default_rng(100 + seed)
    boxes = random_boxes(rng, 12)
    html = picture(boxes)
    at = boxes_of(html)
    paths = re.findall(r'<path d="([^"]*)"', html)
    wanted = [(source, box.name) for box in boxes for source in box.inputs]
    assert len(paths) == len(wanted)
    for path, (source, sink) in zip(paths, wanted, strict=True):
        x, y = map(int, re.match(r"M(-?\d+) (\d+)", path).groups())
        assert abs(x - at[source][0] - WIDTH / 2) <= 1 and y == at[source][1] + HEIGHT
        end_x, end_y = map(int, path.split()[-2:])
        assert abs(end_x - at[sink][0] - WIDTH / 2) <= 1 and end_y == at[sink][1]
        straight = re.findall(r"(-?\d+) (\d+) V(\d+)", path)
        for at_x, begin, stop in straight:  # where it passes a row
            for left, upper in at.values():
                beside = not left <= int(at_x) <= left + WIDTH
                assert beside or int(stop) <= upper or int(begin) >= upper + HEIGHT


def test_text_is_text_and_two_pictures_differ():
    one, other = (picture([Box(name, lines=("<b>",))]) for name in ("</title><script>", "a & b"))
    assert "<script>" not in one and "&lt;script&gt;" in one and "<b>" not in one
    assert re.search(r'id="(n\w+)"', one)[1] != re.search(r'id="(n\w+)"', other)[1]
    assert picture([Box("a")]) == picture([Box("a")])


@pytest.mark.parametrize("seed", [10, 23])
def test_a_plan_and_its_network(seed):
    network = random_network(seed, GRAPH)
    plan = hwgen.plan(network, target="ulx3s-85f", goal="10000 fps")
    html = plan._repr_html_()
    assert set(boxes_of(html)) == {"input", *(stage.name for stage in plan.stages)}
    assert html.count('class="marked"') == 1 and "holds" in html and "other ways" in html
    assert set(boxes_of(network._repr_html_())) == {node.name for node in network.nodes}
    assert len(html) < SIZE


def test_colours_follow_the_choice(tmp_path):
    from playwright.sync_api import sync_playwright

    boxes = [
        Box("a", amounts={"clocks": 10.0, "LUT": 0.0}),
        Box("b", ("a",), amounts={"clocks": 5.0, "LUT": 8.0}),
    ]
    (tmp_path / "page.html").write_text(picture(boxes))
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page()
        page.goto((tmp_path / "page.html").as_uri())

        def seen():
            of = "each => each.map(r => Number(getComputedStyle(r).fillOpacity))"
            return page.locator("svg rect").evaluate_all(of)

        assert seen() == pytest.approx([0.75, 0.38], abs=0.01)
        page.get_by_label("LUT").check()
        assert seen() == pytest.approx([0.0, 0.75], abs=0.01)
        browser.close()

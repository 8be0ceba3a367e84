"""The page, as a browser shows it."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
from playwright.sync_api import sync_playwright

import hwgen
from hwgen.report import Row, to_html
from support.known import chain_of
from support.runs import HOSTILE, LAYERS, RUN, extreme, row


@pytest.fixture(scope="module")
def browser():
    program = shutil.which("chromium")
    assert program, "chromium is needed; scripts/deps chromium brings it"
    with sync_playwright() as playwright:
        # a container's root has no sandbox; the pages are our own
        found = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def show(browser, tmp_path):
    """Show the page of a run; whatever it asks for, or says to the console, fails the test."""
    said = []
    pages = []

    def opened(run, baseline=None, **options):
        (tmp_path / "page.html").write_text(to_html(run, baseline))
        page = browser.new_page(**{"viewport": {"width": 1200, "height": 900}, **options})
        pages.append(page)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: said.append(request.url))
        page.goto((tmp_path / "page.html").as_uri())
        said.remove((tmp_path / "page.html").as_uri())
        return page

    yield opened
    for page in pages:
        page.close()
    assert not said


def points(page, plot="cost"):
    """Return the rows that a plot shows."""
    shown = page.locator(f"#{plot} .point").all()
    return sorted(int(point.get_attribute("data-row")) for point in shown)


def lines(page):
    """Return the table's rows as the browser shows them."""
    return [line.inner_text().split("\t") for line in page.locator("#table tbody tr").all()]


def test_it_renders(show):
    page = show(RUN)
    assert page.title() == "digits, synth"
    assert points(page, "cost") == points(page, "rate") == [0, 1, 2, 3, 4]
    assert points(page, "roof") == [0, 1, 2]
    found = lines(page)
    assert len(found) == 6 and found[0][:2] == ["int8", "ulx3s-85f"]
    assert "3,000" in found[0] and "3.6%" in found[0] and "40 of 40" in found[0]
    assert found[5][-1] == "conv1: does not fit"
    # on the front of accuracy against LUTs: what nothing beats in both
    labels = page.locator("#cost svg text").all_text_contents()
    assert [name for name in labels if name in ("int8", "int4", "binary")] == [
        "binary",
        "int4",
        "int8",
    ]
    widths = [bar.get_attribute("style") for bar in page.locator("#layers i").all()]
    assert widths[:2] == ["width: 70%", "width: 49%"]  # 100 and 70 clocks


def test_signal_to_noise_and_warnings(show):
    layers = tuple(la | {"snr_db": db} for la, db in zip(LAYERS, (38.25, None), strict=True))
    noisy = row("int4", "icebreaker", 900, 0.9, layers=layers, snr_db=12.5)
    noisy = replace(noisy, warnings=("conv1: channel 3 of <4> has 2 dB",))
    run = replace(RUN, rows=(noisy,))
    page = show(run)
    assert "12.5" in lines(page)[0]
    text = page.locator("#layers").inner_text()
    assert "conv1: channel 3 of <4> has 2 dB" in text
    assert "signal to noise, dB" in text and "38.25" in text
    assert page.locator("#layers .bars h3").last.inner_text() == "signal to noise, dB"
    assert page.locator("#layers .bars i").count() == 2 * 4 + 1  # of one layer it is not known


def test_what_is_kept_is_linked(show):
    kept = ["out/a b", "/there/b", "javascript:alert(1)"]
    rows = [replace(row("int4", "icebreaker", 900, 0.9), folder=folder) for folder in kept]
    page = show(replace(RUN, rows=tuple(rows)))
    links = [link.get_attribute("href") for link in page.locator("#table td a").all()]
    assert links == ["./out/a%20b/", "file:///there/b/", "./javascript:alert(1)/"]
    assert [line[0] for line in lines(page)] == ["int4"] * 3


def test_filters_filter(show):
    page = show(RUN)
    page.get_by_label("icebreaker").first.uncheck()
    assert points(page) == [0, 1, 2] and len(lines(page)) == 3
    assert page.locator("#count").inner_text() == "3 of 6 designs"
    page.get_by_label("binary").first.uncheck()
    assert points(page) == points(page, "rate") == [0, 1]
    page.locator("#least").fill("98.5")
    assert points(page) == [0] and len(lines(page)) == 1
    page.locator("#least").fill("")
    page.get_by_label("icebreaker").first.check()
    assert points(page) == [0, 1, 3, 4]
    for name in ("int8", "int4"):
        page.get_by_label(name, exact=True).first.uncheck()
    assert points(page) == [] and lines(page) == []  # nothing left is no error


def test_axes_and_sorting(show):
    page = show(RUN)
    page.locator("#cost-across").select_option("weight_bytes")
    assert page.locator("#cost svg").get_attribute("aria-label") == (
        "accuracy against weights, bytes"
    )
    button = page.locator('#table button[data-sort="luts"]')
    button.click()
    assert [line[0] for line in lines(page)] == ["binary", "int4", "int4", "int8", "int8", "binary"]
    page.keyboard.press("Enter")  # the focus stays on the heading; unknown figures stay last
    assert [line[0] for line in lines(page)][:2] == ["int8", "int8"]
    assert page.locator('#table th[aria-sort="descending"]').inner_text().startswith("LUT")
    page.locator("#roof-target").select_option("icebreaker")
    assert points(page, "roof") == [3, 4]


def test_mouse_and_keyboard(show):
    page = show(RUN)
    page.locator('#cost .point[data-row="1"]').hover()
    assert "int4, ulx3s-85f" in page.locator("#tip").inner_text()
    assert "LUT: 1,500" in page.locator("#tip").inner_text()
    page.locator("h1").hover()
    assert page.locator("#tip").is_hidden()
    page.locator("#cost-up").focus()
    page.keyboard.press("Tab")  # into the plot, at its leftmost point
    assert "binary, ulx3s-85f" in page.locator("#tip").inner_text()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert page.locator("#layers-of").inner_text() == "int4, ulx3s-85f"
    assert page.locator("#table tr.chosen td").first.inner_text() == "int4"
    assert page.evaluate("document.activeElement.dataset.row") == "1"  # drawn anew, not lost
    page.keyboard.press("Escape")
    assert page.locator("#tip").is_hidden()
    page.locator("#table tbody tr").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert page.locator("#layers-of").inner_text() == "binary, ulx3s-85f"


def test_against_a_baseline(show):
    old = (replace(RUN.rows[0], luts=4000, accuracy=0.95), replace(RUN.rows[1], dsps=2))
    page = show(RUN, replace(RUN, title="yesterday", rows=old))
    first, second, third = lines(page)[:3]
    assert "3,000 (-25.0 %)" in first and "99.00% (+4.00 points)" in first
    assert "1 (-50.0 %)" in second and not any("(" in cell for cell in third)
    assert page.locator("#table .worse").count() == 0
    assert "since yesterday" in page.locator("header").inner_text()


def test_narrow_and_dark(show):
    grounds = []
    for scheme in ("light", "dark"):
        page = show(RUN, viewport={"width": 340, "height": 700}, color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= 340
        code = "getComputedStyle(document.{}).{}"
        grounds.append(page.evaluate(code.format("body", "backgroundColor")))
        texts = page.evaluate(code.format('querySelector("svg text")', "fill"))
        for text, ground in ((texts, grounds[-1]),):
            assert contrast(text, ground) >= 4.5  # WCAG 2.2, 1.4.3
    assert grounds[0] != grounds[1]


def contrast(*colours):
    """Return the contrast of two colours, as WCAG 2.2 defines it."""

    def light(text):
        parts = [int(n) / 255 for n in re.findall(r"\d+", text)[:3]]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    low, high = sorted(map(light, colours))
    return (high + 0.05) / (low + 0.05)


def test_text_stays_text(show):
    hostile = replace(RUN.rows[0], network=HOSTILE, layers=({**LAYERS[0], "name": HOSTILE},))
    page = show(replace(RUN, title=HOSTILE, command=HOSTILE, rows=(hostile, RUN.rows[1])))
    assert page.title() == HOSTILE and page.locator("h1").inner_text() == HOSTILE
    assert lines(page)[0][0] == HOSTILE and page.locator("img").count() == 0
    assert page.locator("#layers span").first.inner_text() == HOSTILE


@pytest.mark.parametrize("rows", [(), RUN.rows[5:], (Row("a", "b", "c", accuracy=0.5),)])
def test_little_is_known(show, rows):
    page = show(replace(RUN, rows=rows, targets={}))
    assert len(lines(page)) == len(rows)


def test_a_package(show, tmp_path):
    """One design, through the shell."""
    plan = hwgen.plan(chain_of(["a", "b"]), target="ulx3s-85f", goal="20000 fps")
    hwgen.generate(plan, tmp_path / "chain")
    command = [sys.executable, "-m", "hwgen", "report", "chain", "-o", "chain.html"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    text = (tmp_path / "chain.html").read_text()
    data = json.loads(re.search(r'id="data">(.*?)</script>', text)[1])
    assert data["rows"][0]["values"]["luts"] == round(plan.resources.luts)
    assert [layer["name"] for layer in data["rows"][0]["layers"]] == [s.name for s in plan.stages]
    assert len(text) < 60_000 and "http://" not in text.replace("http://www.w3.org/2000/svg", "")


def test_extremes_are_shown(show):
    """In a browser: a row each in the table, and nothing is said to the console."""
    page = show(extreme(), RUN)
    assert len(lines(page)) == 3 and points(page)
    assert page.locator("#count").inner_text() == "3 of 3 designs"
    page.locator("#roof-target").select_option("__proto__")
    assert "NaN" not in page.content() and "Infinity" not in page.locator("main, body").inner_text()

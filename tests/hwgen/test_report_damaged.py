"""A run is data that anybody may have written: read whole and shown, or refused in one line."""

import copy
import csv
import io
import json
import math
import re
from dataclasses import asdict, replace

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from hwgen.cli import app
from hwgen.cli.compare import print_run
from hwgen.errors import HwgenError, StoreError
from hwgen.report import Row, read_run, to_csv, to_html, to_markdown
from support.runs import HOSTILE, RUN, SURROGATES, extreme

PLAIN = json.loads(RUN.to_json())


def written(tmp_path, run):
    path = tmp_path / "run.json"
    path.write_text(run if isinstance(run, str) else json.dumps(run))
    return path


def changed(way, value):
    """Return the run with another value at a way such as "rows.0.luts"."""
    run = copy.deepcopy(PLAIN)
    *parts, last = [int(part) if part.isdigit() else part for part in way.split(".")]
    inner = run
    for part in parts:
        inner = inner[part]
    inner[last] = value
    return run


def not_json(constant):
    raise AssertionError(f"{constant} is no JSON: the page would be empty")


def use(run, baseline=None):
    """Do all that is done with a run; return the page's data."""
    page = to_html(run, baseline)
    page.encode("utf-8")
    to_csv(run).encode("utf-8", "backslashreplace")
    assert to_markdown(run).count("\n") == 2 + len(run.rows)
    print_run(run, Console(file=io.StringIO(), width=80))
    text = re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1]
    data = json.loads(text, parse_constant=not_json)
    assert len(data["rows"]) == len(run.rows)
    return data


def test_what_is_written_is_read(tmp_path):
    assert read_run(written(tmp_path, RUN.to_json())) == RUN
    assert use(RUN, RUN)["rows"][0]["baseline"]["luts"] == 3000


DAMAGED = [
    ("", "not readable as JSON"),
    ("{", "not readable as JSON"),
    ("[" * 200_000, "nested too deeply"),
    ('{"a":' * 200_000, "nested too deeply"),
    ("9" * 6000, "it holds a number of thousands of digits"),
    ("null", "no run of this version"),
    ("[]", "no run of this version"),
    ("{}", "no run of this version"),
    ('{"hwgen_run": 1}', "title is missing"),
    ({**PLAIN, "hwgen_run": 2}, "no run of this version"),
    ({**PLAIN, "extra": 1}, "A field must be one that hwgen knows, not 'extra'"),
    (changed("targets", 5), "targets must be a table, not 5"),
    (changed("targets", []), "targets must be a table"),
    (changed("targets.icebreaker", "x"), r"targets\['icebreaker'\] must be a table, not 'x'"),
    (changed("targets.icebreaker.luts", "x"), r"targets\['icebreaker'\].luts must be an integer"),
    (changed("targets.icebreaker.luts", math.nan), "luts must be an integer"),
    (changed("targets.icebreaker.family", {"a": 1}), "family must be a number"),
    (changed("targets.icebreaker.clock_hz", math.inf), "clock_hz must be a number"),
    (changed("title", ["a"]), "title must be a text"),
    (changed("command", None), "command must be a text"),
    (changed("stage", "synthesis"), "stage must be one of estimate, synth, route"),
    (changed("complete", "yes"), "complete must be true or false"),
    (changed("seconds", 5), "seconds must be a table"),
    (changed("seconds", {"train": "long"}), r"seconds\['train'\] must be a number"),
    (changed("rows", {}), "rows must be a list"),
    (changed("rows", 5), "rows must be a list"),
    (changed("rows.0", 5), r"rows\[0\] must be a table, not 5"),
    (changed("rows.0", []), r"rows\[0\] must be a table"),
    (changed("rows.0.network", ["a"]), r"rows\[0\].network must be a text"),
    (changed("rows.1.goal", None), r"rows\[1\].goal must be a text"),
    (changed("rows.0.error", ["a"]), r"rows\[0\].error must be a text"),
    (changed("rows.0.folding", 3), r"rows\[0\].folding must be a text"),
    (changed("rows.0.luts", "many"), r"rows\[0\].luts must be an integer"),
    (changed("rows.0.luts", True), r"rows\[0\].luts must be an integer"),
    (changed("rows.0.luts", 1.5), r"rows\[0\].luts must be an integer"),
    (changed("rows.0.luts", 10**400), r"rows\[0\].luts must be an integer"),
    (changed("rows.0.accuracy", math.nan), r"rows\[0\].accuracy must be a number"),
    (changed("rows.0.accuracy", math.inf), r"rows\[0\].accuracy must be a number"),
    (changed("rows.0.frames_per_second", -math.inf), "frames_per_second must be a number"),
    (changed("rows.0.fmax_mhz", 0), "fmax_mhz must be a number"),
    (changed("rows.0.clock_mhz", 5e-324), "clock_mhz must be a number"),
    (changed("rows.0.layers", 3), r"rows\[0\].layers must be a list"),
    (changed("rows.0.layers", [3]), r"rows\[0\].layers\[0\] must be a table"),
    (changed("rows.0.layers.0.name", 3), r"layers\[0\].name must be a text"),
    (changed("rows.0.layers.0.busy", "x"), r"layers\[0\].busy must be an integer"),
    (changed("rows.0.layers.0.luts", math.nan), r"layers\[0\].luts must be an integer"),
    (changed("rows.0.layers.0.more", [1]), r"layers\[0\].more must be a number"),
    (changed("rows.0.seconds", ["a"]), r"rows\[0\].seconds must be a table"),
    (changed("rows.0.compared", None), "equal and compared both, or neither"),
    (changed("rows.0.stage", "route"), r"rows\[0\].stage must be synth, the run's, not route"),
    (changed("rows.0.lutz", 3), r"A field of rows\[0\] must be one that hwgen knows, not 'lutz'"),
    (
        {**PLAIN, "rows": PLAIN["rows"][:1] * 10_001},
        "rows must be a list of at least 0 and at most",
    ),
]


@pytest.mark.parametrize(("run", "match"), DAMAGED, ids=range(len(DAMAGED)))
def test_damaged_runs_are_refused(run, match, tmp_path, monkeypatch):
    path = written(tmp_path, run)
    with pytest.raises(StoreError, match=match) as caught:
        read_run(path)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["report", "run.json"])
    assert isinstance(result.exception, StoreError) and not (tmp_path / "report.html").exists()


def test_extremes_come_back_and_are_used(tmp_path):
    run = extreme()
    again = read_run(written(tmp_path, run.to_json()))
    assert again == run
    use(again, run)
    assert len(list(csv.DictReader(io.StringIO(to_csv(again))))) == 3


def test_what_is_no_figure_is_unknown():
    """What a task's own score may be: no run holds it."""
    for value in (math.nan, math.inf, -math.inf):
        found = Row("n", "t", "g", stage="synth", accuracy=value, fmax_mhz=value)
        assert found.accuracy is None and found.fmax_mhz is None
        json.loads(replace(RUN, rows=(found,)).to_json(), parse_constant=not_json)


OTHERS = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 10**40, 0.5, -0.0, 1e308, 5e-324),
    *(math.nan, math.inf, -math.inf, "", "0", "synth", SURROGATES, HOSTILE, "x" * 10_000),
    *([], [[]], {}, {"a": []}, [1, 2], ["a"], [None], {"name": "x"}, "__proto__"),
)


def places(value, way=()):
    """Yield the way to every place inside nested JSON."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        yield (*way, key)
        if isinstance(inner, (dict, list)):
            yield from places(inner, (*way, key))


def test_mutations_are_refused_or_shown(tmp_path):
    """250 with a field lost, doubled, or of another value."""
    small = {**PLAIN, "rows": PLAIN["rows"][:1]}
    fine = 0
    for seed in range(250):
        rng = np.random.default_rng(seed)
        run = copy.deepcopy(small)
        for _ in range(int(rng.integers(1, 3))):
            ways = list(places(run))
            *way, last = ways[int(rng.integers(len(ways)))]
            inner = run
            for part in way:
                inner = inner[part]
            kind = int(rng.integers(4))
            if kind == 0:
                del inner[last]
            elif kind == 1 and isinstance(inner, dict):
                inner[str(rng.choice(list(inner)))] = inner[last]
            else:
                inner[last] = OTHERS[int(rng.integers(len(OTHERS)))]
        path = written(tmp_path, run)
        try:
            use(read_run(path), RUN if seed % 2 else None)
            fine += 1
        except HwgenError as error:
            assert "\n" not in str(error) and len(str(error)) < 500, f"seed {seed}"
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error!r}") from error
    assert 25 < fine < 200, "mutations that are all refused, or never, test nothing"


def test_mutated_bytes(tmp_path):
    data = json.dumps({**PLAIN, "rows": PLAIN["rows"][:1]}).encode()
    for seed in range(150):
        rng = np.random.default_rng(seed)
        spoilt, at = bytearray(data), int(rng.integers(len(data)))
        kind = int(rng.integers(3))
        if kind == 0:
            del spoilt[at:]
        elif kind == 1:
            spoilt[at] = int(rng.integers(256))
        else:
            spoilt[at:at] = spoilt[at : at + int(rng.integers(1, 40))]
        (tmp_path / "run.json").write_bytes(spoilt)
        try:
            use(read_run(tmp_path / "run.json"))
        except HwgenError:
            continue
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error!r}") from error


def test_a_baseline_of_another_stage_is_refused(tmp_path, monkeypatch):
    """Its figures differ where no design has: nothing is coloured, and nothing is trained."""
    monkeypatch.chdir(tmp_path)
    written(tmp_path, RUN.to_json())
    for stage in ("estimate", "route"):
        rows = tuple(replace(each, stage=stage) for each in RUN.rows)
        other = replace(RUN, title="yesterday", stage=stage, rows=rows)
        match = rf"Baseline \(yesterday\) must be of stage synth, not {stage}: .*--stage synth"
        with pytest.raises(HwgenError, match=match):
            to_html(RUN, other)
        (tmp_path / "old.json").write_text(other.to_json())
        for words in (
            ("report", "run.json", "--baseline", "old.json"),
            ("report", ".", "--stage", "synth", "--baseline", "old.json"),  # before it is opened
            ("compare", "none.py:task", "--stage", "synth", "--baseline", "old.json"),
        ):
            result = CliRunner().invoke(app, list(words))
            assert re.match(match, str(result.exception)), (words, result.exception)
        assert not (tmp_path / "report.html").exists()


def test_a_baseline_of_other_designs_says_so():
    other = replace(RUN, title="another", rows=tuple(replace(r, goal="x") for r in RUN.rows))
    assert "None of these designs is in another" in to_html(RUN, other)
    assert "change since another" not in to_html(RUN, other)
    assert asdict(RUN.rows[0])["stage"] == RUN.stage

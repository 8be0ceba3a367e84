"""The lists of faults fit the tree, and what tries them says what became of each."""

import threading
from collections import Counter

import pytest

from support.mutants import trials
from support.mutants.copies import Copy
from support.mutants.faults import ROOT, Fault, StaleError, load, near, options_of
from support.mutants.trials import Trials

FAULTS = load()
ROOMS = ("rtl_templates", "golden", "network", "planning", "codegen", "compression", "importers")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_it_fits(fault):
    """Its text is in its file exactly once, what it makes of it can be compiled, and its tests
    are there."""
    text = fault.planted(ROOT)
    if fault.file.endswith(".py"):
        compile(text, fault.file, "exec")
    assert fault.why and fault.nearest
    for entry in fault.nearest:
        assert (ROOT / options_of(entry)[0]).is_file(), entry


def test_there_are_enough_everywhere():
    names = Counter(fault.name for fault in FAULTS)
    assert max(names.values()) == 1, names.most_common(1)
    assert len(FAULTS) >= 70
    for room in ROOMS:
        assert sum(room in fault.file.split("/") for fault in FAULTS) >= 7, room


def test_tests_of_the_module_come_first():
    fault = Fault("a", "rtl_templates/fifo.py", "", "", "", ())
    found = near(fault, ROOT)
    assert len(found) == len(set(found)) > 50
    fault = Fault("a", "hwgen/planning/search/queue_depths.py", "", "", "", ())
    assert near(fault, ROOT)[0] == "tests/hwgen/test_queue_depths.py"
    assert not any("mutants" in path for path in found)


TREE = {
    "thing/__init__.py": "def double(x):\n    return x + x\n\n\ndef never(x):\n    return x\n",
    "tests/test_thing.py": "import thing\n\ndef test_double():\n    assert thing.double(3) == 6\n",
    "pytest.ini": "[pytest]\ntimeout_method = thread\n",
    "tests/test_other.py": "import thing\n\ndef test_zero():\n    assert thing.double(0) == 0\n",
}


@pytest.fixture
def tried(tmp_path, monkeypatch):
    """Tries a fault of a small tree: what `x + x` becomes."""
    for name, text in TREE.items():
        (tmp_path / "source" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "source" / name).write_text(text)
    monkeypatch.setattr(trials, "PATIENCE", (1.0, 1.0))
    monkeypatch.setattr(trials, "UNKNOWN", 1.0)
    copy = Copy(tmp_path, threading.Event(), source=tmp_path / "source")
    each = Trials([copy], time_limit=60)

    def run(old, new, nearest="tests/test_thing.py", time_limit=60.0):
        fault = Fault("name", "thing/__init__.py", old, new, "why", (nearest,))
        verdict = Trials([copy], time_limit).try_fault(fault)
        assert (copy.root / fault.file).read_text() == TREE[fault.file], "not as it was"
        return verdict

    run.check = each
    return run


def test_what_becomes_of_a_fault(tried):
    found = tried("x + x", "x + 3", "tests/test_thing.py -k double")  # right for 3, as once before
    assert (found.verdict, found.test) == ("killed", "tests/test_other.py::test_zero")
    assert found.entry == "near"
    assert tried("x + x", "x", time_limit=0.0).verdict == "survives"
    assert tried("x - x", "x").verdict == "stale" == tried("return", "yield").verdict


def test_a_fault_that_hangs_is_found(tried):
    found = tried("return x + x", "while True: pass")
    assert (found.verdict, found.test) == ("timed out", "tests/test_thing.py::test_double")


@pytest.mark.slow
def test_the_copy_is_what_is_tested(tried):
    fault = Fault("name", "thing/__init__.py", "", "", "", ("tests/test_thing.py",))
    tried.check.check_copy(fault)
    tried.check.check_entry("tests/test_thing.py")
    with pytest.raises(StaleError, match="must run the copy's tests/test_other.py"):
        tried.check.check_copy(Fault("name", "tests/test_other.py", "", "", "", fault.nearest))
    with pytest.raises(StaleError, match="must pass without a fault"):
        tried.check.check_entry("tests/test_thing.py -k nothing")

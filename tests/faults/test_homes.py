"""A home or a cache that cannot be written: every verb works, or says what to do.

A file in the way of the folder stands for missing rights, which a superuser does not notice.
"""

import json
import os

import pytest

from hwgen.tools import environment
from support.shell import VERBS, check_package, refused

NOWHERE = "/proc/nowhere"


@pytest.fixture
def homeless(world, monkeypatch):
    """A world without a home, and a cache that is not asked for; yosys keeps its compiled self."""
    compiled = environment()["YOWASP_CACHE_DIR"]
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("YOWASP_CACHE_DIR", compiled)
    return world


@pytest.mark.parametrize("verb", ["generate", "simulate", "synth"])
def test_the_home_cannot_be_written(homeless, verb):
    done = homeless.run(*VERBS[verb], HOME=NOWHERE, HWGEN_CACHE="")
    assert done.returncode == 0, done.stderr
    if verb == "generate":
        check_package(homeless.root / "out")
    else:
        assert "The cache folder /proc/nowhere/.cache/hwgen cannot be written" in done.stderr
        assert json.loads(done.stdout)
    assert not [line for line in homeless.leftovers() if "/." in line]


def test_the_cache_cannot_be_written(homeless):
    (homeless.root / "file").write_text("in the way")
    cache = str(homeless.root / "file" / "cache")
    done = homeless.run(*VERBS["synth"], HWGEN_CACHE=cache)
    assert done.returncode == 0, done.stderr
    assert f"{cache} cannot be written" in done.stderr and "Set HWGEN_CACHE" in done.stderr


def test_nothing_can_be_written(homeless):
    """Neither home, cache nor temporary folder: the way out is named."""
    code = (
        "import tempfile\n"
        "def nowhere(): raise FileNotFoundError(2, 'No usable temporary directory')\n"
        "tempfile.gettempdir = nowhere\n"
    )
    (homeless.root / "sitecustomize.py").write_text(code)
    path = os.pathsep.join([str(homeless.root), os.environ.get("PYTHONPATH", "")])
    places = {"HOME": NOWHERE, "HWGEN_CACHE": NOWHERE, "PYTHONPATH": path}
    message = refused(homeless.run(*VERBS["synth"], **places))
    assert "set TMPDIR to a folder that can" in message
    message = refused(homeless.run(*VERBS["generate"], **places))
    assert "set TMPDIR to a folder that can" in message
    assert not (homeless.root / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["verilator", "route"])
def test_the_home_cannot_be_written_and_the_tools_are_new(homeless, monkeypatch, verb):
    """The YoWASP programs compile themselves, which takes half a minute each; what places and
    routes synthesises first."""
    monkeypatch.delenv("YOWASP_CACHE_DIR")
    done = homeless.run(*VERBS[verb], HOME=NOWHERE, HWGEN_CACHE=NOWHERE)
    assert done.returncode == 0, done.stderr

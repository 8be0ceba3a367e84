"""A package that is not what was generated is not used, unless its user says that it may differ."""

import json
import shutil

import pytest
from typer.testing import CliRunner

import hwgen
from hwgen import building
from hwgen.building import bitstream
from hwgen.cli import app
from hwgen.cost import figures
from hwgen.errors import StoreError
from hwgen.network import load, save
from hwgen.package.hashes import with_hashes
from support.known import chain_of

NETWORK = chain_of(["one"], seed=3)
OTHER = chain_of(["one"], seed=4)


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """Of a board, with models of its cells."""
    plan = hwgen.plan(NETWORK, target="ulx3s-85f", goal="min area")
    package = hwgen.generate(plan, tmp_path_factory.mktemp("hashes") / "net")
    assert package.manifest.primitives
    return package


@pytest.fixture
def folder(original, tmp_path):
    return shutil.copytree(original.folder, tmp_path / "net")


def comment(folder, name):
    """Change a file in a byte that means nothing: it is the file that is checked."""
    path = folder / name
    path.write_bytes(path.read_bytes().replace(b"This code is yours", b"This code is mine."))


def spoil(folder, what):
    """Change the file of one kind, and return its name."""
    manifest = json.loads((folder / "manifest.json").read_text())
    if what == "verilog":
        comment(folder, manifest["verilog"])
        return manifest["verilog"]
    if what == "network":
        save(OTHER, folder / manifest["network"])
        return manifest["network"]
    name = manifest["primitives"][0]
    (folder / name).write_bytes((folder / name).read_bytes() + b"\n")
    return name


def uses(folder, **changed):
    """Return every way in which a package is used."""
    package = hwgen.Package(folder, **changed)
    frame = OTHER.quantize([[[[0.0] * 3] * 3] * 2])

    def board():
        with package.simulated_board():
            pass

    return {
        "simulate": lambda: package.simulate(frame),
        "simulate, netlist": lambda: package.simulate(frame, stage="netlist"),
        "estimate": lambda: package.cost("estimate"),
        "synth": lambda: package.cost("synth"),
        "route": lambda: package.cost("route"),
        "the host's network": lambda: package.network,
        "a board": board,
        "build": lambda: hwgen.build(folder, folder.parent / "out", **changed),
    }


@pytest.mark.parametrize("what", ["verilog", "network", "primitive"])
def test_nothing_uses_what_was_changed(folder, what):
    name = spoil(folder, what)
    assert hwgen.Package(folder).changed == (name,)
    for how, use in uses(folder).items():
        with pytest.raises(StoreError) as caught:
            use()
        text = str(caught.value)
        assert f"{name} is not what was generated" in text and "--changed" in text, how


@pytest.fixture
def started(monkeypatch):
    """Stop where the tools would begin; remember the text and manifest that get so far."""
    found = []

    class Enough(Exception):
        pass

    def stop(*arguments, **options):
        found.append((arguments, options))
        raise Enough

    for module, name in (
        (hwgen.api, "run_simulation"),
        (figures, "synthesise_package"),
        (bitstream, "board_design"),
        (building, "core_parameters"),
    ):
        monkeypatch.setattr(module, name, stop)
    return found, Enough


@pytest.mark.parametrize("what", ["verilog", "network", "primitive"])
def test_a_users_own_change_is_used(folder, what, started):
    name = spoil(folder, what)
    calls, enough = started
    ways = uses(folder, changed=True)
    assert ways.pop("estimate")().luts and ways.pop("the host's network")
    for use in ways.values():
        with pytest.raises(enough):
            use()
    assert len(calls) == len(ways)
    package = hwgen.Package(folder, changed=True)
    assert package.changed == (name,)
    if what == "network":  # the board says, and the host knows, which network it is by now
        assert package.network == OTHER
        described = building.describe(with_hashes(folder, package.manifest))
        assert described.digest.hex() == load(folder / name).digest == OTHER.digest


def test_what_was_generated_is_used(folder, started):
    calls, enough = started
    ways = uses(folder)
    assert ways.pop("estimate")().luts and ways.pop("the host's network")() == NETWORK
    for use in ways.values():
        with pytest.raises(enough):
            use()
    assert len(calls) == len(ways) and hwgen.Package(folder).changed == ()


def test_a_manifest_without_a_files_hash(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["files"][manifest["verilog"]]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(StoreError, match="net.v is not what was generated"):
        hwgen.Package(folder).cost("estimate")


def test_several_are_named(folder):
    first, second = spoil(folder, "verilog"), spoil(folder, "network")
    with pytest.raises(StoreError, match=f"{first}, {second} are not what was generated"):
        hwgen.Package(folder).cost("estimate")


@pytest.mark.parametrize(
    "words",
    [
        ("cost", "--stage", "estimate"),
        ("report", "-o", "page.html"),
        ("simulate", "--frames", "1"),
        ("build", "-o", "out"),
    ],
)
def test_the_shell(words, folder, monkeypatch, tmp_path, started):
    monkeypatch.chdir(tmp_path)
    name = spoil(folder, "verilog")
    verb, *options = words
    result = CliRunner().invoke(app, [verb, "net", *options])
    assert isinstance(result.exception, StoreError) and name in str(result.exception)
    assert not (tmp_path / "page.html").exists()
    result = CliRunner().invoke(app, [verb, "net", *options, "--changed"])
    assert not isinstance(result.exception, StoreError), result.exception
    assert f"Not what was generated, as --changed allows: {name}" in result.output

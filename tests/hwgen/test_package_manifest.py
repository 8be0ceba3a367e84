"""A manifest is data that anybody may have written: read whole, or refused."""

import copy
import json
import shutil

import numpy as np
import pytest

import hwgen
from hwgen.errors import HwgenError, StoreError
from hwgen.package.folder import read_package
from hwgen.package.manifest import read_manifest, write_manifest
from support.networks import random_network
from support.whole import planned


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return hwgen.generate(planned(random_network(4)), tmp_path_factory.mktemp("m") / "net")


@pytest.fixture
def package(original, tmp_path):
    shutil.copytree(original.folder, tmp_path / "net")
    return hwgen.Package(tmp_path / "net")


def plain(package):
    """Return the manifest of a package as plain values, to be changed."""
    return package.manifest.to_json()


def write(package, manifest):
    text = manifest if isinstance(manifest, str) else json.dumps(manifest)
    (package.folder / "manifest.json").write_text(text)


def at(manifest, path):
    """Return the container and the key of a field such as ("layers", 0, "bits")."""
    for part in path[:-1]:
        manifest = manifest[part]
    return manifest, path[-1]


def paths(value, prefix=()):
    """Return the path of every field at every depth."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for key, inner in items:
        found.append((*prefix, key))
        if isinstance(inner, (dict, list)):
            found += paths(inner, (*prefix, key))
    return found


def refused(package, match):
    with pytest.raises(StoreError, match=match) as caught:
        hwgen.Package(package.folder)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 700
    with pytest.raises(HwgenError):
        read_manifest(package.folder)


def test_what_is_written_is_read(original, tmp_path):
    text = (original.folder / "manifest.json").read_text()
    assert read_manifest(original.folder).to_json() == json.loads(text)
    write_manifest(read_manifest(original.folder), tmp_path)
    assert (tmp_path / "manifest.json").read_text() == text


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "cannot be read"),
        ("{", "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        ("9" * 5000, "cannot be read"),
        ("null", "was not written by hwgen"),
        ("[]", "was not written by hwgen"),
        ("{}", "was not written by hwgen"),
        ('{"generator": "hwgen"}', "spec version must be 4, not None"),
        ('{"generator": "hwgen", "spec_version": true}', "spec version must be 4, not True"),
        ('{"generator": "hwgen", "spec_version": 3}', "spec version must be 4, not 3"),
        ('{"generator": "hwgen", "spec_version": 4}', "is missing"),
    ],
)
def test_other_texts(package, text, match):
    write(package, text)
    refused(package, match)


def test_bytes_that_are_no_text(package):
    (package.folder / "manifest.json").write_bytes(b"\xff\xfe\x00{")
    refused(package, "cannot be read")


def test_no_package_at_all(tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere", "/dev/null"):
        with pytest.raises(StoreError, match="is not a package"):
            hwgen.Package(folder)


def test_a_manifest_that_is_a_folder(package):
    (package.folder / "manifest.json").unlink()
    (package.folder / "manifest.json").mkdir()
    refused(package, "must be a file, not a folder")


@pytest.mark.parametrize("field", ["verilog", "network"])
@pytest.mark.parametrize(
    "value",
    ["/etc/passwd", "../net/net.v", "a/../../x", "", ".", "..", "a//b", "a\0b", "a\nb", "C:\\x", 3]
    + [None, ["net.v"], "x" * 5000],
)
def test_files_outside_are_refused(package, field, value):
    manifest = plain(package)
    manifest[field] = value
    write(package, manifest)
    refused(package, f"{field} must be the path of a file inside the package")


@pytest.mark.parametrize("field", ["verilog", "network"])
@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "."])
def test_links_that_lead_out_are_refused(package, field, target):
    (package.folder.parent / "outside").write_text("secret")
    path = package.folder / getattr(package.manifest, field)
    path.unlink()
    path.symlink_to(target)
    refused(package, f"{field} must be a file inside the package")


def test_a_linked_folder_that_leads_out_is_refused(package):
    (package.folder / "vectors" / "x").symlink_to("/etc")
    manifest = plain(package) | {"network": "vectors/x/passwd"}
    write(package, manifest)
    refused(package, "network must be a file inside the package")


def test_a_loop_of_links(package):
    path = package.folder / "loop"
    path.symlink_to("loop")
    write(package, plain(package) | {"verilog": "loop"})
    refused(package, "verilog names loop, which is missing")


def test_a_missing_file_is_named(package):
    package.verilog.unlink()
    refused(package, "verilog names net.v, which is missing")


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "", "a/./b"])
def test_listed_files_outside_are_refused(package, name):
    manifest = plain(package)
    manifest["files"][name] = "0" * 64
    write(package, manifest)
    refused(package, "A key of files must be the path of a file inside the package")


@pytest.mark.parametrize(
    ("path", "value", "match"),
    [
        ("top", "net; $finish", "top must be a Verilog identifier"),
        ("top", "net\n", "top must be a Verilog identifier"),
        ("clock_hz", 0, "clock_hz must be an integer"),
        ("clock_hz", 1e8, "clock_hz must be an integer"),
        ("clock_hz", 10**400, "clock_hz must be an integer"),
        ("inputs.0.lanes", True, r"inputs\[0\].lanes must be an integer"),
        ("inputs.0.lanes", 10**12, r"inputs\[0\].lanes must be an integer"),
        ("inputs.0.beats", 3, r"inputs\[0\] contradicts itself"),
        ("inputs.0.shape", [], r"inputs\[0\].shape must be a list"),
        ("inputs.0.scale", [float("nan")], r"inputs\[0\].scale\[0\] must be a number"),
        ("inputs.0.scale", [0.0], r"inputs\[0\].scale\[0\] must be a number"),
        ("outputs.0.tdata_bits", 1, r"outputs\[0\] contradicts itself"),
        ("outputs.0.format", 3, r"outputs\[0\].format must be text"),
        ("outputs", [], "outputs must be a list"),
        ("inputs.0.port", "s axis", r"inputs\[0\].port must be a Verilog identifier"),
        ("layers", [], "layers must be a list"),
        ("layers.1.folding.pe", -1, r"layers\[1\].folding.pe must be an integer of \[0, "),
        ("layers.1.folding.skip", "x", r"layers\[1\].folding.skip must be an integer"),
        ("layers.1.folding.implementation", "x", r"layers\[1\].folding.implementation must be one"),
        ("layers.1.beats", 1000, r"layers\[1\] contradicts itself in lanes, bits, beats"),
        ("layers.0.tdata_bits", 8, r"A field of layers\[0\] must be one that hwgen knows"),
        ("more", 1, "A field must be one that hwgen knows, not 'more'"),
        ("rom", "flash", "rom must be one of initial, case, not 'flash'"),
        ("versions", {"hwgen": 1}, r"versions\['hwgen'\] must be text, not 1"),
        ("\ud800", 1, "A field must be one that hwgen knows"),
        ("rom", "\ud800", "rom must be one of initial, case"),
        ("inputs.0.range", [1], r"inputs\[0\].range must be a list of 2"),
        ("layers.0", None, r"layers\[0\] must be a table"),
        ("layers.0.path", ["a b"], r"layers\[0\].path\[0\] must be a Verilog identifier"),
        ("layers.1.payload", "x) , .y(", r"layers\[1\].payload must be a Verilog identifier"),
        ("predicted.interval", 0, "predicted.interval must be an integer"),
        ("predicted.useful_share", float("inf"), "predicted.useful_share must be a number"),
        ("estimate.luts", -1, "estimate.luts must be an integer"),
        ("files", ["net.v"], "files must be a table"),
        ("files", {"net.v": "short"}, "must be a SHA-256"),
    ],
)
def test_wrong_values_are_named(package, path, value, match):
    manifest = plain(package)
    way = tuple(int(part) if part.isdigit() else part for part in path.split("."))
    container, key = at(manifest, way)
    container[key] = value
    write(package, manifest)
    refused(package, match)


def test_two_ends_of_one_port_are_refused(package):
    manifest = plain(package)
    manifest["outputs"] *= 2
    write(package, manifest)
    refused(package, "outputs must each have a port of their own")


OPEN = {"versions", "files", "folding", "estimate"}  # tables with keys of their own


def test_every_field_is_needed(package):
    """Whatever is left out, nobody ends in a KeyError."""
    for path in paths(plain(package)):
        manifest = plain(package)
        container, key = at(manifest, path)
        if not isinstance(container, dict):
            continue
        del container[key]
        write(package, manifest)
        try:
            works(package)
        except HwgenError:
            continue
        assert OPEN & set(path[:-1]), f"without {path} all works; why is it there?"


def works(package):
    """Use a package in every way that starts no tool."""
    opened = hwgen.Package(package.folder)
    json.dumps(opened.cost("estimate").to_json())
    assert opened.network.input.shape
    assert opened.verilog.read_text() and not opened.changed
    read_package(opened.folder)


OTHERS = (
    *(None, True, False, 0, -1, 1, 2, 7, 65, 2**31, 2**63, 2**64, 10**40, -(10**40), 0.5, 1e308),
    *(float("nan"), float("inf"), "", "0", "a", "../../etc/passwd", "/dev/zero", "\x00", "\ud800"),
    *("`touch x`", "$(touch x)", "x" * 10_000, [], [[]], {}, {"a": []}, [1, 2, 3], [0], [2**70]),
)


def mutate(manifest, rng):
    """Change a field or two: another value, none, somebody else's, or one too many."""
    for _ in range(rng.integers(1, 3)):
        everywhere = paths(manifest)
        container, key = at(manifest, everywhere[rng.integers(len(everywhere))])
        kind = rng.integers(4)
        if kind == 0:
            del container[key]
        elif kind == 1:
            source, name = at(manifest, everywhere[rng.integers(len(everywhere))])
            try:
                container[key] = copy.deepcopy(source[name])
            except (KeyError, IndexError, TypeError):  # one of what was deleted before
                container[key] = None
        elif kind == 2 and isinstance(container[key], int):
            container[key] += int(rng.choice([-1, 1, 256]))
        else:
            container[key] = OTHERS[rng.integers(len(OTHERS))]


def test_mutations_are_refused_or_harmless(package):
    """200 of them, each of which ends in HwgenError or in a package that still works."""
    fine = 0
    for seed in range(200):
        manifest = plain(package)
        mutate(manifest, np.random.default_rng(seed))
        write(package, manifest)
        try:
            works(package)
            fine += 1
        except HwgenError as error:
            assert len(str(error)) < 2000, f"seed {seed}"
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error!r}") from error
    assert 5 < fine < 150, "mutations that are all refused, or never, test nothing"


def test_mutated_bytes(package):
    """Bytes lost, doubled and changed."""
    data = (package.folder / "manifest.json").read_bytes()
    for seed in range(200):
        rng = np.random.default_rng(seed)
        spoilt = bytearray(data)
        where, what = int(rng.integers(len(data))), int(rng.integers(3))
        if what == 0:
            spoilt = spoilt[:where]
        elif what == 1:
            spoilt[where] = int(rng.integers(256))
        else:
            spoilt[where:where] = spoilt[where : where + int(rng.integers(1, 40))]
        (package.folder / "manifest.json").write_bytes(spoilt)
        try:
            works(package)
        except HwgenError:
            continue
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error!r}") from error

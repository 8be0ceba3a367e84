"""What vendors' tools take of a package says of its ports what the manifest says."""

import re
import xml.etree.ElementTree as ElementTree

import pytest
from peakrdl_ipxact import IPXACTImporter
from systemrdl import RDLCompiler

import hwgen
from hwgen.codegen.vendors import SPIRIT, interfaces_of
from hwgen.package.system import system_of
from support.known import chain_of

BORDERS = ("axis", "axi", "wishbone")


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """A package with each border."""
    plan = hwgen.plan(chain_of(["one"]), target="ice40-hx8k", goal="min area")
    folder = tmp_path_factory.mktemp("vendors")
    return {
        kind: hwgen.generate(plan, folder / kind, border=kind, reset_low=kind == "axi")
        for kind in BORDERS
    }


def _all(root, path):
    return [found.text for found in root.iterfind(path, {"s": SPIRIT})]


@pytest.mark.parametrize("kind", BORDERS)
def test_ip_xact_has_every_port_and_register(packages, kind):
    package = packages[kind]
    manifest = package.manifest
    path = package.folder / "vendor" / "component.xml"
    root = ElementTree.parse(path).getroot()
    ports = manifest.border.ports
    assert _all(root, "s:model/s:ports/s:port/s:name") == [port.name for port in ports]
    mapped = _all(root, "s:busInterfaces/s:busInterface//s:physicalPort/s:name")
    assert mapped == [
        port.name
        for each in interfaces_of(manifest)
        for port in each.ports.values()
        if each.kind != "wishbone"
    ]
    if kind == "axis":
        return
    compiler = RDLCompiler()  # PeakRDL's importer, of whose exporter they are
    IPXACTImporter(compiler).import_file(str(path))
    compiler.compile_file(str(package.folder / "registers" / f"{manifest.top}_regs.rdl"))
    registers = system_of(manifest, bytes(8)).registers.registers
    (found,) = compiler.elaborate(f"{manifest.top}_regs").children()
    assert {(r.inst_name, r.address_offset) for r in found.registers()} == {
        (register.name, register.address) for register in registers
    }


def test_scripts_name_every_port(packages):
    for package in packages.values():
        manifest = package.manifest
        script = (package.folder / "vendor" / f"{manifest.top}_hw.tcl").read_text()
        named = re.findall(r"^add_interface_port \w+ (\w+) \w+ (Input|Output) (\d+)$", script, re.M)
        ports = manifest.border.ports
        way = {True: "Input", False: "Output"}
        assert sorted(named) == sorted((p.name, way[p.enters], str(p.bits)) for p in ports)
        vivado = (package.folder / "vendor" / "package_ip.tcl").read_text()
        assert f"../{manifest.verilog}" in vivado and "hwgen has not run it" in vivado


def test_the_verilog_says_what_names_do_not(packages):
    for package in packages.values():
        text, border = package.verilog.read_text(), package.manifest.border
        level = "LOW" if border.reset_low else "HIGH"
        assert f'"POLARITY ACTIVE_{level}" *)\n  input  wire {border.reset.name}' in text
        named = [each.name for each in interfaces_of(package.manifest) if each.kind != "wishbone"]
        buses = f"ASSOCIATED_BUSIF {':'.join(named)}, " if named else ""
        assert f'"{buses}ASSOCIATED_RESET {border.reset.name}" *)\n  input  wire clk' in text
        assert text.count("X_INTERFACE_INFO") == 2 + bool(border.others)

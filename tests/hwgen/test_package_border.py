"""The border of a package: what is read off it is what the Verilog has."""

import re

import numpy as np
import pytest

import hwgen
from hwgen.building.core import core_parameters
from hwgen.codegen import registers
from hwgen.codegen.entries import border_of
from hwgen.errors import BoardError, HwgenError, ToolError
from hwgen.formats import Fixed
from hwgen.network import Input, Linear
from hwgen.package.border import axi4_stream
from hwgen.package.stream_format import StreamFormat
from hwgen_boards import BOARDS
from support.commands import hwgen as command
from support.ends import two_ends
from support.known import chain_of
from support.networks import chain

WEIGHT = np.array([[8000, -3, 1, 0, 5], [-8000, 8000, 7, 1, 0], [1, 2, 3, -8000, 4]])
BIAS = np.array([100, -100, 0])
X = StreamFormat(2, 3, True, 8, (3, 2, 2), (3, 2, 2))
Y = StreamFormat(1, 1, False, 8, (4,), (4, 1, 1))


def _ports(package):
    name = package.manifest.top
    (module,) = re.findall(rf"^module {name} \((.*?)\);", package.verilog.read_text(), re.S | re.M)
    found = re.findall(r"(in|out)put +(?:wire|reg) *(?:\[(\d+):0\] )?(\w+)", module)
    return {(name, way, int(top or 0) + 1) for way, top, name in found}


def test_its_ports_are_those_of_the_verilog(tmp_path):
    plan = hwgen.plan(chain_of(["one"]), target="ice40-hx8k", goal="min area")
    package = hwgen.generate(plan, tmp_path / "net")
    border = package.manifest.border
    assert border == border_of(plan)
    assert _ports(package) == {(port.name, port.direction, port.bits) for port in border.ports}


def test_pins_are_named_bit_by_bit():
    pins = axi4_stream({"s_axis": X}, {"m_axis": Y}, "clk", "rst").pins
    assert pins[:3] == ("clk", "rst", "s_axis_tdata[0]") and pins[9] == "s_axis_tdata[7]"
    assert len(set(pins)) == len(pins) == 8 + 8 + 2 * 3 + 5


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("axis", {"width": 16, "reset_low": True}),
        ("axi", {"width": 64, "address_bits": 40}),
        ("wishbone", {"elements": "dense", "reset_low": True}),
    ],
)
def test_ports_of_every_border_are_those_of_the_verilog(tmp_path, kind, more):
    plan = hwgen.plan(chain_of(["one"]), target="ice40-hx8k", goal="min area")
    package = hwgen.generate(plan, tmp_path / "net", border=kind, **more)
    border = package.manifest.border
    assert border.kind == kind and border.reset.name == ("rst_n" if "reset_low" in more else "rst")
    assert _ports(package) == {(port.name, port.direction, port.bits) for port in border.ports}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"border": "ahb"}, "Border must be axis, axi or wishbone, not ahb"),
        ({"width": 24}, "Width must be one of 8, 16, 32, 64, 128 bits, not 24"),
        ({"elements": "bits"}, "Elements must be bytes or dense, not bits"),
        ({"address_bits": 65}, "Address bits must be 16 to 64, not 65"),
    ],
)
def test_borders_that_there_are_not(tmp_path, more, message):
    plan = hwgen.plan(chain_of(["one"]), target="ice40-hx8k", goal="min area")
    with pytest.raises(HwgenError, match=message):
        hwgen.generate(plan, tmp_path / "net", **more)
    assert not (tmp_path / "net").exists()


@pytest.mark.parametrize("more", [{"border": "axi"}, {"reset_low": True}])
def test_boards_speak_axi4_stream(tmp_path, more):
    """And say so of anything else."""
    plan = hwgen.plan(chain_of(["one"]), target="icebreaker", goal="min area")
    package = hwgen.generate(plan, tmp_path / "net", **more)
    with pytest.raises(BoardError, match="must have a package with AXI4-Stream around it"):
        core_parameters(package.manifest, BOARDS["icebreaker"], 12_000_000)


def test_from_the_command_line(tmp_path):
    """What is asked for is in the package, and its README tells what is around it."""
    chain_of(["one"]).save(tmp_path / "net.net")
    choices = ("--border", "wishbone", "--width", "64", "--elements", "dense", "--reset-low")
    given = ("generate", "net.net", "--target", "icebreaker")
    done = command(*given, *choices, "--address-bits", "40", "-o", "bus", cwd=tmp_path)
    assert "; top module bus" in done.replace("\n", " ")
    manifest = hwgen.Package(tmp_path / "bus").manifest
    assert manifest.bus.kind == "wishbone" and manifest.bus.width == 64 and manifest.reset_low
    assert manifest.bus.address_bits == 40 and manifest.inputs[0].slot == manifest.inputs[0].bits
    readme = (tmp_path / "bus" / "README.md").read_text()
    for file in ("driver/bus.h", "driver/bus_linux.h", "registers/bus_regs.rdl"):
        assert file in readme and (tmp_path / "bus" / file).is_file()
    refused = command(*given, "--width", "12", "-o", "no", cwd=tmp_path, status=1)
    assert "Width must be one of 8, 16, 32, 64, 128 bits, not 12" in refused.replace("\n", " ")


def test_a_missing_package_is_said_before_anything_is_made(tmp_path, monkeypatch):
    monkeypatch.setattr(registers, "NEEDED", ("no_such_package",))
    plan = hwgen.plan(chain_of(["one"]), target="icebreaker", goal="min area")
    with pytest.raises(ToolError, match=r"no_such_package is missing, .*pip install .*\[soc\]"):
        hwgen.generate(plan, tmp_path / "net", border="axi")
    assert not (tmp_path / "net").exists()
    hwgen.generate(plan, tmp_path / "net")


def test_several_inputs_take_streams(tmp_path):
    plan = hwgen.plan(two_ends(), target="ulx3s-85f", goal="min area")
    with pytest.raises(HwgenError, match="Border must be axis for 2 inputs and 2 outputs, not axi"):
        hwgen.generate(plan, tmp_path / "net", border="axi")


def test_elements_over_several_words_are_read_right(tmp_path):
    """The example of the README, of elements that begin and end anywhere."""
    network = chain(Input((5,), Fixed(4), [1.0]), Linear(WEIGHT, BIAS, Fixed(14), [1.0]))
    plan = hwgen.plan(network, target="ulx3s-85f", goal="min area")
    package = hwgen.generate(plan, tmp_path / "net", width=8, elements="dense")
    (end,) = package.manifest.outputs
    assert end.bits > 16  # of some elements bits are in four words
    text = (tmp_path / "net" / "README.md").read_text()
    rows = re.findall(r"^\| (\d+) \| \d+ \| \d+:\d+ \| `(\w+)` \| (-?\d+) \|", text, re.MULTILINE)
    assert len(rows) == 3
    for channel, digits, element in rows:
        assert int(digits, 16) == int(element) % (1 << end.bits), channel

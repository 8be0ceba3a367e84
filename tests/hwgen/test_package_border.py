"""The border of a package: what is read off it is what the Verilog has."""

import re

import pytest

import hwgen
from hwgen.building.core import core_parameters
from hwgen.codegen.entries import border_of
from hwgen.errors import HwgenError, SimulationError
from hwgen.package.border import BorderKind, axi4_stream, plain_streams
from hwgen.package.manifest import Manifest
from hwgen.package.stream_format import StreamFormat
from hwgen.simulation.harness import ends
from hwgen_boards import BOARDS
from support.known import chain_of
from support.toys import toy_manifest

X = StreamFormat(2, 3, True, 8, (3, 2, 2), (3, 2, 2))
Y = StreamFormat(1, 1, False, 8, (4,), (4, 1, 1))


def test_its_ports_are_those_of_the_verilog(tmp_path):
    plan = hwgen.plan(chain_of(["one"]), target="ice40-hx8k", goal="min area")
    package = hwgen.generate(plan, tmp_path / "net")
    border = package.manifest.border
    assert border == border_of(plan)
    (module,) = re.findall(r"^module net \((.*?)\);", package.verilog.read_text(), re.S | re.M)
    found = re.findall(r"(in|out)put +wire (?:\[(\d+):0\] )?(\w+)", module)
    ports = {(name, way, int(top or 0) + 1) for way, top, name in found}
    assert ports == {(port.name, port.direction, port.bits) for port in border.ports}


def test_pins_are_named_bit_by_bit():
    pins = axi4_stream({"s_axis": X}, {"m_axis": Y}, "clk", "rst").pins
    assert pins[:3] == ("clk", "rst", "s_axis_tdata[0]") and pins[9] == "s_axis_tdata[7]"
    assert len(set(pins)) == len(pins) == 8 + 8 + 2 * 3 + 5


def test_a_core_without_anything_around_it():
    """Its beats are as wide as their elements, and a single bit has no number."""
    border = plain_streams({"i": X}, {"o": Y}, "clk", "rst")
    assert border.kind == BorderKind.STREAMS
    assert [(port.name, port.direction, port.bits) for port in border.signals] == [
        *(("i__payload", "in", 6), ("i__valid", "in", 1), ("i__ready", "out", 1)),
        *(("o__payload", "out", 1), ("o__valid", "out", 1), ("o__ready", "in", 1)),
    ]
    assert border.pins[-3:] == ("o__payload", "o__valid", "o__ready")


def test_what_is_around_it_has_to_speak_its_language(monkeypatch):
    """Harness and boards speak AXI4-Stream, and say so of anything else."""
    plain = plain_streams({"i": X}, {"o": Y}, "clk", "rst")
    with pytest.raises(SimulationError, match="must be axi4-stream to be simulated, not streams"):
        ends(plain)
    monkeypatch.setattr(Manifest, "border", property(lambda manifest: plain))
    with pytest.raises(HwgenError, match="must have a package with AXI4-Stream around it"):
        core_parameters(toy_manifest(), BOARDS["icebreaker"], 12_000_000)


def test_what_the_harness_puts_at_the_ends():
    text = ends(axi4_stream({"s_axis_a": X, "s_axis_b": Y}, {"m_axis": X}, "clk", "rst"))
    assert "wire [2:0] moves;" in text and "wire [0:0] finished;" in text
    sources = re.findall(r"hwgen_source #\((.*?)\) source_", text)
    assert sources == [
        '.NUMBER(0), .FILE("stimulus_0.bin"), .BITS(8), .BEATS(8)',
        '.NUMBER(1), .FILE("stimulus_1.bin"), .BITS(8), .BEATS(4)',
    ]
    (sink,) = re.findall(r"hwgen_sink #\((.*?)\) sink_", text)
    assert sink == (
        '.NUMBER(0), .FILE("output_0.hex"), .BITS(8), .BEATS(8), .GROUPS(2), '
        ".USED(6), .USED_LAST(3)"
    )
    assert ".s_axis_b_tdata(s_axis_b_tdata)" in text and ".user(m_axis_tuser)" in text

"""The testbench of a package, on a design of a few lines: what it passes and what it fails."""

import random
import subprocess

import pytest
from msgspec.structs import replace

from hwgen.codegen.testbench import testbench as bench_of
from hwgen.package.manifest import Predicted
from hwgen.package.stream_format import StreamFormat
from support.toys import border_stream, toy_manifest

FRAMES, CHANNELS, PIXELS = 3, 5, 2  # two lanes of four bits: a pixel's last beat is half used
BEATS = PIXELS * 3
STREAM = border_stream(StreamFormat(2, 4, True, 8, (CHANNELS, 1, PIXELS), (CHANNELS, 1, PIXELS)))
PREDICTED = Predicted(BEATS, BEATS, BEATS, 1.0, 0.0, ())
MANIFEST = replace(
    toy_manifest(),
    top="wire_through",
    inputs=(STREAM,),
    outputs=(replace(STREAM, port="m_axis"),),
    predicted=PREDICTED,
)
DESIGN = """\
module wire_through (
  input wire clk, input wire rst,
  input wire [7:0] s_axis_tdata, input wire s_axis_tvalid, output wire s_axis_tready,
  input wire s_axis_tlast,
  output wire [7:0] m_axis_tdata, output wire m_axis_tvalid, input wire m_axis_tready,
  output wire m_axis_tlast, output wire m_axis_tuser,
  output wire frame_error, input wire frame_error_clear
);
  reg [2:0] beat = 0;
  always @(posedge clk)
    if (rst) beat <= 0;
    else if (s_axis_tvalid && m_axis_tready) beat <= beat == 5 ? 0 : beat + 1;
  wire last_of_pixel = beat % 3 == 2;
  assign s_axis_tready = m_axis_tready;
  assign m_axis_tvalid = s_axis_tvalid;
  assign m_axis_tlast = @LAST@;
  assign m_axis_tdata = s_axis_tdata ^ (@FAULT@);
  assign frame_error = 0;
  assign m_axis_tuser = 0;
endmodule
"""


def verdict(folder, last="beat == 5", fault="8'h00"):
    """Return what the testbench says of the design with a TLAST and bits that are turned over."""
    (folder / "vectors").mkdir()
    rng = random.Random(0)
    text = "".join(f"{rng.getrandbits(8):02x}\n" for _ in range(FRAMES * BEATS))
    for name in ("input", "output"):
        (folder / "vectors" / f"{name}.hex").write_text(text)
    (folder / "tb.v").write_text(bench_of(MANIFEST, FRAMES))
    (folder / "dut.v").write_text(DESIGN.replace("@LAST@", last).replace("@FAULT@", fault))
    top = "wire_through__tb"
    command = ["iverilog", "-g2005", "-s", top, "-o", "tb.vvp", "tb.v", "dut.v"]
    subprocess.run(command, cwd=folder, check=True)
    done = subprocess.run(
        ["vvp", "-N", "tb.vvp", "+stall=30", "+seed=3"], cwd=folder, capture_output=True, text=True
    )
    assert (done.returncode == 0) == done.stdout.startswith("PASS"), done.stdout
    return done.stdout


@pytest.mark.parametrize("fault", ["8'h00", "last_of_pixel ? 8'hf0 : 8'h00"])
def test_what_is_right_passes(fault, tmp_path):
    """Lanes beyond a pixel's channels mean nothing."""
    assert verdict(tmp_path, fault=fault).startswith(f"PASS: {FRAMES * BEATS} beats equal")


@pytest.mark.parametrize(
    ("last", "fault", "says"),
    [
        ("1'b0", "8'h00", "m_axis_tlast must be 1, not 0 (frame 0, beat 5"),
        ("beat == 4", "8'h00", "m_axis_tlast must be 0, not 1 (frame 0, beat 4"),
        ("beat == 5", "last_of_pixel ? 8'h01 : 8'h00", "lane 0 (channel 4) must be"),
        ("beat == 5", "beat == 4 ? 8'h80 : 8'h00", "lane 1 (channel 3) must be"),
    ],
)
def test_what_is_wrong_fails(last, fault, says, tmp_path):
    found = verdict(tmp_path, last, fault)
    assert found.startswith("FAIL: ") and says in found, found

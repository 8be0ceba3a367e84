"""The testbench of a package: plain Verilog that checks itself, for people without Python."""

__all__ = ["testbench"]

from hwgen.package.manifest import Manifest

_TEXT = """\
// Testbench of @TOP@: sends the frames of vectors/input.hex, back to back, and compares what comes
// out with vectors/output.hex. Ends with one line, `PASS: ...` or `FAIL: ...`; status 1 on FAIL.
//
//   +stall=P         chance of a stall in each cycle at both ends, in per cent, 0 to 95
//   +seed=N          of the stalls
//   +waves=FILE.vcd  writes a waveform
//
// A line of the vectors is a beat. An output pixel takes GROUPS beats of OUT_LANES lanes; lanes of
// its last beat beyond the pixel's channels mean nothing, and are not compared.
`timescale 1ns / 1ps
`default_nettype none

module @TOP@__tb;
  localparam FRAMES = @FRAMES@;
  localparam IN_BITS = @IN_BITS@;        // of a beat
  localparam IN_BEATS = @IN_BEATS@;      // of a frame
  localparam OUT_BITS = @OUT_BITS@;
  localparam OUT_BEATS = @OUT_BEATS@;
  localparam OUT_LANES = @OUT_LANES@;    // elements of a beat
  localparam LANE_BITS = @LANE_BITS@;    // of an element
  localparam CHANNELS = @CHANNELS@;      // of an output pixel
  localparam GROUPS = @GROUPS@;          // beats of an output pixel
  localparam PATIENCE = @PATIENCE@;      // cycles without a beat that are too many
  localparam TAIL = 64;         // cycles to watch for beats that nobody asked for

  reg [IN_BITS-1:0]  inputs [0:FRAMES*IN_BEATS-1];
  reg [OUT_BITS-1:0] outputs [0:FRAMES*OUT_BEATS-1];

  reg clk = 1'b0;
  reg rst = 1'b1;
  always #5 clk = !clk;

  integer sent = 0;             // beats taken by the accelerator
  integer got = 0;              // beats it gave
  integer idle = 0;
  integer tail = 0;
  integer reset_cycles = 0;
  integer stall = 0;
  integer seed = 1;
  integer random;               // state of the stalls
  integer patience;
  reg     over = 1'b0;
  reg     offered = 1'b0;
  reg     ready = 1'b0;
  reg [8*256-1:0] waves;

  // Outside of a transfer the wires hold noise: a design that looks then is found out.
  wire [IN_BITS-1:0] here = inputs[sent < FRAMES * IN_BEATS ? sent : 0];
  wire [IN_BITS-1:0] s_axis_tdata = offered ? here : ~here;
  wire               s_axis_tlast = (sent % IN_BEATS == IN_BEATS - 1) == offered;
  wire               s_axis_tready;
  wire [OUT_BITS-1:0] m_axis_tdata;
  wire               m_axis_tvalid;
  wire               m_axis_tlast;
  wire               m_axis_tuser;
  wire               frame_error;

  @TOP@ dut (
    .clk(clk), .rst(rst),
    .s_axis_tdata(s_axis_tdata), .s_axis_tvalid(offered),
    .s_axis_tready(s_axis_tready), .s_axis_tlast(s_axis_tlast),
    .m_axis_tdata(m_axis_tdata), .m_axis_tvalid(m_axis_tvalid),
    .m_axis_tready(ready), .m_axis_tlast(m_axis_tlast),
    .m_axis_tuser(m_axis_tuser), .frame_error(frame_error), .frame_error_clear(1'b0)
  );

  integer index;
  initial begin
    if (!$value$plusargs("stall=%d", stall)) stall = 0;
    if (!$value$plusargs("seed=%d", seed)) seed = 1;
    random = seed;
    if (stall < 0) stall = 0;
    if (stall > 95) stall = 95;
    patience = PATIENCE * (100 / (100 - stall) + 1) * (100 / (100 - stall) + 1);
    if ($value$plusargs("waves=%s", waves)) begin
      $dumpfile(waves);
      $dumpvars(0, @TOP@__tb);
    end
    $readmemh("vectors/input.hex", inputs);
    $readmemh("vectors/output.hex", outputs);
    for (index = 0; index < FRAMES * IN_BEATS; index = index + 1)
      if (^inputs[index] === 1'bx) begin
        if (!over) $display("FAIL: vectors/input.hex holds no hexadecimal beat %0d", index);
        fail;
      end
    for (index = 0; index < FRAMES * OUT_BEATS; index = index + 1)
      if (^outputs[index] === 1'bx) begin
        if (!over) $display("FAIL: vectors/output.hex holds no hexadecimal beat %0d", index);
        fail;
      end
  end

  task fail;
    begin
      over = 1'b1;
`ifdef __ICARUS__
      $finish_and_return(1);
`else
      $fatal(1);
`endif
    end
  endtask

  task where;  // ends the line that tells of a failure
    begin
      $display(" (frame %0d, beat %0d, cycle %0d, +stall=%0d +seed=%0d)",
               got / OUT_BEATS, got % OUT_BEATS, $time / 10, stall, seed);
      fail;
    end
  endtask

  integer lane;
  reg @SIGNED@[LANE_BITS-1:0] is, should;
  reg [OUT_BITS-1:0] wanted;
  task compare;  // the beat that leaves now
    begin
      wanted = outputs[got];
      for (lane = 0; lane < OUT_LANES; lane = lane + 1) begin
        is = m_axis_tdata[lane*LANE_BITS +: LANE_BITS];
        should = wanted[lane*LANE_BITS +: LANE_BITS];
        if (!over && got % GROUPS * OUT_LANES + lane < CHANNELS && is !== should) begin
          $write("FAIL: lane %0d (channel %0d) must be %0d, not %0d",
                 lane, got % GROUPS * OUT_LANES + lane, should, is);
          where;
        end
      end
      if (!over && m_axis_tlast !== (got % OUT_BEATS == OUT_BEATS - 1)) begin
        $write("FAIL: m_axis_tlast must be %b, not %b",
               got % OUT_BEATS == OUT_BEATS - 1, m_axis_tlast);
        where;
      end
      if (!over && m_axis_tlast && m_axis_tuser !== 1'b0) begin
        $write("FAIL: m_axis_tuser must be 0, not %b", m_axis_tuser);
        where;
      end
    end
  endtask

  wire enters = offered && s_axis_tready === 1'b1;
  wire leaves = m_axis_tvalid === 1'b1 && ready;
  always @(posedge clk) if (!over) begin
    if (rst) begin
      reset_cycles <= reset_cycles + 1;
      if (reset_cycles == 3) rst <= 1'b0;
      if (s_axis_tready !== 1'b0) begin
        $write("FAIL: s_axis_tready must be 0 while rst is high, not %b", s_axis_tready);
        where;
      end
    end else begin
      ready <= $unsigned($random(random)) % 100 >= stall;
      if (enters) sent <= sent + 1;
      if (enters || !offered)
        offered <= sent + (enters ? 1 : 0) < FRAMES * IN_BEATS
                   && $unsigned($random(random)) % 100 >= stall;
      if (m_axis_tvalid === 1'bx) begin
        $write("FAIL: m_axis_tvalid must be 0 or 1, not x");
        where;
      end else if (frame_error !== 1'b0) begin
        $write("FAIL: frame_error must be 0, not %b", frame_error);
        where;
      end else if (leaves && got == FRAMES * OUT_BEATS) begin
        $write("FAIL: there must be no beat after the last frame");
        where;
      end else if (leaves) begin
        compare;
        got <= got + 1;
      end
      idle <= enters || leaves ? 0 : idle + 1;
      if (got == FRAMES * OUT_BEATS) tail <= tail + 1;
      if (!over && tail == TAIL) begin
        over = 1'b1;
        $display("PASS: %0d beats equal", got);
        $finish;
      end else if (!over && idle == patience) begin
        $write("FAIL: no beat moved for %0d cycles", patience);
        where;
      end
    end
  end
endmodule
"""


def testbench(manifest: Manifest, frames: int) -> str:
    """Return the testbench of a package whose vectors hold that many frames."""
    source, sink = manifest.input, manifest.output
    channels = sink.stream_shape[0]
    values = {
        "TOP": manifest.top,
        "FRAMES": frames,
        "IN_BITS": source.tdata_bits,
        "IN_BEATS": source.beats,
        "OUT_BITS": sink.tdata_bits,
        "OUT_BEATS": sink.beats,
        "OUT_LANES": sink.lanes,
        "LANE_BITS": sink.bits,
        "CHANNELS": channels,
        "GROUPS": sink.stream.groups,
        "PATIENCE": manifest.predicted.patience,
        "SIGNED": "signed " if sink.signed else "",
    }
    text = _TEXT
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    return text

"""The testbench of a package: plain Verilog that checks itself, for people without Python."""

__all__ = ["testbench"]

from collections.abc import Mapping, Sequence

from hwgen.codegen.entries import vector_file
from hwgen.package.manifest import BorderStream, Manifest

_TEXT = """\
// Testbench of @TOP@: sends the frames of @INPUT_FILES@, back to back, and compares what comes
// out with @OUTPUT_FILES@. Ends with one line, `PASS: ...` or `FAIL: ...`; status 1 on FAIL.
//
//   +stall=P         chance of a stall in each cycle at all ends, in per cent, 0 to 95
//   +seed=N          of the stalls
//   +waves=FILE.vcd  writes a waveform
//
// A line of the vectors is a beat. @COMPARED@
`timescale 1ns / 1ps
`default_nettype none

module @TOP@__tb;
  localparam FRAMES = @FRAMES@;
@PARAMETERS@  localparam PATIENCE = @PATIENCE@;      // cycles without a beat that are too many
  localparam TAIL = 64;         // cycles to watch for beats that nobody asked for

  reg clk = 1'b0;
  reg rst = 1'b1;
  always #5 clk = !clk;

  integer idle = 0;
  integer tail = 0;
  integer reset_cycles = 0;
  integer stall = 0;
  integer seed = 1;
  integer random;               // state of the stalls
  integer patience;
  reg     over = 1'b0;
  reg [8*256-1:0] waves;
  wire    frame_error;

@SIGNALS@  @MODULE@ dut (
    .clk(clk), .@RESET_PORT@(@RST@),
@CONNECTIONS@    .frame_error(frame_error), .frame_error_clear(1'b0)
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
@READ@  end

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

  task where(input integer frame, input integer beat);  // ends the line that tells of a failure
    begin
      $display(" (frame %0d, beat %0d, cycle %0d, +stall=%0d +seed=%0d)",
               frame, beat, $time / 10, stall, seed);
      fail;
    end
  endtask

  integer lane;
@COMPARE@  wire moves = @MOVES@;
  wire finished = @FINISHED@;
  always @(posedge clk) if (!over) begin
    if (rst) begin
      reset_cycles <= reset_cycles + 1;
      if (reset_cycles == 3) rst <= 1'b0;
@RESET@    end else begin
@STALLS@      if (frame_error !== 1'b0) begin
        $write("FAIL: frame_error must be 0, not %b", frame_error);
        where(got@OUT@ / OUT@OUT@_BEATS, got@OUT@ % OUT@OUT@_BEATS);
      end
@LEAVE@      idle <= moves ? 0 : idle + 1;
      if (finished) tail <= tail + 1;
      if (!over && tail == TAIL) begin
        over = 1'b1;
        $display("PASS: %0d beats equal", @GOT@);
        $finish;
      end else if (!over && idle == patience) begin
        $write("FAIL: no beat moved for %0d cycles", patience);
        where(got@OUT@ / OUT@OUT@_BEATS, got@OUT@ % OUT@OUT@_BEATS);
      end
    end
  end
endmodule
"""

_LANES = """\
An output pixel takes GROUPS beats of OUT_LANES lanes; lanes of
// its last beat beyond the pixel's channels mean nothing, and are not compared."""
_WORDS = """\
Elements lie in words one behind the other; of a frame of words all
// GROUPS are compared."""

# What there is of each input; @_@ is its number where there are several.
_INPUT = {
    "PARAMETERS": """\
  localparam IN@_@_BITS = @BITS@;        // of a beat
  localparam IN@_@_BEATS = @BEATS@;      // of a frame
""",
    "SIGNALS": """\
  reg [IN@_@_BITS-1:0] inputs@_@ [0:FRAMES*IN@_@_BEATS-1];
  integer sent@_@ = 0;             // beats taken by the accelerator
  reg     offered@_@ = 1'b0;
  // Outside of a transfer the wires hold noise: a design that looks then is found out.
  wire [IN@_@_BITS-1:0] here@_@ = inputs@_@[sent@_@ < FRAMES * IN@_@_BEATS ? sent@_@ : 0];
  wire [IN@_@_BITS-1:0] @PORT@_tdata = offered@_@ ? here@_@ : ~here@_@;
  wire               @PORT@_tlast = (sent@_@ % IN@_@_BEATS == IN@_@_BEATS - 1) == offered@_@;
  wire               @PORT@_tready;
  wire enters@_@ = offered@_@ && @PORT@_tready === 1'b1;

""",
    "CONNECTIONS": """\
    .@PORT@_tdata(@PORT@_tdata), .@PORT@_tvalid(offered@_@),@KEEP_IN@
    .@PORT@_tready(@PORT@_tready), .@PORT@_tlast(@PORT@_tlast),
""",
    "READ": """\
    $readmemh("@FILE@", inputs@_@);
    for (index = 0; index < FRAMES * IN@_@_BEATS; index = index + 1)
      if (^inputs@_@[index] === 1'bx) begin
        if (!over) $display("FAIL: @FILE@ holds no hexadecimal beat %0d", index);
        fail;
      end
""",
    "RESET": """\
      if (!over && @PORT@_tready !== 1'b0) begin
        $write("FAIL: @PORT@_tready must be 0 while rst is high, not %b", @PORT@_tready);
        where(0, 0);
      end
""",
    "STALLS": """\
      if (enters@_@) sent@_@ <= sent@_@ + 1;
      if (enters@_@ || !offered@_@)
        offered@_@ <= sent@_@ + (enters@_@ ? 1 : 0) < FRAMES * IN@_@_BEATS
                   && $unsigned($random(random)) % 100 >= stall;
""",
}
_OUTPUT = {
    "PARAMETERS": """\
  localparam OUT@_@_BITS = @BITS@;
  localparam OUT@_@_BEATS = @BEATS@;
  localparam OUT@_@_LANES = @LANES@;    // elements of a beat
  localparam LANE@_@_BITS = @LANE_BITS@;    // of an element
  localparam CHANNELS@_@ = @CHANNELS@;      // of an output pixel
  localparam GROUPS@_@ = @GROUPS@;          // beats of an output pixel
""",
    "SIGNALS": """\
  reg [OUT@_@_BITS-1:0] outputs@_@ [0:FRAMES*OUT@_@_BEATS-1];
  integer got@_@ = 0;              // beats that the accelerator gave
  reg     ready@_@ = 1'b0;
  wire [OUT@_@_BITS-1:0] @PORT@_tdata;
  wire               @PORT@_tvalid;
  wire               @PORT@_tlast;
  wire               @PORT@_tuser;
  wire leaves@_@ = @PORT@_tvalid === 1'b1 && ready@_@;

""",
    "CONNECTIONS": """\
    .@PORT@_tdata(@PORT@_tdata), .@PORT@_tvalid(@PORT@_tvalid),
    .@PORT@_tready(ready@_@), .@PORT@_tlast(@PORT@_tlast),
    .@PORT@_tuser(@PORT@_tuser),@KEEP_OUT@
""",
    "READ": """\
    $readmemh("@FILE@", outputs@_@);
    for (index = 0; index < FRAMES * OUT@_@_BEATS; index = index + 1)
      if (^outputs@_@[index] === 1'bx) begin
        if (!over) $display("FAIL: @FILE@ holds no hexadecimal beat %0d", index);
        fail;
      end
""",
    "COMPARE": """\
  reg @SIGNED@[LANE@_@_BITS-1:0] is@_@, should@_@;
  reg [OUT@_@_BITS-1:0] wanted@_@;
  task compare@_@;  // the beat that leaves now
    begin
      wanted@_@ = outputs@_@[got@_@];
      for (lane = 0; lane < OUT@_@_LANES; lane = lane + 1) begin
        is@_@ = @PORT@_tdata[lane*LANE@_@_BITS +: LANE@_@_BITS];
        should@_@ = wanted@_@[lane*LANE@_@_BITS +: LANE@_@_BITS];
        if (!over && got@_@ % GROUPS@_@ * OUT@_@_LANES + lane < CHANNELS@_@
            && is@_@ !== should@_@) begin
          $write("FAIL: @OF@@WHAT@ (@NUMBER@ %0d) must be @SHOWN@, not @SHOWN@",
                 lane, got@_@ % GROUPS@_@ * OUT@_@_LANES + lane, should@_@, is@_@);
          where(got@_@ / OUT@_@_BEATS, got@_@ % OUT@_@_BEATS);
        end
      end
      if (!over && @PORT@_tlast !== (got@_@ % OUT@_@_BEATS == OUT@_@_BEATS - 1)) begin
        $write("FAIL: @PORT@_tlast must be %b, not %b",
               got@_@ % OUT@_@_BEATS == OUT@_@_BEATS - 1, @PORT@_tlast);
        where(got@_@ / OUT@_@_BEATS, got@_@ % OUT@_@_BEATS);
      end
      if (!over && @PORT@_tlast && @PORT@_tuser !== 1'b0) begin
        $write("FAIL: @PORT@_tuser must be 0, not %b", @PORT@_tuser);
        where(got@_@ / OUT@_@_BEATS, got@_@ % OUT@_@_BEATS);
      end
    end
  endtask

""",
    "STALLS": """\
      ready@_@ <= $unsigned($random(random)) % 100 >= stall;
""",
    "LEAVE": """\
      if (!over && @PORT@_tvalid === 1'bx) begin
        $write("FAIL: @PORT@_tvalid must be 0 or 1, not x");
        where(got@_@ / OUT@_@_BEATS, got@_@ % OUT@_@_BEATS);
      end else if (!over && leaves@_@ && got@_@ == FRAMES * OUT@_@_BEATS) begin
        $write("FAIL: there must be no beat of @PORT@ after the last frame");
        where(got@_@ / OUT@_@_BEATS, got@_@ % OUT@_@_BEATS);
      end else if (!over && leaves@_@) begin
        compare@_@;
        got@_@ <= got@_@ + 1;
      end
""",
}


def testbench(manifest: Manifest, frames: int) -> str:
    """Return the testbench of a package whose vectors hold that many frames."""
    inputs, outputs = manifest.inputs, manifest.outputs
    parts = [_filled(_OUTPUT, end, number) for number, end in _numbered(outputs)]
    parts = [*(_filled(_INPUT, end, number) for number, end in _numbered(inputs)), *parts]
    ins, outs = ([number for number, _ in _numbered(ends)] for ends in (inputs, outputs))
    moving = (*(f"enters{number}" for number in ins), *(f"leaves{number}" for number in outs))
    values = {
        **{name: "".join(part.get(name, "") for part in parts) for name in {*_INPUT, *_OUTPUT}},
        "TOP": manifest.top,
        "MODULE": manifest.accelerator,
        "RESET_PORT": manifest.streams.reset.name,
        "RST": "!rst" if manifest.streams.reset_low else "rst",
        "FRAMES": str(frames),
        "PATIENCE": str(manifest.predicted.patience),
        "INPUT_FILES": " and ".join(map(vector_file, inputs)),
        "OUTPUT_FILES": " and ".join(map(vector_file, outputs)),
        "MOVES": " || ".join(moving),
        "FINISHED": " && ".join(f"got{n} == FRAMES * OUT{n}_BEATS" for n in outs),
        "GOT": " + ".join(f"got{number}" for number in outs),
        "OUT": outs[0],
        "COMPARED": _WORDS if manifest.outputs[0].slot else _LANES,
    }
    return _replaced(_TEXT, values)


def _numbered(ends: Sequence[BorderStream]) -> list[tuple[str, BorderStream]]:
    """Return each end with its number, "" where it is the only one."""
    return [(str(n) if len(ends) > 1 else "", end) for n, end in enumerate(ends)]


def _filled(texts: Mapping[str, str], end: BorderStream, number: str) -> dict[str, str]:
    """Return what there is of an input or output."""
    values = {
        "_": number,
        "PORT": end.port,
        "FILE": vector_file(end),
        "OF": f"{end.port} " if number else "",
        "BITS": str(end.tdata_bits),
        "BEATS": str(end.beats),
        "LANES": str(end.lanes),
        "LANE_BITS": str(end.bits),
        "CHANNELS": str(end.stream.used),
        "GROUPS": str(end.stream.groups),
        "SIGNED": "signed " if end.signed else "",
        "WHAT": "lane %0d",
        "NUMBER": "channel",
        "SHOWN": "%0d",
        "KEEP_IN": "",
        "KEEP_OUT": "",
    }
    if end.slot:  # whole words are compared
        keep = f".{end.port}_tkeep"
        values |= {
            "LANES": "1",
            "LANE_BITS": str(end.tdata_bits),
            "CHANNELS": str(end.beats),
            "GROUPS": str(end.beats),
            "SIGNED": "",
            "WHAT": "slice %0d",
            "NUMBER": "word",
            "SHOWN": "%h",
            "KEEP_IN": f"\n    {keep}({{{end.tdata_bits // 8}{{1'b1}}}}),",
            "KEEP_OUT": f"\n    {keep}(),",
        }
    return {name: _replaced(text, values) for name, text in texts.items()}


def _replaced(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text

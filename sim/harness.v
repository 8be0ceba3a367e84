// What surrounds a package in simulation: clock, reset, stimulus, stalls, capture and the checks
// of the stream rules. Everything that happens in a cycle happens here; Python waits for `done`.
//
// Fixed when it is built (they follow from the package alone, so one build serves every run):
//   HWGEN_TOP        macro: module under test
//   HWGEN_TAPS       macro, optional: connects a tap to the output stream of each layer
//   HWGEN_WAVES      macro, optional: can record a waveform
// Chosen when it is run (plus-arguments), in the folder that holds stimulus.bin and receives
// events.txt and output.hex:
//   +frames=N        frames in stimulus.bin, sent back to back
//   +source_seed +sink_seed    states of the two stall generators, not zero
//   +source_stall +sink_stall  chance of a stall in each cycle, in 65536ths
//   +reset_at=C      reset once more in cycle C, and start again from frame 0; 0: never
//   +patience=C      give up when no beat moves for C cycles
//   +trace_frame=F   frame the taps record
//   +stop_at=C       stop in cycle C after the last reset; 0: when everything is out
//   +waves=FILE +waves_from=C  record a waveform from cycle C after the last reset on
//
// Cycle 0 is the first clock edge at which the package sees `rst` low. A line of events.txt is
//   R                 a reset: all that came before is void
//   S cycle           first beat of the next frame accepted
//   E cycle           last beat of the next frame emitted
//   T layer payload   a beat of a layer's stream, in the frame that is traced
//   V rule count cycle   at the end: how often a stream rule was broken, and when first
//   D cycles accepted emitted stuck   the end
`timescale 1ns / 1ns
`default_nettype none

module hwgen_harness #(
    parameter IN_BITS = 8,
    parameter IN_BEATS = 1,      // a frame
    parameter OUT_BITS = 8,
    parameter OUT_BEATS = 1,     // a frame
    parameter OUT_GROUPS = 1,    // beats of a pixel
    parameter OUT_USED = 8,      // low bits of tdata that carry lanes
    parameter OUT_USED_LAST = 8  // the same in a pixel's last beat
);
    localparam RULES = 11;
    localparam TAIL = 64;        // cycles to watch for beats that nobody asked for

    reg clk = 0;
    always #5 clk = !clk;

    reg rst = 1;
    reg done /* verilator public_flat_rd */ = 0;

    // ---- the run's arguments ----
    reg [63:0] frames, reset_at, patience, trace_frame, stop_at;
    reg [31:0] source_random, sink_random, source_stall, sink_stall;
    integer stimulus, events, captured, got;
    initial begin
        trace_frame = 0;
        stop_at = 0;
        got = $value$plusargs("frames=%d", frames);
        got = $value$plusargs("reset_at=%d", reset_at);
        got = $value$plusargs("patience=%d", patience);
        got = $value$plusargs("stop_at=%d", stop_at);
        got = $value$plusargs("trace_frame=%d", trace_frame);
        got = $value$plusargs("source_stall=%d", source_stall);
        got = $value$plusargs("sink_stall=%d", sink_stall);
        got = $value$plusargs("source_seed=%d", source_random);
        got = $value$plusargs("sink_seed=%d", sink_random);
        stimulus = $fopen("stimulus.bin", "rb");
        events = $fopen("events.txt", "w");
        captured = $fopen("output.hex", "w");
    end

    // ---- the package ----
    reg  [IN_BITS-1:0]  beat, fresh;
    reg                 source_valid = 0;
    reg                 sink_ready = 0;
    wire                source_ready, sink_valid, sink_last, sink_user, frame_error;
    wire [OUT_BITS-1:0] sink_data;
    reg  [63:0]         in_beat = 0, out_beat = 0, in_frame = 0, out_frame = 0, out_group = 0;

    // Outside of a transfer the wires hold noise: a package that looks then is found out.
    wire [IN_BITS+31:0] noise = {(IN_BITS + 31) / 32 + 1{source_random}};
    wire [IN_BITS-1:0]  source_data = source_valid ? beat : noise[IN_BITS-1:0];
    wire                source_last = source_valid ? in_beat == IN_BEATS - 1 : noise[7];

    `HWGEN_TOP dut (
        .clk(clk), .rst(rst),
        .s_axis_tdata(source_data), .s_axis_tvalid(source_valid && !rst),
        .s_axis_tready(source_ready), .s_axis_tlast(source_last),
        .m_axis_tdata(sink_data), .m_axis_tvalid(sink_valid),
        .m_axis_tready(sink_ready && !rst), .m_axis_tlast(sink_last),
        .m_axis_tuser(sink_user),
        .frame_error(frame_error), .frame_error_clear(1'b0)
    );
`ifdef HWGEN_TAPS
    `include "taps.vh"
`endif

    // ---- one clock edge ----
    function [31:0] xorshift(input [31:0] x);  // Marsaglia, "Xorshift RNGs", 2003
        reg [31:0] a, b;
        begin
            a = x ^ (x << 13);
            b = a ^ (a >> 17);
            xorshift = b ^ (b << 5);
        end
    endfunction

    wire source_moves = source_valid && source_ready === 1'b1;
    wire sink_moves   = sink_valid === 1'b1 && sink_ready;
    wire source_stalls = source_random[31:16] < source_stall;
    wire sink_stalls   = sink_random[31:16] < sink_stall;
    wire last_in = in_frame == frames - 1 && in_beat == IN_BEATS - 1;
    wire [OUT_BITS-1:0] used =
        {OUT_BITS{1'b1}} >> (OUT_BITS - (out_group == OUT_GROUPS - 1 ? OUT_USED_LAST : OUT_USED));

    reg [63:0] cycle = 0, idle = 0, tail = 0, accepted = 0, emitted = 0;
    reg        was_reset = 0;
    reg        waited = 0, waited_last;
    reg [OUT_BITS-1:0] waited_data;

    wire final_part = !rst && (was_reset || reset_at == 0);

    always @(posedge clk) begin
        source_random <= xorshift(source_random);
        sink_random <= xorshift(sink_random);
        sink_ready <= !sink_stalls;
        if (rst) begin
            rst <= 0;
            cycle <= 0; idle <= 0; tail <= 0; accepted <= 0; emitted <= 0;
            in_beat <= 0; out_beat <= 0; in_frame <= 0; out_frame <= 0; out_group <= 0;
            waited <= 0;
            got = $rewind(stimulus);
            got = $fread(fresh, stimulus);
            beat <= fresh;
            source_valid <= !source_stalls;
            $fdisplay(events, "R");
            $fdisplay(captured, "R");
        end else if (!done) begin
            cycle <= cycle + 1;
            if (cycle + 1 == reset_at && !was_reset) begin
                rst <= 1;
                was_reset <= 1;
            end

            // source: once a beat is offered it stays until it is taken
            if (source_moves) begin
                if (in_beat == 0) $fdisplay(events, "S %0d", cycle);
                accepted <= accepted + 1;
                in_beat <= in_beat == IN_BEATS - 1 ? 0 : in_beat + 1;
                in_frame <= in_frame + (in_beat == IN_BEATS - 1);
                if (!last_in) begin
                    got = $fread(fresh, stimulus);
                    beat <= fresh;
                end
            end
            if (source_moves || !source_valid)
                source_valid <= in_frame != frames && !(source_moves && last_in) && !source_stalls;

            // sink
            if (sink_moves && out_frame != frames) begin
                $fdisplay(captured, "%h", sink_data & used);
                emitted <= emitted + 1;
                out_group <= out_group == OUT_GROUPS - 1 ? 0 : out_group + 1;
                out_beat <= out_beat == OUT_BEATS - 1 ? 0 : out_beat + 1;
                if (out_beat == OUT_BEATS - 1) begin
                    out_frame <= out_frame + 1;
                    $fdisplay(events, "E %0d", cycle);
                    if ((out_frame & 63) == 0) $fflush(events);
                end
            end

            // the end: everything is out, or nothing moves any more
            idle <= source_moves || sink_moves ? 0 : idle + 1;
            if (out_frame == frames) tail <= tail + 1;
            if (tail == TAIL || idle == patience || (final_part && stop_at != 0 && cycle == stop_at)) begin
                report;
                done <= 1;
            end
        end
    end

    // ---- the stream rules ----
    reg [63:0] broken[0:RULES-1];
    reg [63:0] broken_first[0:RULES-1];
    integer rule;
    initial for (rule = 0; rule < RULES; rule = rule + 1) broken[rule] = 0;

    task check(input integer number, input bad);
        if (bad) begin
            if (broken[number] == 0) broken_first[number] = cycle;
            broken[number] = broken[number] + 1;
        end
    endtask

    always @(posedge clk) begin
        if (rst) begin
            for (rule = 0; rule < RULES; rule = rule + 1) broken[rule] = 0;
            check(10, source_ready !== 1'b0);
        end else if (!done) begin
            waited <= sink_valid === 1'b1 && !sink_ready;
            waited_data <= sink_data & used;
            waited_last <= sink_last;
            check(0, waited && sink_valid !== 1'b1);
            check(1, waited && sink_valid === 1'b1 && (sink_data & used) !== waited_data);
            check(2, waited && sink_valid === 1'b1 && sink_last !== waited_last);
            check(3, sink_moves && sink_last !== (out_beat == OUT_BEATS - 1));
            check(4, sink_moves && out_frame == frames);
            check(5, frame_error !== 1'b0);
            check(6, ^sink_valid === 1'bx);
            check(7, sink_valid === 1'b1 && ^(sink_data & used) === 1'bx);
            check(8, ^source_ready === 1'bx);
            check(9, sink_moves && sink_last && sink_user !== 1'b0);
        end
    end

    task report;
        begin
            for (rule = 0; rule < RULES; rule = rule + 1)
                if (broken[rule] != 0)
                    $fdisplay(events, "V %0d %0d %0d", rule, broken[rule], broken_first[rule]);
            $fdisplay(events, "D %0d %0d %0d %0d", cycle, accepted, emitted, idle == patience);
            $fclose(events);
            $fclose(captured);
        end
    endtask

`ifdef HWGEN_WAVES
    // ---- the waveform ----
    reg [8*64-1:0] waves;
    reg [63:0] waves_from;
    initial begin
        got = $value$plusargs("waves=%s", waves);
        got = $value$plusargs("waves_from=%d", waves_from);
        $dumpfile(waves);
    end
    always @(negedge clk) if (final_part && cycle == waves_from) $dumpvars(0, hwgen_harness);
`endif
endmodule

// Records the beats of one frame of a layer's output stream.
module hwgen_tap #(
    parameter LAYER = 0,
    parameter BITS = 8,
    parameter BEATS = 1
) (
    input wire clk, input wire rst, input wire [31:0] events, input wire [63:0] frame,
    input wire [BITS-1:0] payload, input wire valid, input wire ready
);
    reg [63:0] at_frame = 0, at_beat = 0;
    always @(posedge clk)
        if (rst) begin
            at_frame <= 0;
            at_beat <= 0;
        end else if (valid === 1'b1 && ready === 1'b1) begin
            if (at_frame == frame) $fdisplay(events, "T %0d %h", LAYER, payload);
            at_beat <= at_beat == BEATS - 1 ? 0 : at_beat + 1;
            at_frame <= at_frame + (at_beat == BEATS - 1);
        end
endmodule
`default_nettype wire

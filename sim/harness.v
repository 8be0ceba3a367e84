// What surrounds a package in simulation: clock, reset, stimulus, stalls, capture and the checks
// of the stream rules. Everything that happens in a cycle happens here; Python waits for `done`.
//
// Fixed when it is built (they follow from the package alone, so one build serves every run):
//   ends.vh          the package, with a source at each of its inputs and a sink at each output
//   HWGEN_TAPS       macro, optional: connects a tap to the output stream of each layer
//   HWGEN_WAVES      macro, optional: can record a waveform
// Chosen when it is run (plus-arguments), in the folder that holds stimulus_N.bin of input N and
// receives events.txt and output_N.hex of output N:
//   +frames=N        frames in each stimulus, sent back to back
//   +source_seed +sink_seed    states of the stall generators, not zero
//   +source_stall +sink_stall  chance of a stall in each cycle, in 65536ths
//   +reset_at=C      reset once more in cycle C, and start again from frame 0; 0: never
//   +patience=C      give up when no beat moves for C cycles
//   +trace_frame=F   frame the taps record
//   +stop_at=C       stop in cycle C after the last reset; 0: when everything is out
//   +waves=FILE +waves_from=C  record a waveform from cycle C after the last reset on
//
// Cycle 0 is the first clock edge at which the package sees `rst` low. A line of events.txt is
//   R                 a reset: all that came before is void
//   S input cycle     first beat of the next frame accepted
//   E output cycle    last beat of the next frame emitted
//   T layer payload   a beat of a layer's stream, in the frame that is traced
//   V rule end count cycle  at the end: how often a stream rule was broken at an input or output,
//                     and when first
//   I input beats     at the end: how many were accepted
//   O output beats    at the end: how many were emitted
//   D cycles stuck    the end
`timescale 1ns / 1ns
`default_nettype none

module hwgen_harness;
    localparam TAIL = 64;        // cycles to watch for beats that nobody asked for

    reg clk = 0;
    always #5 clk = !clk;

    reg rst = 1;
    reg done /* verilator public_flat_rd */ = 0;

    // ---- the run's arguments ----
    reg [63:0] frames, reset_at, patience, trace_frame, stop_at;
    integer events, got;
    initial begin
        trace_frame = 0;
        stop_at = 0;
        got = $value$plusargs("frames=%d", frames);
        got = $value$plusargs("reset_at=%d", reset_at);
        got = $value$plusargs("patience=%d", patience);
        got = $value$plusargs("stop_at=%d", stop_at);
        got = $value$plusargs("trace_frame=%d", trace_frame);
        events = $fopen("events.txt", "w");
    end

    // ---- the package, and what is at its ends ----
    reg [63:0] cycle = 0, idle = 0, tail = 0;
    reg        was_reset = 0;
    reg        over = 0;         // the ends report, and in the clock after it all is done
    reg        reported = 0;
    wire       frame_error;
`include "ends.vh"
`ifdef HWGEN_TAPS
    `include "taps.vh"
`endif

    // ---- one clock edge ----
    wire final_part = !rst && (was_reset || reset_at == 0);
    wire ends = tail == TAIL || idle == patience
                || (final_part && stop_at != 0 && cycle == stop_at);
    reg        stuck;
    reg [63:0] last_cycle;
    reg [63:0] wrong = 0, wrong_first;  // cycles in which frame_error was not low

    always @(posedge clk) begin
        if (rst) begin
            rst <= 0;
            cycle <= 0; idle <= 0; tail <= 0; wrong <= 0;
            $fdisplay(events, "R");
        end else if (over) begin
            if (reported && !done) begin
                if (wrong != 0) $fdisplay(events, "V 5 0 %0d %0d", wrong, wrong_first);
                $fdisplay(events, "D %0d %0d", last_cycle, stuck);
                $fclose(events);
            end
            reported <= 1;
            done <= reported;
        end else begin
            cycle <= cycle + 1;
            if (cycle + 1 == reset_at && !was_reset && !ends) begin
                rst <= 1;
                was_reset <= 1;
            end
            if (frame_error !== 1'b0) begin
                wrong <= wrong + 1;
                if (wrong == 0) wrong_first <= cycle;
            end

            // the end: everything is out, or nothing moves any more
            idle <= |moves ? 0 : idle + 1;
            if (&finished) tail <= tail + 1;
            if (ends) begin
                over <= 1;
                stuck <= idle == patience;
                last_cycle <= cycle;
            end
        end
    end

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

// Marsaglia, "Xorshift RNGs", 2003; an end's own sequence of the run's seed.
module hwgen_random #(
    parameter NUMBER = 0,
    parameter SINK = 0
) (
    input wire clk, output reg [31:0] state, output wire stalls
);
    reg [31:0] stall;
    integer got;
    initial begin
        if (SINK) begin
            got = $value$plusargs("sink_seed=%d", state);
            got = $value$plusargs("sink_stall=%d", stall);
        end else begin
            got = $value$plusargs("source_seed=%d", state);
            got = $value$plusargs("source_stall=%d", stall);
        end
        state = state ^ NUMBER * 32'h9e3779b9;
        if (state == 0) state = 1;
    end
    wire [31:0] a = state ^ (state << 13);
    wire [31:0] b = a ^ (a >> 17);
    assign stalls = state[31:16] < stall;
    always @(posedge clk) state <= b ^ (b << 5);
endmodule

// Sends the frames of stimulus_N.bin to an input, back to back.
module hwgen_source #(
    parameter NUMBER = 0,
    parameter FILE = "stimulus_0.bin",
    parameter BITS = 8,
    parameter BEATS = 1          // a frame
) (
    input wire clk, input wire rst, input wire over, input wire [31:0] events,
    input wire [63:0] frames, input wire [63:0] cycle,
    output wire [BITS-1:0] data, output wire valid, input wire ready, output wire last,
    output wire moves
);
    wire [31:0] random;
    wire        stalls;
    hwgen_random #(.NUMBER(NUMBER)) generator (.clk(clk), .state(random), .stalls(stalls));

    integer stimulus, got;
    initial stimulus = $fopen(FILE, "rb");

    reg [BITS-1:0] beat, fresh;
    reg            offered = 0;
    reg [63:0]     at_beat = 0, at_frame = 0, accepted = 0;

    // Outside of a transfer the wires hold noise: a package that looks then is found out.
    wire [BITS+31:0] noise = {(BITS + 31) / 32 + 1{random}};
    assign data = offered ? beat : noise[BITS-1:0];
    assign last = offered ? at_beat == BEATS - 1 : noise[7];
    assign valid = offered && !rst;
    assign moves = offered && ready === 1'b1;
    wire last_in = at_frame == frames - 1 && at_beat == BEATS - 1;

    reg [63:0] high = 0, high_first;        // cycles of reset in which ready was not low
    reg [63:0] unknown = 0, unknown_first;  // cycles in which it was neither
    reg        reported = 0;

    always @(posedge clk) begin
        if (rst) begin
            at_beat <= 0; at_frame <= 0; accepted <= 0; unknown <= 0;
            got = $rewind(stimulus);
            got = $fread(fresh, stimulus);
            beat <= fresh;
            offered <= !stalls;
            high <= ready !== 1'b0;
            high_first <= cycle;
        end else if (over) begin
            if (!reported) begin
                if (unknown != 0)
                    $fdisplay(events, "V 8 %0d %0d %0d", NUMBER, unknown, unknown_first);
                if (high != 0) $fdisplay(events, "V 10 %0d %0d %0d", NUMBER, high, high_first);
                $fdisplay(events, "I %0d %0d", NUMBER, accepted);
            end
            reported <= 1;
        end else begin
            if (^ready === 1'bx) begin
                unknown <= unknown + 1;
                if (unknown == 0) unknown_first <= cycle;
            end
            // once a beat is offered it stays until it is taken
            if (moves) begin
                if (at_beat == 0) $fdisplay(events, "S %0d %0d", NUMBER, cycle);
                accepted <= accepted + 1;
                at_beat <= at_beat == BEATS - 1 ? 0 : at_beat + 1;
                at_frame <= at_frame + (at_beat == BEATS - 1);
                if (!last_in) begin
                    got = $fread(fresh, stimulus);
                    beat <= fresh;
                end
            end
            if (moves || !offered)
                offered <= at_frame != frames && !(moves && last_in) && !stalls;
        end
    end
endmodule

// Takes what an output sends, writes it to output_N.hex, and checks the stream rules.
module hwgen_sink #(
    parameter NUMBER = 0,
    parameter FILE = "output_0.hex",
    parameter BITS = 8,
    parameter BEATS = 1,         // a frame
    parameter GROUPS = 1,        // beats of a pixel
    parameter USED = 8,          // low bits of tdata that carry lanes
    parameter USED_LAST = 8      // the same in a pixel's last beat
) (
    input wire clk, input wire rst, input wire over, input wire [31:0] events,
    input wire [63:0] frames, input wire [63:0] cycle,
    input wire [BITS-1:0] data, input wire valid, output wire ready, input wire last,
    input wire user,
    output wire moves, output wire finished
);
    localparam RULES = 10;
    wire [31:0] random;
    wire        stalls;
    hwgen_random #(.NUMBER(NUMBER), .SINK(1)) generator (
        .clk(clk), .state(random), .stalls(stalls)
    );

    integer captured;
    initial captured = $fopen(FILE, "w");

    reg        willing = 0;
    reg [63:0] at_beat = 0, at_frame = 0, at_group = 0, emitted = 0;
    reg        waited = 0, waited_last;
    reg [BITS-1:0] waited_data;
    reg        reported = 0;

    assign ready = willing && !rst;
    assign moves = valid === 1'b1 && willing;
    assign finished = at_frame == frames;
    wire [BITS-1:0] used =
        {BITS{1'b1}} >> (BITS - (at_group == GROUPS - 1 ? USED_LAST : USED));

    always @(posedge clk) begin
        willing <= !stalls;
        if (rst) begin
            at_beat <= 0; at_frame <= 0; at_group <= 0; emitted <= 0;
            $fdisplay(captured, "R");
        end else if (over) begin
            if (!reported) begin
                $fdisplay(events, "O %0d %0d", NUMBER, emitted);
                $fclose(captured);
            end
            reported <= 1;
        end else if (moves && !finished) begin
            $fdisplay(captured, "%h", data & used);
            emitted <= emitted + 1;
            at_group <= at_group == GROUPS - 1 ? 0 : at_group + 1;
            at_beat <= at_beat == BEATS - 1 ? 0 : at_beat + 1;
            if (at_beat == BEATS - 1) begin
                at_frame <= at_frame + 1;
                $fdisplay(events, "E %0d %0d", NUMBER, cycle);
                if ((at_frame & 63) == 0) $fflush(events);
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
            waited <= 0;
            for (rule = 0; rule < RULES; rule = rule + 1) broken[rule] = 0;
        end else if (over) begin
            if (!reported)
                for (rule = 0; rule < RULES; rule = rule + 1)
                    if (broken[rule] != 0)
                        $fdisplay(events, "V %0d %0d %0d %0d", rule, NUMBER, broken[rule],
                                  broken_first[rule]);
        end else begin
            waited <= valid === 1'b1 && !willing;
            waited_data <= data & used;
            waited_last <= last;
            check(0, waited && valid !== 1'b1);
            check(1, waited && valid === 1'b1 && (data & used) !== waited_data);
            check(2, waited && valid === 1'b1 && last !== waited_last);
            check(3, moves && last !== (at_beat == BEATS - 1));
            check(4, moves && finished);
            check(6, ^valid === 1'bx);
            check(7, valid === 1'b1 && ^(data & used) === 1'bx);
            check(9, moves && last && user !== 1'b0);
        end
    end
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

// Block RAM of 18 kbit in bytes of nine bits. One port that reads or writes; a port is
// 9, 18 or 36 bits wide.
// Source: Gowin UG285, BSRAM and SSRAM User Guide (SPX9); the order of bits is that of
// `BLOCK_RAM_18K`.
// Uses: BLOCK_RAM_18K
// Not modelled, and refused: output registers, asynchronous reset (other than one that never
// comes), block selects.
`default_nettype none
module SPX9 #(
    parameter [0:0] READ_MODE = 1'b0,
    parameter [1:0] WRITE_MODE = 2'b00,  // while it writes: 0 as before, 1 what is written, 2 old
    parameter BIT_WIDTH = 36,
    parameter [2:0] BLK_SEL = 3'b000,
    parameter RESET_MODE = "SYNC",
    parameter [287:0] INIT_RAM_00 = 288'h0,
    parameter [287:0] INIT_RAM_01 = 288'h0,
    parameter [287:0] INIT_RAM_02 = 288'h0,
    parameter [287:0] INIT_RAM_03 = 288'h0,
    parameter [287:0] INIT_RAM_04 = 288'h0,
    parameter [287:0] INIT_RAM_05 = 288'h0,
    parameter [287:0] INIT_RAM_06 = 288'h0,
    parameter [287:0] INIT_RAM_07 = 288'h0,
    parameter [287:0] INIT_RAM_08 = 288'h0,
    parameter [287:0] INIT_RAM_09 = 288'h0,
    parameter [287:0] INIT_RAM_0A = 288'h0,
    parameter [287:0] INIT_RAM_0B = 288'h0,
    parameter [287:0] INIT_RAM_0C = 288'h0,
    parameter [287:0] INIT_RAM_0D = 288'h0,
    parameter [287:0] INIT_RAM_0E = 288'h0,
    parameter [287:0] INIT_RAM_0F = 288'h0,
    parameter [287:0] INIT_RAM_10 = 288'h0,
    parameter [287:0] INIT_RAM_11 = 288'h0,
    parameter [287:0] INIT_RAM_12 = 288'h0,
    parameter [287:0] INIT_RAM_13 = 288'h0,
    parameter [287:0] INIT_RAM_14 = 288'h0,
    parameter [287:0] INIT_RAM_15 = 288'h0,
    parameter [287:0] INIT_RAM_16 = 288'h0,
    parameter [287:0] INIT_RAM_17 = 288'h0,
    parameter [287:0] INIT_RAM_18 = 288'h0,
    parameter [287:0] INIT_RAM_19 = 288'h0,
    parameter [287:0] INIT_RAM_1A = 288'h0,
    parameter [287:0] INIT_RAM_1B = 288'h0,
    parameter [287:0] INIT_RAM_1C = 288'h0,
    parameter [287:0] INIT_RAM_1D = 288'h0,
    parameter [287:0] INIT_RAM_1E = 288'h0,
    parameter [287:0] INIT_RAM_1F = 288'h0,
    parameter [287:0] INIT_RAM_20 = 288'h0,
    parameter [287:0] INIT_RAM_21 = 288'h0,
    parameter [287:0] INIT_RAM_22 = 288'h0,
    parameter [287:0] INIT_RAM_23 = 288'h0,
    parameter [287:0] INIT_RAM_24 = 288'h0,
    parameter [287:0] INIT_RAM_25 = 288'h0,
    parameter [287:0] INIT_RAM_26 = 288'h0,
    parameter [287:0] INIT_RAM_27 = 288'h0,
    parameter [287:0] INIT_RAM_28 = 288'h0,
    parameter [287:0] INIT_RAM_29 = 288'h0,
    parameter [287:0] INIT_RAM_2A = 288'h0,
    parameter [287:0] INIT_RAM_2B = 288'h0,
    parameter [287:0] INIT_RAM_2C = 288'h0,
    parameter [287:0] INIT_RAM_2D = 288'h0,
    parameter [287:0] INIT_RAM_2E = 288'h0,
    parameter [287:0] INIT_RAM_2F = 288'h0,
    parameter [287:0] INIT_RAM_30 = 288'h0,
    parameter [287:0] INIT_RAM_31 = 288'h0,
    parameter [287:0] INIT_RAM_32 = 288'h0,
    parameter [287:0] INIT_RAM_33 = 288'h0,
    parameter [287:0] INIT_RAM_34 = 288'h0,
    parameter [287:0] INIT_RAM_35 = 288'h0,
    parameter [287:0] INIT_RAM_36 = 288'h0,
    parameter [287:0] INIT_RAM_37 = 288'h0,
    parameter [287:0] INIT_RAM_38 = 288'h0,
    parameter [287:0] INIT_RAM_39 = 288'h0,
    parameter [287:0] INIT_RAM_3A = 288'h0,
    parameter [287:0] INIT_RAM_3B = 288'h0,
    parameter [287:0] INIT_RAM_3C = 288'h0,
    parameter [287:0] INIT_RAM_3D = 288'h0,
    parameter [287:0] INIT_RAM_3E = 288'h0,
    parameter [287:0] INIT_RAM_3F = 288'h0
) (
    input wire CLK, input wire CE, input wire OCE, input wire RESET, input wire WRE,
    input wire [13:0] AD, input wire [35:0] DI, input wire [2:0] BLKSEL,
    output wire [35:0] DO
);
    localparam [18431:0] START = {INIT_RAM_3F, INIT_RAM_3E, INIT_RAM_3D, INIT_RAM_3C, INIT_RAM_3B,
        INIT_RAM_3A, INIT_RAM_39, INIT_RAM_38, INIT_RAM_37, INIT_RAM_36, INIT_RAM_35, INIT_RAM_34,
        INIT_RAM_33, INIT_RAM_32, INIT_RAM_31, INIT_RAM_30, INIT_RAM_2F, INIT_RAM_2E, INIT_RAM_2D,
        INIT_RAM_2C, INIT_RAM_2B, INIT_RAM_2A, INIT_RAM_29, INIT_RAM_28, INIT_RAM_27, INIT_RAM_26,
        INIT_RAM_25, INIT_RAM_24, INIT_RAM_23, INIT_RAM_22, INIT_RAM_21, INIT_RAM_20, INIT_RAM_1F,
        INIT_RAM_1E, INIT_RAM_1D, INIT_RAM_1C, INIT_RAM_1B, INIT_RAM_1A, INIT_RAM_19, INIT_RAM_18,
        INIT_RAM_17, INIT_RAM_16, INIT_RAM_15, INIT_RAM_14, INIT_RAM_13, INIT_RAM_12, INIT_RAM_11,
        INIT_RAM_10, INIT_RAM_0F, INIT_RAM_0E, INIT_RAM_0D, INIT_RAM_0C, INIT_RAM_0B, INIT_RAM_0A,
        INIT_RAM_09, INIT_RAM_08, INIT_RAM_07, INIT_RAM_06, INIT_RAM_05, INIT_RAM_04, INIT_RAM_03,
        INIT_RAM_02, INIT_RAM_01, INIT_RAM_00};

    function integer log_width(input integer width);
        log_width = width == 36 ? 5 : width == 18 ? 4 : 3;
    endfunction
    localparam A_LOG = log_width(BIT_WIDTH);
    // A wide port's lowest address bits say which bytes of the word it writes.
    function [3:0] enabled(input [13:0] at, input integer log);
        enabled = log == 5 ? at[3:0] : log == 4 ? {2'b0, at[1:0]} : 4'b1;
    endfunction
    wire [35:0] out, other;
    BLOCK_RAM_18K #(
        .BYTE(9), .A_LOG(A_LOG), .A_THROUGH(WRITE_MODE == 1), .START(START)
    ) memory (
        .a_clock(CLK), .a_at(AD), .a_in(DI), .a_reset(RESET),
        .a_writes({4{CE & WRE}} & enabled(AD, A_LOG)),
        .a_reads(CE & (~WRE | WRITE_MODE != 0)), .a_out(out),
        .b_clock(1'b0), .b_at(14'd0), .b_in(36'd0), .b_reset(1'b0), .b_writes(4'd0),
        .b_reads(1'b0), .b_out(other)
    );
    assign DO = out[35:0];

    function known_width(input integer width);
        known_width = width == 9 || width == 18 || width == 36;
    endfunction
    initial begin
        if (!known_width(BIT_WIDTH)) begin
            $display("SPX9 %m: widths must be 9, 18 or 36, not %0d",
                     BIT_WIDTH);
            $finish;
        end
        if (READ_MODE != 0 || WRITE_MODE == 3
            || BLK_SEL != 0) begin
            $display("SPX9 %m: no output register, write mode 3 or block select");
            $finish;
        end
        if (RESET_MODE != "SYNC" && RESET_MODE != "ASYNC") begin
            $display("SPX9 %m: RESET_MODE must be SYNC or ASYNC, not %0s", RESET_MODE);
            $finish;
        end
    end
    wire refused = (BLKSEL != 0) | (RESET & RESET_MODE == "ASYNC");
    always @(refused)
        if (refused === 1'b1) begin
            $display("SPX9 %m: no block select and asynchronous reset");
            $finish;
        end
endmodule
`default_nettype wire

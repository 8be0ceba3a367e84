// Block RAM of 18 kbit in bytes of eight bits. Port A writes, port B reads; a port is
// 1, 2, 4, 8, 16 or 32 bits wide.
// Source: Gowin UG285, BSRAM and SSRAM User Guide (SDPB); the order of bits is that of
// `BLOCK_RAM_18K`.
// Uses: BLOCK_RAM_18K
// Not modelled, and refused: output registers, asynchronous reset (other than one that never
// comes), block selects.
`default_nettype none
module SDPB #(
    parameter [0:0] READ_MODE = 1'b0,
    parameter BIT_WIDTH_0 = 32,
    parameter BIT_WIDTH_1 = 32,
    parameter [2:0] BLK_SEL_0 = 3'b000,
    parameter [2:0] BLK_SEL_1 = 3'b000,
    parameter RESET_MODE = "SYNC",
    parameter [255:0] INIT_RAM_00 = 256'h0,
    parameter [255:0] INIT_RAM_01 = 256'h0,
    parameter [255:0] INIT_RAM_02 = 256'h0,
    parameter [255:0] INIT_RAM_03 = 256'h0,
    parameter [255:0] INIT_RAM_04 = 256'h0,
    parameter [255:0] INIT_RAM_05 = 256'h0,
    parameter [255:0] INIT_RAM_06 = 256'h0,
    parameter [255:0] INIT_RAM_07 = 256'h0,
    parameter [255:0] INIT_RAM_08 = 256'h0,
    parameter [255:0] INIT_RAM_09 = 256'h0,
    parameter [255:0] INIT_RAM_0A = 256'h0,
    parameter [255:0] INIT_RAM_0B = 256'h0,
    parameter [255:0] INIT_RAM_0C = 256'h0,
    parameter [255:0] INIT_RAM_0D = 256'h0,
    parameter [255:0] INIT_RAM_0E = 256'h0,
    parameter [255:0] INIT_RAM_0F = 256'h0,
    parameter [255:0] INIT_RAM_10 = 256'h0,
    parameter [255:0] INIT_RAM_11 = 256'h0,
    parameter [255:0] INIT_RAM_12 = 256'h0,
    parameter [255:0] INIT_RAM_13 = 256'h0,
    parameter [255:0] INIT_RAM_14 = 256'h0,
    parameter [255:0] INIT_RAM_15 = 256'h0,
    parameter [255:0] INIT_RAM_16 = 256'h0,
    parameter [255:0] INIT_RAM_17 = 256'h0,
    parameter [255:0] INIT_RAM_18 = 256'h0,
    parameter [255:0] INIT_RAM_19 = 256'h0,
    parameter [255:0] INIT_RAM_1A = 256'h0,
    parameter [255:0] INIT_RAM_1B = 256'h0,
    parameter [255:0] INIT_RAM_1C = 256'h0,
    parameter [255:0] INIT_RAM_1D = 256'h0,
    parameter [255:0] INIT_RAM_1E = 256'h0,
    parameter [255:0] INIT_RAM_1F = 256'h0,
    parameter [255:0] INIT_RAM_20 = 256'h0,
    parameter [255:0] INIT_RAM_21 = 256'h0,
    parameter [255:0] INIT_RAM_22 = 256'h0,
    parameter [255:0] INIT_RAM_23 = 256'h0,
    parameter [255:0] INIT_RAM_24 = 256'h0,
    parameter [255:0] INIT_RAM_25 = 256'h0,
    parameter [255:0] INIT_RAM_26 = 256'h0,
    parameter [255:0] INIT_RAM_27 = 256'h0,
    parameter [255:0] INIT_RAM_28 = 256'h0,
    parameter [255:0] INIT_RAM_29 = 256'h0,
    parameter [255:0] INIT_RAM_2A = 256'h0,
    parameter [255:0] INIT_RAM_2B = 256'h0,
    parameter [255:0] INIT_RAM_2C = 256'h0,
    parameter [255:0] INIT_RAM_2D = 256'h0,
    parameter [255:0] INIT_RAM_2E = 256'h0,
    parameter [255:0] INIT_RAM_2F = 256'h0,
    parameter [255:0] INIT_RAM_30 = 256'h0,
    parameter [255:0] INIT_RAM_31 = 256'h0,
    parameter [255:0] INIT_RAM_32 = 256'h0,
    parameter [255:0] INIT_RAM_33 = 256'h0,
    parameter [255:0] INIT_RAM_34 = 256'h0,
    parameter [255:0] INIT_RAM_35 = 256'h0,
    parameter [255:0] INIT_RAM_36 = 256'h0,
    parameter [255:0] INIT_RAM_37 = 256'h0,
    parameter [255:0] INIT_RAM_38 = 256'h0,
    parameter [255:0] INIT_RAM_39 = 256'h0,
    parameter [255:0] INIT_RAM_3A = 256'h0,
    parameter [255:0] INIT_RAM_3B = 256'h0,
    parameter [255:0] INIT_RAM_3C = 256'h0,
    parameter [255:0] INIT_RAM_3D = 256'h0,
    parameter [255:0] INIT_RAM_3E = 256'h0,
    parameter [255:0] INIT_RAM_3F = 256'h0
) (
    input wire CLKA, input wire CEA, input wire RESETA, input wire [13:0] ADA,
    input wire [31:0] DI, input wire [2:0] BLKSELA,
    input wire CLKB, input wire CEB, input wire OCE, input wire RESETB, input wire [13:0] ADB,
    input wire [2:0] BLKSELB,
    output wire [31:0] DO
);
    localparam [16383:0] START = {INIT_RAM_3F, INIT_RAM_3E, INIT_RAM_3D, INIT_RAM_3C, INIT_RAM_3B,
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
        for (log_width = 0; width > 1 << log_width; log_width = log_width + 1);
    endfunction
    localparam A_LOG = log_width(BIT_WIDTH_0);
    localparam B_LOG = log_width(BIT_WIDTH_1);
    // A wide port's lowest address bits say which bytes of the word it writes.
    function [3:0] enabled(input [13:0] at, input integer log);
        enabled = log == 5 ? at[3:0] : log == 4 ? {2'b0, at[1:0]} : 4'b1;
    endfunction
    wire [35:0] other, out;
    BLOCK_RAM_18K #(.BYTE(8), .A_LOG(A_LOG), .B_LOG(B_LOG), .START(START)) memory (
        .a_clock(CLKA), .a_at(ADA), .a_in({4'd0, DI}), .a_reset(1'b0),
        .a_writes({4{CEA}} & enabled(ADA, A_LOG)), .a_reads(1'b0), .a_out(other),
        .b_clock(CLKB), .b_at(ADB), .b_in(36'd0), .b_reset(RESETB), .b_writes(4'd0),
        .b_reads(CEB), .b_out(out)
    );
    assign DO = out[31:0];

    function known_width(input integer width);
        known_width = width == 1 || width == 2 || width == 4 || width == 8 || width == 16
                   || width == 32;
    endfunction
    initial begin
        if (!known_width(BIT_WIDTH_0) || !known_width(BIT_WIDTH_1)) begin
            $display("SDPB %m: widths must be 1, 2, 4, 8, 16 or 32, not %0d and %0d",
                     BIT_WIDTH_0, BIT_WIDTH_1);
            $finish;
        end
        if (READ_MODE != 0
            || BLK_SEL_0 != 0 || BLK_SEL_1 != 0) begin
            $display("SDPB %m: no output register, write mode 3 or block select");
            $finish;
        end
        if (RESET_MODE != "SYNC" && RESET_MODE != "ASYNC") begin
            $display("SDPB %m: RESET_MODE must be SYNC or ASYNC, not %0s", RESET_MODE);
            $finish;
        end
    end
    wire refused = (BLKSELA != 0) | (BLKSELB != 0) | ((RESETA | RESETB) & RESET_MODE == "ASYNC");
    always @(refused)
        if (refused === 1'b1) begin
            $display("SDPB %m: no block select and asynchronous reset");
            $finish;
        end
endmodule
`default_nettype wire

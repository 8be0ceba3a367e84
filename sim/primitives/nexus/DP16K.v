// Block RAM of 18 kbit with two ports, each of 1, 2, 4, 9 or 18 bits, that keep what they read last
// while they write.
// Source: Lattice FPGA-TN-02094, Memory User Guide for Nexus Platform (EBR, true dual port, byte enables on
// the low address bits); Project Oxide for INITVAL, as text; the order of bits between widths is that
// of `BLOCK_RAM_18K`.
// Uses: BLOCK_RAM_18K
// Not modelled, and refused: output registers, asynchronous reset (other than one that never
// comes), chip selects, error correction.
// What one port reads while the other writes it is unknown (x), as is what both write at once.
// Ports are taken to share a clock.
`default_nettype none
module DP16K #(
    parameter DATA_WIDTH_A = "X18",
    parameter DATA_WIDTH_B = "X18",
    parameter OUTREG_A = "BYPASSED",
    parameter OUTREG_B = "BYPASSED",
    parameter RESETMODE_A = "SYNC",
    parameter RESETMODE_B = "SYNC",
    parameter ASYNC_RST_RELEASE_A = "SYNC",
    parameter ASYNC_RST_RELEASE_B = "SYNC",
    parameter CSDECODE_A = "000",
    parameter CSDECODE_B = "000",
    parameter INITVAL_00 = "0x0",
    parameter INITVAL_01 = "0x0",
    parameter INITVAL_02 = "0x0",
    parameter INITVAL_03 = "0x0",
    parameter INITVAL_04 = "0x0",
    parameter INITVAL_05 = "0x0",
    parameter INITVAL_06 = "0x0",
    parameter INITVAL_07 = "0x0",
    parameter INITVAL_08 = "0x0",
    parameter INITVAL_09 = "0x0",
    parameter INITVAL_0A = "0x0",
    parameter INITVAL_0B = "0x0",
    parameter INITVAL_0C = "0x0",
    parameter INITVAL_0D = "0x0",
    parameter INITVAL_0E = "0x0",
    parameter INITVAL_0F = "0x0",
    parameter INITVAL_10 = "0x0",
    parameter INITVAL_11 = "0x0",
    parameter INITVAL_12 = "0x0",
    parameter INITVAL_13 = "0x0",
    parameter INITVAL_14 = "0x0",
    parameter INITVAL_15 = "0x0",
    parameter INITVAL_16 = "0x0",
    parameter INITVAL_17 = "0x0",
    parameter INITVAL_18 = "0x0",
    parameter INITVAL_19 = "0x0",
    parameter INITVAL_1A = "0x0",
    parameter INITVAL_1B = "0x0",
    parameter INITVAL_1C = "0x0",
    parameter INITVAL_1D = "0x0",
    parameter INITVAL_1E = "0x0",
    parameter INITVAL_1F = "0x0",
    parameter INITVAL_20 = "0x0",
    parameter INITVAL_21 = "0x0",
    parameter INITVAL_22 = "0x0",
    parameter INITVAL_23 = "0x0",
    parameter INITVAL_24 = "0x0",
    parameter INITVAL_25 = "0x0",
    parameter INITVAL_26 = "0x0",
    parameter INITVAL_27 = "0x0",
    parameter INITVAL_28 = "0x0",
    parameter INITVAL_29 = "0x0",
    parameter INITVAL_2A = "0x0",
    parameter INITVAL_2B = "0x0",
    parameter INITVAL_2C = "0x0",
    parameter INITVAL_2D = "0x0",
    parameter INITVAL_2E = "0x0",
    parameter INITVAL_2F = "0x0",
    parameter INITVAL_30 = "0x0",
    parameter INITVAL_31 = "0x0",
    parameter INITVAL_32 = "0x0",
    parameter INITVAL_33 = "0x0",
    parameter INITVAL_34 = "0x0",
    parameter INITVAL_35 = "0x0",
    parameter INITVAL_36 = "0x0",
    parameter INITVAL_37 = "0x0",
    parameter INITVAL_38 = "0x0",
    parameter INITVAL_39 = "0x0",
    parameter INITVAL_3A = "0x0",
    parameter INITVAL_3B = "0x0",
    parameter INITVAL_3C = "0x0",
    parameter INITVAL_3D = "0x0",
    parameter INITVAL_3E = "0x0",
    parameter INITVAL_3F = "0x0",
    parameter GSR = "DISABLED"
) (
    input wire CLKA, input wire CEA, input wire WEA, input wire RSTA, input wire [2:0] CSA,
    input wire [13:0] ADA, input wire [17:0] DIA, output wire [17:0] DOA,
    input wire CLKB, input wire CEB, input wire WEB, input wire RSTB, input wire [2:0] CSB,
    input wire [13:0] ADB, input wire [17:0] DIB, output wire [17:0] DOB
);
    // The value of a text such as "0x96AA", as parameters of this family are written.
    function [319:0] hex(input [639:0] text);
        integer n;
        reg [7:0] letter;
        begin
            hex = 0;
            for (n = 79; n >= 0; n = n - 1) begin
                letter = text[8 * n +: 8];
                hex = hex << 4
                    | (letter >= "a" ? letter - "a" + 10 : letter >= "A" ? letter - "A" + 10
                       : letter - "0");
            end
        end
    endfunction
    // Row by row; ten bits of each hold a byte of nine.
    function [287:0] packed_bytes(input [319:0] row);
        integer n;
        for (n = 0; n < 32; n = n + 1) packed_bytes[9 * n +: 9] = row[10 * n +: 9];
    endfunction
    localparam [18431:0] START = {
        packed_bytes(hex(INITVAL_3F)), packed_bytes(hex(INITVAL_3E)),
        packed_bytes(hex(INITVAL_3D)), packed_bytes(hex(INITVAL_3C)),
        packed_bytes(hex(INITVAL_3B)), packed_bytes(hex(INITVAL_3A)),
        packed_bytes(hex(INITVAL_39)), packed_bytes(hex(INITVAL_38)),
        packed_bytes(hex(INITVAL_37)), packed_bytes(hex(INITVAL_36)),
        packed_bytes(hex(INITVAL_35)), packed_bytes(hex(INITVAL_34)),
        packed_bytes(hex(INITVAL_33)), packed_bytes(hex(INITVAL_32)),
        packed_bytes(hex(INITVAL_31)), packed_bytes(hex(INITVAL_30)),
        packed_bytes(hex(INITVAL_2F)), packed_bytes(hex(INITVAL_2E)),
        packed_bytes(hex(INITVAL_2D)), packed_bytes(hex(INITVAL_2C)),
        packed_bytes(hex(INITVAL_2B)), packed_bytes(hex(INITVAL_2A)),
        packed_bytes(hex(INITVAL_29)), packed_bytes(hex(INITVAL_28)),
        packed_bytes(hex(INITVAL_27)), packed_bytes(hex(INITVAL_26)),
        packed_bytes(hex(INITVAL_25)), packed_bytes(hex(INITVAL_24)),
        packed_bytes(hex(INITVAL_23)), packed_bytes(hex(INITVAL_22)),
        packed_bytes(hex(INITVAL_21)), packed_bytes(hex(INITVAL_20)),
        packed_bytes(hex(INITVAL_1F)), packed_bytes(hex(INITVAL_1E)),
        packed_bytes(hex(INITVAL_1D)), packed_bytes(hex(INITVAL_1C)),
        packed_bytes(hex(INITVAL_1B)), packed_bytes(hex(INITVAL_1A)),
        packed_bytes(hex(INITVAL_19)), packed_bytes(hex(INITVAL_18)),
        packed_bytes(hex(INITVAL_17)), packed_bytes(hex(INITVAL_16)),
        packed_bytes(hex(INITVAL_15)), packed_bytes(hex(INITVAL_14)),
        packed_bytes(hex(INITVAL_13)), packed_bytes(hex(INITVAL_12)),
        packed_bytes(hex(INITVAL_11)), packed_bytes(hex(INITVAL_10)),
        packed_bytes(hex(INITVAL_0F)), packed_bytes(hex(INITVAL_0E)),
        packed_bytes(hex(INITVAL_0D)), packed_bytes(hex(INITVAL_0C)),
        packed_bytes(hex(INITVAL_0B)), packed_bytes(hex(INITVAL_0A)),
        packed_bytes(hex(INITVAL_09)), packed_bytes(hex(INITVAL_08)),
        packed_bytes(hex(INITVAL_07)), packed_bytes(hex(INITVAL_06)),
        packed_bytes(hex(INITVAL_05)), packed_bytes(hex(INITVAL_04)),
        packed_bytes(hex(INITVAL_03)), packed_bytes(hex(INITVAL_02)),
        packed_bytes(hex(INITVAL_01)), packed_bytes(hex(INITVAL_00))
    };
    // Widths are texts.
    function integer log_width(input [23:0] width);
        log_width = width == "X36" ? 5 : width == "X18" ? 4 : width == "X9" ? 3 : width == "X4" ? 2
                  : width == "X2" ? 1 : width == "X1" ? 0 : -1;
    endfunction
    localparam A_LOG = log_width(DATA_WIDTH_A), B_LOG = log_width(DATA_WIDTH_B);
    // A wide port's lowest address bits say which bytes of the word it writes.
    function [3:0] enabled(input [13:0] at, input integer log);
        enabled = log == 5 ? at[3:0] : log == 4 ? {2'b0, at[1:0]} : 4'b1;
    endfunction
    wire [35:0] a_out, b_out;
    BLOCK_RAM_18K #(.A_LOG(A_LOG), .B_LOG(B_LOG), .START(START)) memory (
        .a_clock(CLKA), .a_at(ADA), .a_in({18'd0, DIA}), .a_reset(RSTA & CEA),
        .a_writes({4{CEA & WEA}} & enabled(ADA, A_LOG)), .a_reads(CEA & ~WEA), .a_out(a_out),
        .b_clock(CLKB), .b_at(ADB), .b_in({18'd0, DIB}), .b_reset(RSTB & CEB),
        .b_writes({4{CEB & WEB}} & enabled(ADB, B_LOG)), .b_reads(CEB & ~WEB), .b_out(b_out)
    );
    assign DOA = a_out[17:0];
    assign DOB = b_out[17:0];

    initial begin
        if (A_LOG < 0 || A_LOG == 5 || B_LOG < 0 || B_LOG == 5) begin
            $display("DP16K %m: widths must be X1, X2, X4, X9 or X18, not %0s and %0s",
                     DATA_WIDTH_A, DATA_WIDTH_B);
            $finish;
        end
        if (OUTREG_A != "BYPASSED" || OUTREG_B != "BYPASSED") begin
            $display("DP16K %m: OUTREG must be BYPASSED, not %0s and %0s", OUTREG_A, OUTREG_B);
            $finish;
        end
        if (CSDECODE_A != "111" || CSDECODE_B != "111") begin
            $display("DP16K %m: CSDECODE must be 111, not %0s and %0s", CSDECODE_A, CSDECODE_B);
            $finish;
        end
    end
    wire refused = ~&CSA | ~&CSB | (RSTA & RESETMODE_A == "ASYNC") | (RSTB & RESETMODE_B == "ASYNC");
    always @(refused)
        if (refused === 1'b1) begin
            $display("DP16K %m: no chip select and asynchronous reset");
            $finish;
        end
endmodule
`default_nettype wire

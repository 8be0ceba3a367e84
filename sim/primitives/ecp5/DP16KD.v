// Block RAM of 18 kbit with two ports. A port is 1, 2, 4, 9 or 18 bits wide; port A, as writer,
// and port B, as reader, also 36, and then use both ports' data pins (pseudo dual port).
// Source: Lattice FPGA-TN-02204 (TN1264), ECP5 and ECP5-5G Memory Usage Guide (EBR, true and
// pseudo dual port, byte enables on the low address bits, write modes, initialisation); Project
// Trellis for the order of bits between widths and in INITVAL.
// What one port reads while the other writes it is unknown (x), as is what both write at once.
// Ports are taken to share a clock.
// Uses: BLOCK_RAM_18K
// Not modelled, and refused: output registers, asynchronous reset (other than one that never
// comes), chip selects, falling clocks.
`default_nettype none
module DP16KD #(
    parameter DATA_WIDTH_A = 18,
    parameter DATA_WIDTH_B = 18,
    parameter REGMODE_A = "NOREG",
    parameter REGMODE_B = "NOREG",
    parameter RESETMODE = "SYNC",
    parameter ASYNC_RESET_RELEASE = "SYNC",
    parameter CSDECODE_A = "0b000",
    parameter CSDECODE_B = "0b000",
    parameter WRITEMODE_A = "NORMAL",
    parameter WRITEMODE_B = "NORMAL",
    parameter CLKAMUX = "CLKA",
    parameter CLKBMUX = "CLKB",
    parameter GSR = "ENABLED",
    parameter [319:0] INITVAL_00 = 320'h0,
    parameter [319:0] INITVAL_01 = 320'h0,
    parameter [319:0] INITVAL_02 = 320'h0,
    parameter [319:0] INITVAL_03 = 320'h0,
    parameter [319:0] INITVAL_04 = 320'h0,
    parameter [319:0] INITVAL_05 = 320'h0,
    parameter [319:0] INITVAL_06 = 320'h0,
    parameter [319:0] INITVAL_07 = 320'h0,
    parameter [319:0] INITVAL_08 = 320'h0,
    parameter [319:0] INITVAL_09 = 320'h0,
    parameter [319:0] INITVAL_0A = 320'h0,
    parameter [319:0] INITVAL_0B = 320'h0,
    parameter [319:0] INITVAL_0C = 320'h0,
    parameter [319:0] INITVAL_0D = 320'h0,
    parameter [319:0] INITVAL_0E = 320'h0,
    parameter [319:0] INITVAL_0F = 320'h0,
    parameter [319:0] INITVAL_10 = 320'h0,
    parameter [319:0] INITVAL_11 = 320'h0,
    parameter [319:0] INITVAL_12 = 320'h0,
    parameter [319:0] INITVAL_13 = 320'h0,
    parameter [319:0] INITVAL_14 = 320'h0,
    parameter [319:0] INITVAL_15 = 320'h0,
    parameter [319:0] INITVAL_16 = 320'h0,
    parameter [319:0] INITVAL_17 = 320'h0,
    parameter [319:0] INITVAL_18 = 320'h0,
    parameter [319:0] INITVAL_19 = 320'h0,
    parameter [319:0] INITVAL_1A = 320'h0,
    parameter [319:0] INITVAL_1B = 320'h0,
    parameter [319:0] INITVAL_1C = 320'h0,
    parameter [319:0] INITVAL_1D = 320'h0,
    parameter [319:0] INITVAL_1E = 320'h0,
    parameter [319:0] INITVAL_1F = 320'h0,
    parameter [319:0] INITVAL_20 = 320'h0,
    parameter [319:0] INITVAL_21 = 320'h0,
    parameter [319:0] INITVAL_22 = 320'h0,
    parameter [319:0] INITVAL_23 = 320'h0,
    parameter [319:0] INITVAL_24 = 320'h0,
    parameter [319:0] INITVAL_25 = 320'h0,
    parameter [319:0] INITVAL_26 = 320'h0,
    parameter [319:0] INITVAL_27 = 320'h0,
    parameter [319:0] INITVAL_28 = 320'h0,
    parameter [319:0] INITVAL_29 = 320'h0,
    parameter [319:0] INITVAL_2A = 320'h0,
    parameter [319:0] INITVAL_2B = 320'h0,
    parameter [319:0] INITVAL_2C = 320'h0,
    parameter [319:0] INITVAL_2D = 320'h0,
    parameter [319:0] INITVAL_2E = 320'h0,
    parameter [319:0] INITVAL_2F = 320'h0,
    parameter [319:0] INITVAL_30 = 320'h0,
    parameter [319:0] INITVAL_31 = 320'h0,
    parameter [319:0] INITVAL_32 = 320'h0,
    parameter [319:0] INITVAL_33 = 320'h0,
    parameter [319:0] INITVAL_34 = 320'h0,
    parameter [319:0] INITVAL_35 = 320'h0,
    parameter [319:0] INITVAL_36 = 320'h0,
    parameter [319:0] INITVAL_37 = 320'h0,
    parameter [319:0] INITVAL_38 = 320'h0,
    parameter [319:0] INITVAL_39 = 320'h0,
    parameter [319:0] INITVAL_3A = 320'h0,
    parameter [319:0] INITVAL_3B = 320'h0,
    parameter [319:0] INITVAL_3C = 320'h0,
    parameter [319:0] INITVAL_3D = 320'h0,
    parameter [319:0] INITVAL_3E = 320'h0,
    parameter [319:0] INITVAL_3F = 320'h0
) (
    input wire DIA0, input wire DIA1, input wire DIA2, input wire DIA3, input wire DIA4,
    input wire DIA5, input wire DIA6, input wire DIA7, input wire DIA8, input wire DIA9,
    input wire DIA10, input wire DIA11, input wire DIA12, input wire DIA13, input wire DIA14,
    input wire DIA15, input wire DIA16, input wire DIA17,
    input wire ADA0, input wire ADA1, input wire ADA2, input wire ADA3, input wire ADA4,
    input wire ADA5, input wire ADA6, input wire ADA7, input wire ADA8, input wire ADA9,
    input wire ADA10, input wire ADA11, input wire ADA12, input wire ADA13,
    input wire CEA, input wire OCEA, input wire CLKA, input wire WEA, input wire RSTA,
    input wire CSA0, input wire CSA1, input wire CSA2,
    output wire DOA0, output wire DOA1, output wire DOA2, output wire DOA3, output wire DOA4,
    output wire DOA5, output wire DOA6, output wire DOA7, output wire DOA8, output wire DOA9,
    output wire DOA10, output wire DOA11, output wire DOA12, output wire DOA13, output wire DOA14,
    output wire DOA15, output wire DOA16, output wire DOA17,
    input wire DIB0, input wire DIB1, input wire DIB2, input wire DIB3, input wire DIB4,
    input wire DIB5, input wire DIB6, input wire DIB7, input wire DIB8, input wire DIB9,
    input wire DIB10, input wire DIB11, input wire DIB12, input wire DIB13, input wire DIB14,
    input wire DIB15, input wire DIB16, input wire DIB17,
    input wire ADB0, input wire ADB1, input wire ADB2, input wire ADB3, input wire ADB4,
    input wire ADB5, input wire ADB6, input wire ADB7, input wire ADB8, input wire ADB9,
    input wire ADB10, input wire ADB11, input wire ADB12, input wire ADB13,
    input wire CEB, input wire OCEB, input wire CLKB, input wire WEB, input wire RSTB,
    input wire CSB0, input wire CSB1, input wire CSB2,
    output wire DOB0, output wire DOB1, output wire DOB2, output wire DOB3, output wire DOB4,
    output wire DOB5, output wire DOB6, output wire DOB7, output wire DOB8, output wire DOB9,
    output wire DOB10, output wire DOB11, output wire DOB12, output wire DOB13, output wire DOB14,
    output wire DOB15, output wire DOB16, output wire DOB17
);
    localparam [20479:0] START = {INITVAL_3F, INITVAL_3E, INITVAL_3D, INITVAL_3C, INITVAL_3B,
        INITVAL_3A, INITVAL_39, INITVAL_38, INITVAL_37, INITVAL_36, INITVAL_35, INITVAL_34,
        INITVAL_33, INITVAL_32, INITVAL_31, INITVAL_30, INITVAL_2F, INITVAL_2E, INITVAL_2D,
        INITVAL_2C, INITVAL_2B, INITVAL_2A, INITVAL_29, INITVAL_28, INITVAL_27, INITVAL_26,
        INITVAL_25, INITVAL_24, INITVAL_23, INITVAL_22, INITVAL_21, INITVAL_20, INITVAL_1F,
        INITVAL_1E, INITVAL_1D, INITVAL_1C, INITVAL_1B, INITVAL_1A, INITVAL_19, INITVAL_18,
        INITVAL_17, INITVAL_16, INITVAL_15, INITVAL_14, INITVAL_13, INITVAL_12, INITVAL_11,
        INITVAL_10, INITVAL_0F, INITVAL_0E, INITVAL_0D, INITVAL_0C, INITVAL_0B, INITVAL_0A,
        INITVAL_09, INITVAL_08, INITVAL_07, INITVAL_06, INITVAL_05, INITVAL_04, INITVAL_03,
        INITVAL_02, INITVAL_01, INITVAL_00};
    // Twenty bits of them hold two bytes.
    function [18431:0] packed_bytes(input [20479:0] start);
        integer row;
        for (row = 0; row < 1024; row = row + 1)
            packed_bytes[18 * row +: 18] = start[20 * row +: 18];
    endfunction

    function integer log_width(input integer width);
        log_width = width == 36 ? 5 : width == 18 ? 4 : width == 9 ? 3 : width == 4 ? 2 : width - 1;
    endfunction
    localparam A_LOG = log_width(DATA_WIDTH_A), B_LOG = log_width(DATA_WIDTH_B);
    localparam A_BYTES = A_LOG < 3 ? 1 : 1 << (A_LOG - 3);
    localparam B_BYTES = B_LOG < 3 ? 1 : 1 << (B_LOG - 3);
    localparam A_READS = DATA_WIDTH_A != 36;

    wire [13:0] a_at = {ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3,
        ADA2, ADA1, ADA0};
    wire [13:0] b_at = {ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3,
        ADB2, ADB1, ADB0};
    wire [17:0] a_data = {DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8,
        DIA7, DIA6, DIA5, DIA4, DIA3, DIA2, DIA1, DIA0};
    wire [17:0] b_data = {DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8,
        DIB7, DIB6, DIB5, DIB4, DIB3, DIB2, DIB1, DIB0};
    wire [35:0] a_in = {b_data, a_data};
    wire [35:0] b_in = {18'b0, b_data};

    // Which bytes of its word a port writes in this cycle.
    wire a_moves = CEA & WEA & ~RSTA, b_moves = CEB & WEB & ~RSTB;
    wire [3:0] a_writes = {4{a_moves}}
        & (A_BYTES == 4 ? a_at[3:0] : A_BYTES == 2 ? {2'b0, a_at[1:0]} : 4'b1);
    wire [3:0] b_writes = {4{b_moves}} & (B_BYTES == 2 ? {2'b0, b_at[1:0]} : 4'b1);

    wire [35:0] a_out, b_out;
    BLOCK_RAM_18K #(
        .A_LOG(A_LOG), .B_LOG(B_LOG), .START(packed_bytes(START)),
        .A_THROUGH(WRITEMODE_A == "WRITETHROUGH"), .B_THROUGH(WRITEMODE_B == "WRITETHROUGH")
    ) memory (
        .a_clock(CLKA), .a_at(a_at), .a_in(a_in), .a_writes(a_writes), .a_reset(RSTA),
        .a_reads(A_READS && CEA && (!WEA || WRITEMODE_A != "NORMAL")), .a_out(a_out),
        .b_clock(CLKB), .b_at(b_at), .b_in(b_in), .b_writes(b_writes), .b_reset(RSTB),
        .b_reads(CEB && (!WEB || WRITEMODE_B != "NORMAL")), .b_out(b_out)
    );

    assign {DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6,
        DOA5, DOA4, DOA3, DOA2, DOA1, DOA0} = DATA_WIDTH_B == 36 ? b_out[17:0] : a_out[17:0];
    assign {DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6,
        DOB5, DOB4, DOB3, DOB2, DOB1, DOB0} = DATA_WIDTH_B == 36 ? b_out[35:18] : b_out[17:0];

    function known_width(input integer width);
        known_width = width == 1 || width == 2 || width == 4 || width == 9 || width == 18
                   || width == 36;
    endfunction
    function known_mode(input [127:0] mode);
        known_mode = mode == "NORMAL" || mode == "WRITETHROUGH" || mode == "READBEFOREWRITE";
    endfunction
    initial begin
        if (!known_width(DATA_WIDTH_A) || !known_width(DATA_WIDTH_B)) begin
            $display("DP16KD %m: widths must be 1, 2, 4, 9, 18 or 36, not %0d and %0d",
                     DATA_WIDTH_A, DATA_WIDTH_B);
            $finish;
        end
        if (!known_mode(WRITEMODE_A) || !known_mode(WRITEMODE_B)) begin
            $display("DP16KD %m: write modes %0s and %0s are not known", WRITEMODE_A, WRITEMODE_B);
            $finish;
        end
        if (REGMODE_A != "NOREG" || REGMODE_B != "NOREG") begin
            $display("DP16KD %m: REGMODE must be NOREG, not %0s and %0s", REGMODE_A, REGMODE_B);
            $finish;
        end
        if (RESETMODE != "SYNC" && RESETMODE != "ASYNC") begin
            $display("DP16KD %m: RESETMODE must be SYNC or ASYNC, not %0s", RESETMODE);
            $finish;
        end
        if (CSDECODE_A != "0b000" || CSDECODE_B != "0b000") begin
            $display("DP16KD %m: CSDECODE must be 0b000, not %0s and %0s", CSDECODE_A, CSDECODE_B);
            $finish;
        end
        if (CLKAMUX != "CLKA" || CLKBMUX != "CLKB") begin
            $display("DP16KD %m: clocks must be CLKA and CLKB, not %0s and %0s", CLKAMUX, CLKBMUX);
            $finish;
        end
    end
    wire refused = CSA0 | CSA1 | CSA2 | CSB0 | CSB1 | CSB2
        | (WEB & (DATA_WIDTH_A == 36 || DATA_WIDTH_B == 36))
        | (WEA & DATA_WIDTH_B == 36 & DATA_WIDTH_A != 36)
        | ((RSTA | RSTB) & RESETMODE == "ASYNC");
    always @(refused)
        if (refused === 1'b1) begin
            $display("DP16KD %m: no chip select, asynchronous reset, 36 bits but from A to B");
            $finish;
        end
endmodule
`default_nettype wire

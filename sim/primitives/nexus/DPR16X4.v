// Sixteen words of four bits in look-up tables: written at a clock edge, read at once.
// Source: Lattice FPGA-TN-02094, Memory User Guide for Nexus Platform (distributed dual port RAM);
// Project Oxide, DPR16X4.
`default_nettype none
module DPR16X4 #(
    parameter INITVAL = "0x0000000000000000"
) (
    input wire [3:0] DI, input wire [3:0] WAD, input wire WRE, input wire WCK,
    input wire [3:0] RAD,
    output wire [3:0] DO
);
    // The value of a text such as "0x96AA", as parameters of this family are written.
    function [63:0] hex(input [127:0] text);
        integer n;
        reg [7:0] letter;
        begin
            hex = 0;
            for (n = 15; n >= 0; n = n - 1) begin
                letter = text[8 * n +: 8];
                hex = hex << 4
                    | (letter >= "a" ? letter - "a" + 10 : letter >= "A" ? letter - "A" + 10
                       : letter - "0");
            end
        end
    endfunction
    localparam [63:0] START = hex(INITVAL);
    reg [3:0] words[0:15];
    integer n;
    initial for (n = 0; n < 16; n = n + 1) words[n] = START[4 * n +: 4];

    always @(posedge WCK)
        if (WRE !== 1'b0) words[WAD] <= WRE === 1'b1 ? DI : 4'bx;
    assign DO = words[RAD];
endmodule
`default_nettype wire

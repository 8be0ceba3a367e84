// Two look-up tables of four inputs, and the multiplexer that chooses between them.
// Source: Lattice FPGA-DS-02049, CrossLink-NX Family Data Sheet (PFU, slice in logic mode); Project Oxide, WIDEFN9.
`default_nettype none
module WIDEFN9 #(
    parameter INIT0 = "0x0000",
    parameter INIT1 = "0x0000"
) (
    input wire A0, input wire B0, input wire C0, input wire D0,
    input wire A1, input wire B1, input wire C1, input wire D1,
    input wire SEL, output wire Z
);
    // The value of a text such as "0x96AA", as parameters of this family are written.
    function [15:0] hex(input [31:0] text);
        integer n;
        reg [7:0] letter;
        begin
            hex = 0;
            for (n = 3; n >= 0; n = n - 1) begin
                letter = text[8 * n +: 8];
                hex = hex << 4
                    | (letter >= "a" ? letter - "a" + 10 : letter >= "A" ? letter - "A" + 10
                       : letter - "0");
            end
        end
    endfunction
    // The table's entry; an unknown input that makes no difference leaves it known.
    function pick(input [15:0] table_, input a, input b, input c, input d);
        reg [7:0] of_d;
        reg [3:0] of_c;
        reg [1:0] of_b;
        begin
            of_d = d ? table_[15:8] : table_[7:0];
            of_c = c ? of_d[7:4] : of_d[3:0];
            of_b = b ? of_c[3:2] : of_c[1:0];
            pick = a ? of_b[1] : of_b[0];
        end
    endfunction
    localparam [15:0] TABLE0 = hex(INIT0), TABLE1 = hex(INIT1);
    assign Z = SEL ? pick(TABLE1, A1, B1, C1, D1) : pick(TABLE0, A0, B0, C0, D0);
endmodule
`default_nettype wire

// Look-up table of four inputs: INIT[{D, C, B, A}], as text.
// Source: Lattice FPGA-DS-02049, CrossLink-NX Family Data Sheet (PFU, slice in logic mode); Project Oxide, OXIDE_COMB.
`default_nettype none
module LUT4 #(
    parameter INIT = "0x0000"
) (
    input wire A, input wire B, input wire C, input wire D,
    output wire Z
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
    localparam [15:0] TABLE = hex(INIT);
    // Halves by conditions: an unknown input that makes no difference leaves Z known.
    wire [7:0] of_d = D ? TABLE[15:8] : TABLE[7:0];
    wire [3:0] of_c = C ? of_d[7:4] : of_d[3:0];
    wire [1:0] of_b = B ? of_c[3:2] : of_c[1:0];
    assign Z = A ? of_b[1] : of_b[0];
endmodule
`default_nettype wire

// Look-up table of four inputs: LUT_INIT[{I3, I2, I1, I0}]. Inputs left open are 0.
// Source: Lattice, iCE40 Technology Library (SB_LUT4); Lattice FPGA-DS-02029, iCE40 LP/HX Family
// Data Sheet (programmable logic block).
`default_nettype none
module SB_LUT4 #(
    parameter [15:0] LUT_INIT = 16'h0000
) (
    input wire I0, input wire I1, input wire I2, input wire I3,
    output wire O
);
    // Halves by conditions: an unknown input that makes no difference leaves O known.
    wire [7:0] of_3 = I3 ? LUT_INIT[15:8] : LUT_INIT[7:0];
    wire [3:0] of_2 = I2 ? of_3[7:4] : of_3[3:0];
    wire [1:0] of_1 = I1 ? of_2[3:2] : of_2[1:0];
    assign O = I0 ? of_1[1] : of_1[0];
endmodule
`default_nettype wire

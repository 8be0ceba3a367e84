// Look-up table of four inputs: INIT[{I3, I2, I1, I0}].
// Source: Gowin UG288, Configurable Function Unit (CFU) User Guide (LUT4).
`default_nettype none
module LUT4 #(
    parameter [15:0] INIT = 16'h0000
) (
    input wire I0, input wire I1, input wire I2, input wire I3,
    output wire F
);
    // Halves by conditions: an unknown input that makes no difference leaves F known.
    wire [7:0] of_d = I3 ? INIT[15:8] : INIT[7:0];
    wire [3:0] of_c = I2 ? of_d[7:4] : of_d[3:0];
    wire [1:0] of_b = I1 ? of_c[3:2] : of_c[1:0];
    assign F = I0 ? of_b[1] : of_b[0];
endmodule
`default_nettype wire

// Look-up table of three inputs: INIT[{I2, I1, I0}].
// Source: Gowin UG288, Configurable Function Unit (CFU) User Guide (LUT3).
`default_nettype none
module LUT3 #(
    parameter [7:0] INIT = 8'h0
) (
    input wire I0, input wire I1, input wire I2,
    output wire F
);
    wire [3:0] of_2 = I2 ? INIT[7:4] : INIT[3:0];
    wire [1:0] of_1 = I1 ? of_2[3:2] : of_2[1:0];
    assign F = I0 ? of_1[1] : of_1[0];
endmodule
`default_nettype wire

// Look-up table of two inputs: INIT[{I1, I0}].
// Source: Gowin UG288, Configurable Function Unit (CFU) User Guide (LUT2).
`default_nettype none
module LUT2 #(parameter [3:0] INIT = 4'h0) (input wire I0, input wire I1, output wire F);
    wire [1:0] of_1 = I1 ? INIT[3:2] : INIT[1:0];
    assign F = I0 ? of_1[1] : of_1[0];
endmodule
`default_nettype wire

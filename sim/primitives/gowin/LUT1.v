// Look-up table of one input: INIT[I0].
// Source: Gowin UG288, Configurable Function Unit (CFU) User Guide (LUT1).
`default_nettype none
module LUT1 #(parameter [1:0] INIT = 2'h0) (input wire I0, output wire F);
    assign F = I0 ? INIT[1] : INIT[0];
endmodule
`default_nettype wire

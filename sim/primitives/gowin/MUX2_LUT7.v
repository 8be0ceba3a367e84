// Multiplexer that makes a table of 7 inputs out of two of 6.
// Source: Gowin UG288, Configurable Function Unit (CFU) User Guide (MUX2_LUT7).
`default_nettype none
module MUX2_LUT7 (input wire I0, input wire I1, input wire S0, output wire O);
    assign O = S0 ? I1 : I0;
endmodule
`default_nettype wire

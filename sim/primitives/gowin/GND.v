// A constant 0.
// Source: Gowin UG288, Configurable Function Unit (CFU) User Guide (GND).
`default_nettype none
module GND (output wire G);
    assign G = 1'b0;
endmodule
`default_nettype wire

// A constant 1.
// Source: Gowin UG288, Configurable Function Unit (CFU) User Guide (VCC).
`default_nettype none
module VCC (output wire V);
    assign V = 1'b1;
endmodule
`default_nettype wire

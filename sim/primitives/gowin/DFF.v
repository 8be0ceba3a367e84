// Flip-flop.
// Source: Gowin UG288, Configurable Function Unit (CFU) User Guide (DFF).
`default_nettype none
module DFF #(parameter [0:0] INIT = 1'b0) (
    input wire CLK, input wire D, output reg Q
);
    initial Q = INIT;
    always @(posedge CLK)
        Q <= D;
endmodule
`default_nettype wire

// Flip-flop with synchronous reset.
// Source: Gowin UG288, Configurable Function Unit (CFU) User Guide (DFFR).
`default_nettype none
module DFFR #(parameter [0:0] INIT = 1'b0) (
    input wire CLK, input wire RESET, input wire D, output reg Q
);
    initial Q = INIT;
    always @(posedge CLK)
        if (RESET) Q <= 1'b0; else Q <= D;
endmodule
`default_nettype wire

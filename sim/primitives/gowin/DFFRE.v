// Flip-flop with synchronous reset, which comes before its clock enable.
// Source: Gowin UG288, Configurable Function Unit (CFU) User Guide (DFFRE).
`default_nettype none
module DFFRE #(parameter [0:0] INIT = 1'b0) (
    input wire CLK, input wire CE, input wire RESET, input wire D, output reg Q
);
    initial Q = INIT;
    always @(posedge CLK)
        if (RESET) Q <= 1'b0; else if (CE) Q <= D;
endmodule
`default_nettype wire

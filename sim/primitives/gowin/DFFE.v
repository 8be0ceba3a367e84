// Flip-flop with clock enable.
// Source: Gowin UG288, Configurable Function Unit (CFU) User Guide (DFFE).
`default_nettype none
module DFFE #(parameter [0:0] INIT = 1'b0) (
    input wire CLK, input wire CE, input wire D, output reg Q
);
    initial Q = INIT;
    always @(posedge CLK)
        if (CE) Q <= D;
endmodule
`default_nettype wire

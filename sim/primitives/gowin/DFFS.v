// Flip-flop with synchronous set. It starts with 1.
// Source: Gowin UG288, Configurable Function Unit (CFU) User Guide (DFFS).
`default_nettype none
module DFFS #(parameter [0:0] INIT = 1'b1) (
    input wire CLK, input wire SET, input wire D, output reg Q
);
    initial Q = INIT;
    always @(posedge CLK)
        if (SET) Q <= 1'b1; else Q <= D;
endmodule
`default_nettype wire

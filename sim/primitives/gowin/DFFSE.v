// Flip-flop with synchronous set, which comes before its clock enable. It starts with 1.
// Source: Gowin UG288, Configurable Function Unit (CFU) User Guide (DFFSE).
`default_nettype none
module DFFSE #(parameter [0:0] INIT = 1'b1) (
    input wire CLK, input wire CE, input wire SET, input wire D, output reg Q
);
    initial Q = INIT;
    always @(posedge CLK)
        if (SET) Q <= 1'b1; else if (CE) Q <= D;
endmodule
`default_nettype wire

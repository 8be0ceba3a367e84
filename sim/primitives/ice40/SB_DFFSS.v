// Flip-flop with synchronous set. It starts with 0.
// Source: Lattice, iCE40 Technology Library (SB_DFFSS); Lattice FPGA-DS-02029, iCE40 LP/HX
// Family Data Sheet (programmable logic block, flip-flop).
`default_nettype none
module SB_DFFSS (input wire C, input wire S, input wire D, output reg Q);
    initial Q = 1'b0;
    always @(posedge C)
        if (S) Q <= 1'b1; else Q <= D;
endmodule
`default_nettype wire

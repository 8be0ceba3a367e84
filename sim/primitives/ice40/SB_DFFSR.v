// Flip-flop with synchronous reset. It starts with 0.
// Source: Lattice, iCE40 Technology Library (SB_DFFSR); Lattice FPGA-DS-02029, iCE40 LP/HX
// Family Data Sheet (programmable logic block, flip-flop).
`default_nettype none
module SB_DFFSR (input wire C, input wire R, input wire D, output reg Q);
    initial Q = 1'b0;
    always @(posedge C)
        if (R) Q <= 1'b0; else Q <= D;
endmodule
`default_nettype wire

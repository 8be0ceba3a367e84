// Flip-flop with clock enable. It starts with 0.
// Source: Lattice, iCE40 Technology Library (SB_DFFE); Lattice FPGA-DS-02029, iCE40 LP/HX
// Family Data Sheet (programmable logic block, flip-flop).
`default_nettype none
module SB_DFFE (input wire C, input wire E, input wire D, output reg Q);
    initial Q = 1'b0;
    always @(posedge C)
        if (E) Q <= D;
endmodule
`default_nettype wire

// Flip-flop with clock enable, which comes before its synchronous reset. It starts with 0.
// Source: Lattice, iCE40 Technology Library (SB_DFFESR); Lattice FPGA-DS-02029, iCE40 LP/HX
// Family Data Sheet (programmable logic block, flip-flop).
`default_nettype none
module SB_DFFESR (input wire C, input wire E, input wire R, input wire D, output reg Q);
    initial Q = 1'b0;
    always @(posedge C)
        if (E) begin
            if (R) Q <= 1'b0; else Q <= D;
        end
endmodule
`default_nettype wire

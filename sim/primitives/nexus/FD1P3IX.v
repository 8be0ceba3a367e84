// Flip-flop with synchronous reset, which comes before its clock enable. It starts with 0.
// Source: Lattice FPGA-DS-02049, CrossLink-NX Family Data Sheet (slice, registers); Lattice Radiant, FD1P3IX.
// The global reset GSR, which configuration releases, is taken as released.
`default_nettype none
module FD1P3IX #(parameter GSR = "DISABLED") (
    input wire CK, input wire SP, input wire CD, input wire D, output reg Q
);
    initial Q = 1'b0;
    always @(posedge CK)
        if (CD) Q <= 1'b0; else if (SP) Q <= D;
endmodule
`default_nettype wire

// Flip-flop with synchronous set, which comes before its clock enable. It starts with 1.
// Source: Lattice FPGA-DS-02049, CrossLink-NX Family Data Sheet (slice, registers); Lattice Radiant, FD1P3JX.
// The global reset GSR, which configuration releases, is taken as released.
`default_nettype none
module FD1P3JX #(parameter GSR = "DISABLED") (
    input wire CK, input wire SP, input wire PD, input wire D, output reg Q
);
    initial Q = 1'b1;
    always @(posedge CK)
        if (PD) Q <= 1'b1; else if (SP) Q <= D;
endmodule
`default_nettype wire

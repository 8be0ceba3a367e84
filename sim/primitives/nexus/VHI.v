// A constant 1.
// Source: Lattice FPGA-DS-02049, CrossLink-NX Family Data Sheet (PFU); Project Oxide, VHI.
`default_nettype none
module VHI (output wire Z);
    assign Z = 1'b1;
endmodule
`default_nettype wire

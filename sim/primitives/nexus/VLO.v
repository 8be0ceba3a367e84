// A constant 0.
// Source: Lattice FPGA-DS-02049, CrossLink-NX Family Data Sheet (PFU); Project Oxide, VLO.
`default_nettype none
module VLO (output wire Z);
    assign Z = 1'b0;
endmodule
`default_nettype wire

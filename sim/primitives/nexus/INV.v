// Inverter, which place and route puts into what it drives.
// Source: Lattice FPGA-DS-02049, CrossLink-NX Family Data Sheet (PFU); Project Oxide, INV.
`default_nettype none
module INV (input wire A, output wire Z);
    assign Z = ~A;
endmodule
`default_nettype wire

// Carry of one bit: high when at least two of its inputs are.
// Source: Lattice, iCE40 Technology Library (SB_CARRY); Lattice FPGA-DS-02029, iCE40 LP/HX Family
// Data Sheet (programmable logic block, carry logic).
`default_nettype none
module SB_CARRY (input wire I0, input wire I1, input wire CI, output wire CO);
    assign CO = (I0 & I1) | (I0 & CI) | (I1 & CI);
endmodule
`default_nettype wire

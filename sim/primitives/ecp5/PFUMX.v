// Multiplexer behind the two look-up tables of a slice: a function of five inputs.
// Source: Lattice FPGA-DS-02012, ECP5 and ECP5-5G Family Data Sheet (slice); Lattice FPGA
// Libraries Reference Guide, PFUMX.
`default_nettype none
module PFUMX (input wire ALUT, input wire BLUT, input wire C0, output wire Z);
    assign Z = C0 ? ALUT : BLUT;
endmodule
`default_nettype wire

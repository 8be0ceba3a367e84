// Multiplexer behind two PFUMX or two L6MUX21: a function of six or seven inputs.
// Source: Lattice FPGA-DS-02012, ECP5 and ECP5-5G Family Data Sheet (slice); Lattice FPGA
// Libraries Reference Guide, L6MUX21.
`default_nettype none
module L6MUX21 (input wire D0, input wire D1, input wire SD, output wire Z);
    assign Z = SD ? D1 : D0;
endmodule
`default_nettype wire

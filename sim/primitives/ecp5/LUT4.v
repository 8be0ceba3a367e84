// Look-up table of four inputs: INIT[{D, C, B, A}].
// Source: Lattice FPGA-DS-02012, ECP5 and ECP5-5G Family Data Sheet (PFU, slice in logic mode);
// Lattice FPGA Libraries Reference Guide, ROM16X1A and LUT4.
`default_nettype none
module LUT4 #(
    parameter [15:0] INIT = 16'h0000
) (
    input wire A, input wire B, input wire C, input wire D,
    output wire Z
);
    // Halves by conditions: an unknown input that makes no difference leaves Z known.
    wire [7:0] of_d = D ? INIT[15:8] : INIT[7:0];
    wire [3:0] of_c = C ? of_d[7:4] : of_d[3:0];
    wire [1:0] of_b = B ? of_c[3:2] : of_c[1:0];
    assign Z = A ? of_b[1] : of_b[0];
endmodule
`default_nettype wire
